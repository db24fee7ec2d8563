"""interface_explain_job: why a job does not run."""

import time

import pytest

from lgi_protocol import xml
from lgi_protocol.reply import Reply
from lgi_server.tables.job_queue import positions
from lgi_server.tables.job_queue.jobs import find
from tests.server.test_licences import grid as licensed_grid
from tests.server.test_licences import licensed, submit
from tests.support import queues
from tests.support.grid import CAPABILITIES, Grid, UserCalls
from tests.support.pages import register

__all__ = ["licensed", "licensed_grid"]


def explain(user: UserCalls, job: int) -> Reply:
    """What is answered."""
    return user.post("interface_explain_job", job_id=str(job))


def reason(user: UserCalls, job: int) -> str:
    """In one word."""
    return explain(user, job).value("explanation", "reason")


def of_resources(reply: Reply) -> dict[str, tuple[str, ...]]:
    """What is said of each resource: reason, offers, target, running jobs."""
    inside = xml.find(reply.content, "explanation")
    assert inside is not None
    names = ("reason", "offers_application", "is_target", "running_jobs")
    return {
        xml.value(one.inside, "resource_name"): tuple(xml.value(one.inside, name) for name in names)
        for one in xml.find_all(inside.inside, "resource")
    }


@pytest.mark.slow
def test_each_resource_is_listed_with_what_it_does_with_the_job(grid: Grid) -> None:
    """Those that may take it, that are no target, that do not offer it, and that have not called."""
    user = grid.user()
    running = grid.resource("res1@cluster")
    grid.resource("res2@cluster")
    grid.resource("res3@cluster", "<vasp> </vasp>")
    register(grid, "res4@cluster", int(time.time()) - 1900, CAPABILITIES)
    for _ in range(2):
        grid.set_job(user.submit(), state="running", target_resources="res1@cluster")
    first = user.submit(target_resources="res1@cluster")
    job = user.submit(target_resources="res1@cluster, res4@cluster")

    reply = explain(user, job)

    assert reply.value("explanation", "reason") == "may_take"
    assert reply.value("explanation", "jobs_before") == "1"
    assert reply.number("explanation", "number_of_resources") == 4
    assert of_resources(reply) == {
        "res1@cluster": ("may_take", "1", "1", "2"),
        "res2@cluster": ("no_target", "1", "0", "0"),
        "res3@cluster": ("no_offer", "0", "0", "0"),
        "res4@cluster": ("silent", "1", "1", "0"),
    }
    assert explain(user, first).value("explanation", "jobs_before") == "0"
    assert running.session_id != ""


def test_a_resource_that_lacks_what_a_job_asks_for_is_named(grid: Grid) -> None:
    """The verdict has the missing image or the number of cores; if all targets lack it, it is the reason."""
    user = grid.user()
    grid.resource("res1@cluster", "<hello_world> &lt;images&gt; psi4:1.5 &lt;/images&gt; </hello_world>")
    grid.resource("res2@cluster", "<hello_world> <images> </images> <max_cpus> 2 </max_cpus> </hello_world>")
    wanted = "<image> psi4:1.5 </image> <cpus> 99 </cpus>"
    one = user.submit(job_specifics=wanted)
    none = user.submit(job_specifics=wanted, target_resources="res2@cluster")

    told = of_resources(explain(user, one))
    reply = explain(user, none)

    assert {name: said[0] for name, said in told.items()} == {
        "res1@cluster": "may_take",
        "res2@cluster": "lacks",
    }
    assert reason(user, one) == "may_take"
    assert reply.value("explanation", "reason") == "lacks"
    assert "has what it requests" in reply.value("explanation", "message")
    assert "has no image psi4:1.5, gives a job 2 cpus at most, not 99" in reply.content


def test_a_resource_that_says_it_takes_no_jobs_now_is_named(grid: Grid) -> None:
    """Its batch system is down; where that holds of all that could take a job it is the reason."""
    user = grid.user()
    closed = "&lt;unavailable&gt; squeue &amp;lt;here&amp;gt; fails &lt;/unavailable&gt;"
    grid.resource("res1@cluster", f"<hello_world> {closed} </hello_world>")
    grid.resource("res2@cluster")
    one = user.submit()
    none = user.submit(target_resources="res1@cluster")

    told = of_resources(explain(user, one))
    reply = explain(user, none)

    assert {name: said[0] for name, said in told.items()} == {
        "res1@cluster": "unavailable",
        "res2@cluster": "may_take",
    }
    assert reply.value("explanation", "reason") == "unavailable"
    assert "take no jobs of its application now" in reply.value("explanation", "message")
    assert reply.value("explanation", "resource", "unavailable") == "squeue <here> fails"


@pytest.mark.slow
def test_the_reason_that_keeps_a_job_from_every_resource_comes_first(grid: Grid) -> None:
    """No resource offers it; none that does is a target; all that could take it do not call."""
    for name in ("res1@cluster", "res2@cluster"):
        register(grid, name, int(time.time()), CAPABILITIES)
    user = grid.user()
    job = user.submit(target_resources="res1@cluster")

    assert reason(user, job) == "may_take"
    grid.run("UPDATE active_resources SET last_call_time = 1 WHERE project_server = 0")
    assert reason(user, job) == "silent"
    grid.run("UPDATE active_resources SET resource_capabilities = '' WHERE resource_name = 'res1@cluster'")
    assert reason(user, job) == "no_target"
    grid.run("UPDATE active_resources SET resource_capabilities = ''")
    assert reason(user, job) == "no_offer"


@pytest.mark.parametrize(
    ("state", "said"),
    [("running", "running"), ("frozen", "running"), ("aborting", "aborting"), ("finished", "ended")],
)
def test_a_job_that_is_not_queued_is_explained_by_its_state(grid: Grid, state: str, said: str) -> None:
    """The answer says nothing of the queue."""
    grid.resource()
    user = grid.user()
    job = user.submit()
    grid.set_job(job, state=state)

    reply = explain(user, job)

    assert reply.value("explanation", "reason") == said
    assert reply.value("job", "state") == state
    assert reply.number("explanation", "number_of_resources") == 0
    assert reply.value("explanation", "jobs_before") == ""


def test_a_locked_job_is_answered_at_once(grid: Grid) -> None:
    """The answer names the resource with the lock; other calls wait for the lock to be released."""
    resource = grid.resource()
    user = grid.user()
    job = user.submit()
    resource.lock(str(job))
    start = time.monotonic()

    reply = explain(user, job)

    # Half a minute, were the lock waited for.
    assert time.monotonic() - start < 20
    assert reply.value("explanation", "reason") == "locked"
    assert reply.value("explanation", "locked_by") == "res1@cluster"
    assert abs(time.time() - reply.number("explanation", "locked_since")) < 60


def test_only_a_reader_of_a_job_gets_its_explanation(grid: Grid) -> None:
    """34 for others, 15 for none, 19 for no number."""
    grid.resource()
    job = grid.user().submit()
    frank = grid.user("frank@desk", ("chem",))

    numbers = [frank.refusal("interface_explain_job", job_id=one) for one in (str(job), "99999", "x")]

    assert numbers == [34, 15, 19]


def test_licences_that_are_missing_are_named(licensed_grid: Grid) -> None:
    """How many are wanted, how many there are, and how many are in use."""
    resource = licensed_grid.resource()
    user = licensed_grid.user()
    held, job = submit(licensed_grid, "matlab=2"), submit(licensed_grid, "abaqus, matlab=2")
    assert reason(user, job) == "may_take"
    resource.lock(str(held))

    reply = explain(user, job)

    inside = xml.find(reply.content, "explanation")
    assert inside is not None
    assert reply.value("explanation", "reason") == "no_licences"
    names = ("name", "wanted", "total", "used")
    assert [
        [xml.value(one.inside, name) for name in names] for one in xml.find_all(inside.inside, "licence")
    ] == [["abaqus", "1", "1", "0"], ["matlab", "2", "3", "2"]]


def test_a_place_in_the_queue_is_counted_up_to_a_bound(grid: Grid) -> None:
    """Jobs of the same age by their numbers; the locked ones too, as they come back."""
    numbers = queues.fill(grid.database, 30)
    grid.run("UPDATE job_queue SET priority = 1")

    def before(number: int, most: int = positions.MOST) -> int:
        def look(transaction: object) -> int:
            job = find(transaction, number)  # type: ignore[arg-type]
            assert job is not None
            return positions.count_ahead(transaction, job, most)  # type: ignore[arg-type]

        return grid.database.run(look, write=False)

    assert [before(number) for number in (numbers[0], numbers[7], numbers[29])] == [0, 7, 29]
    assert before(numbers[29], most=20) == 20
