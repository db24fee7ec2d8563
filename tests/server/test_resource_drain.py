"""ManageDB drain resource: a resource finishes what it has and gets nothing new."""

import json
import time

import pytest

from lgi_protocol import xml
from lgi_protocol.errors import ErrorNumber
from lgi_protocol.exchange import Exchange, Reference, Want
from lgi_server.services.project import resource_drain
from tests.server.test_explain import explain, of_resources
from tests.server.test_metrics import awaited
from tests.server.test_restored_jobs import lose_claim
from tests.server.test_restored_jobs import restored as restored_grid
from tests.support.exchanges import HELLO, NAME, daemon, end_of
from tests.support.grid import PROJECT, SERVER_NAME, Grid, refusal
from tests.support.manage_db import manage
from tests.support.running_jobs import take

__all__ = ["restored_grid"]


def drain(grid: Grid, reason: str = "new disks", name: str = NAME) -> None:
    """Drain a resource, as ManageDB does."""
    grid.database.run(lambda transaction: resource_drain.drain(transaction, name, reason, int(time.time())))


def resume(grid: Grid) -> None:
    """Give it jobs again, as ManageDB does."""
    grid.database.run(lambda transaction: resource_drain.resume(transaction, NAME))


def test_a_request_for_work_of_a_drained_resource_gets_no_jobs(grid: Grid) -> None:
    """As when there are none, at once and however it asks; other resources get them; afterwards it does."""
    user, resource = grid.user(), grid.resource()
    other = grid.resource("res2@cluster")
    user.submit()
    assert resource.count_work(HELLO) == 1

    drain(grid)

    assert resource.count_work(HELLO) == 0
    assert resource.request_work(HELLO, 0, 10).jobs == ()
    assert other.count_work(HELLO) == 1
    resume(grid)
    assert len(resource.request_work(HELLO, 0, 10).jobs) == 1


def test_a_running_job_of_a_drained_resource_is_finished_by_the_old_calls(grid: Grid) -> None:
    """It is locked, changed and unlocked as before."""
    user, resource = grid.user(), grid.resource()
    job_id = user.submit()
    assert take(grid, resource) == str(job_id)

    drain(grid)
    resource.lock(str(job_id))
    resource.update(str(job_id), state="finished")
    resource.unlock(str(job_id))

    assert user.state(job_id) == "finished"


def test_a_drained_resource_cannot_lock_a_queued_job(grid: Grid) -> None:
    """Error 22, as for a job that another has locked; it can when it gets jobs again."""
    user, resource = grid.user(), grid.resource()
    job_id = str(user.submit())

    drain(grid)

    assert refusal(lambda: resource.lock(job_id)) == ErrorNumber.CANNOT_LOCK
    assert grid.rows("SELECT * FROM running_locks") == []
    resume(grid)
    resource.lock(job_id)
    resource.unlock(job_id)


def test_a_drained_resource_takes_back_a_job_that_was_queued_again(grid: Grid) -> None:
    """The scheduler has queued it after a break of the network: its daemon still has it, and finishes it."""
    user, resource = grid.user(), grid.resource()
    job_id = user.submit()
    take(grid, resource)
    grid.set_job(job_id, state="queued")

    drain(grid)
    resource.lock(str(job_id))
    resource.update(str(job_id), state="running")
    resource.unlock(str(job_id))

    assert user.state(job_id) == "running"


def test_an_exchange_of_a_drained_resource_reports_and_holds_and_gets_nothing(grid: Grid) -> None:
    """A lost answer is answered again: the jobs of its references are with the daemon already."""
    user, one = grid.user(), daemon(grid)
    for _ in range(3):
        user.submit()
    kept, ended = one.want(2)

    drain(grid)

    assert one.want() == ()
    assert one.hold(kept).holds == ()
    (verdict,) = one.report(end_of(ended)).reports
    assert (verdict.error, verdict.state) == (None, "finished")
    known = Reference(kept.description.daemon_reference)
    again = one.post(Exchange(wants=(Want(HELLO, 1),), references=(known,)))
    assert [job.description.job_id for job in again.jobs] == [kept.description.job_id]
    resume(grid)
    assert len(one.want()) == 1


def test_a_drained_resource_takes_back_what_a_restored_server_has_queued(restored: Grid) -> None:
    """It has the job: it finishes it, drained or not."""
    user, one = restored.user(), daemon(restored)
    job_id = user.submit()
    (job,) = one.want()
    lose_claim(restored, job_id)

    drain(restored)
    (verdict,) = one.hold(job).holds

    assert (verdict.state, verdict.error) == ("running", None)


restored = restored_grid


def test_a_drained_resource_that_waits_is_not_woken_for_queued_jobs(grid: Grid) -> None:
    """It waits for all of its time; a job to be aborted wakes it at once."""
    user, resource = grid.user(), grid.resource()
    running = user.submit()
    take(grid, resource)
    drain(grid)
    user.submit()
    fields = {"project": PROJECT, "applications": HELLO, "wait": "2"}

    begun = time.monotonic()
    nothing = resource.client.post("resources/resource_wait", fields)
    waited = time.monotonic() - begun
    user.delete(running)
    news = resource.client.post("resources/resource_wait", fields)

    assert (nothing.value("number_of_jobs"), waited > 1.5) == ("0", True)
    assert [xml.value(job, "job_id") for job in news.all("job")] == [str(running)]


def test_an_explanation_names_a_drained_resource(grid: Grid) -> None:
    """With its time and reason; it is the reason of the job only where nobody else could take it."""
    user = grid.user()
    grid.resource()
    job_id = user.submit()
    drain(grid)

    alone = explain(user, job_id)
    grid.resource("res2@cluster")
    beside = explain(user, job_id)

    assert alone.value("explanation", "reason") == "drained"
    assert "are drained" in alone.value("explanation", "message")
    assert of_resources(alone)[NAME][0] == "drained"
    assert "<drain_reason> new disks </drain_reason>" in alone.content
    assert beside.value("explanation", "reason") == "may_take"
    assert of_resources(beside)[NAME][0] == "drained"


def test_lists_show_a_drain_and_nothing_of_it_otherwise(grid: Grid) -> None:
    """Old programs see the list of LGI as long as no resource is drained."""
    user = grid.user()
    grid.resource()
    before = user.post("interface_project_resource_list").content
    drain(grid)
    (during,) = user.post("interface_project_resource_list").all("resource")
    resume(grid)
    after = user.post("interface_project_resource_list").content

    assert "drain" not in before + after
    assert abs(int(xml.value(during, "drained_since")) - time.time()) < 100
    assert xml.value(during, "drain_reason") == "new disks"


def test_metrics_and_status_show_a_drain(grid: Grid) -> None:
    """One value a drained resource: since when."""
    grid.resource()
    drain(grid)

    text = awaited(grid, lambda text: "lgi_resource_drained_since{" in text)

    line = next(one for one in text.splitlines() if one.startswith("lgi_resource_drained_since{"))
    assert f'resource="{NAME}"' in line
    assert abs(float(line.split()[-1]) - time.time()) < 100


@pytest.mark.slow
def test_an_administrator_drains_and_resumes_a_resource(grid: Grid) -> None:
    """The list has time and reason; nothing is recorded for other servers; again changes the reason only."""
    grid.resource()
    updates = grid.rows("SELECT * FROM updates")

    first = manage(grid, "drain", "resource", NAME, "--reason", "new disks")
    since = listed(grid)["drained_since"]
    second = manage(grid, "drain", "resource", NAME, "--reason", "no disks")
    during = listed(grid)
    third = manage(grid, "resume", "resource", NAME)

    assert (first.returncode, first.stdout) == (0, "Done, in project LGI on this server.\n"), first.stderr
    assert (second.returncode, third.returncode) == (0, 0)
    assert (during["drained_since"], during["drain_reason"]) == (since, "no disks")
    assert (listed(grid)["drained_since"], listed(grid)["drain_reason"]) == (0, "")
    assert grid.rows("SELECT * FROM updates") == updates


def listed(grid: Grid) -> dict[str, object]:
    """The resource as ManageDB lists it."""
    rows = json.loads(manage(grid, "list", "resources", "allowed", "--format", "json").stdout)
    return next(dict(row) for row in rows if row["resource_name"] == NAME)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("drain", "resource", "nobody@here"), "no resource is called 'nobody@here'"),
        (("resume", "resource", NAME), f"{NAME} is not drained, nothing was changed"),
        (("drain", "resource", SERVER_NAME), f"{SERVER_NAME} is a project server"),
        (("drain", "resource", NAME, "--reason", "x" * 255), "is longer than 254 bytes"),
    ],
)
def test_a_drain_that_makes_no_sense_changes_nothing(
    grid: Grid, words: tuple[str, ...], message: str
) -> None:
    """The message says which value is wrong."""
    grid.resource()
    before = grid.rows("SELECT * FROM active_resources")

    done = manage(grid, *words)

    assert done.returncode == 1
    assert message in done.stderr
    assert grid.rows("SELECT * FROM active_resources") == before
