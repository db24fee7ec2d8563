"""What a resource is offered, page by page, and what becomes of it when others change the job."""

import threading
from pathlib import Path

import pytest

from lgi_protocol.errors import ServerError
from lgi_protocol.job_description import JobDescription
from lgi_protocol.resource_api import ResourceCalls
from tests.server.test_resource_calls import INVARIANT, refusal
from tests.support.grid import PROJECT, Grid, UserCalls

WORK = "resources/resource_request_work"


def ids(jobs: tuple[JobDescription, ...]) -> list[int]:
    """The numbers of offered jobs."""
    return [int(job.job_id) for job in jobs]


def test_a_request_without_start_and_limit_is_offered_ten(grid: Grid) -> None:
    """start 0 and limit 10, also when they are posted as no numbers."""
    resource = grid.resource()
    jobs = [grid.user().submit() for _ in range(12)]
    fields = {"project": PROJECT, "session_id": resource.session_id, "application": "hello_world"}

    for more in ({}, {"start": "x", "limit": "-1"}):
        reply = resource.client.post(WORK, fields | more)
        assert (reply.number("start"), reply.number("limit"), reply.number("number_of_jobs")) == (0, 10, 10)
        assert [row["job_id"] for row in grid.rows("SELECT job_id FROM running_locks ORDER BY job_id")] == (
            jobs[:10]
        )
        for job_id in jobs[:10]:
            resource.unlock(str(job_id))


def test_a_page_begins_where_it_is_asked_to(grid: Grid) -> None:
    """start passes over the oldest jobs; what is not on the page is not locked."""
    resource = grid.resource()
    jobs = [grid.user().submit() for _ in range(5)]

    assert ids(resource.request_work("hello_world", 2, 2).jobs) == jobs[2:4]
    assert len(grid.rows("SELECT job_id FROM running_locks")) == 2
    resource.sign_off()
    resource.sign_up()
    assert ids(resource.request_work("hello_world", 4, 9).jobs) == jobs[4:]


def test_no_more_than_256_jobs_are_offered(grid: Grid) -> None:
    """A larger limit counts as 256."""
    resource = grid.resource()
    fields = {"project": PROJECT, "session_id": resource.session_id, "application": "hello_world"}

    assert resource.client.post(WORK, fields | {"limit": "99999"}).number("limit") == 256


def test_a_second_request_while_jobs_are_locked_changes_nothing(grid: Grid) -> None:
    """Error 17, also for a count; the locks stay as they were."""
    resource = grid.resource()
    for _ in range(3):
        grid.user().submit()
    resource.request_work("hello_world", 0, 2)
    before = grid.rows("SELECT * FROM running_locks ORDER BY lock_id")

    assert refusal(resource.request_work, "hello_world", 0, 2) == 17
    assert refusal(resource.count_work, "hello_world") == 17
    assert grid.rows("SELECT * FROM running_locks ORDER BY lock_id") == before
    assert grid.rows(INVARIANT) == []


def test_an_offer_says_what_a_daemon_decides_by(grid: Grid) -> None:
    """Number, time stamp, targets, owners, readers, writers and specifics; input only with the details."""
    resource = grid.resource()
    job_id = grid.user().submit(
        input="41", read_access="chem", write_access="phys", job_specifics="<walltime> 10 </walltime>"
    )

    (job,) = resource.request_work("hello_world", 0, 1).jobs
    details = resource.details(job.job_id)

    assert (int(job.job_id), job.target_resources) == (job_id, ("any",))
    assert job.owners == ("mark@laptop", "theor")
    assert job.read_access == ("admin", "mark@laptop", "chem")
    assert job.write_access == ("admin", "mark@laptop", "phys")
    assert job.job_specifics.startswith("<walltime> 10 </walltime>")
    assert (job.state_time_stamp, job.input) == (details.state_time_stamp, b"")
    assert (details.input, details.application, details.state) == (b"A", "hello_world", "queued")


def test_targets_that_do_not_offer_the_application_are_dropped(grid: Grid) -> None:
    """They count as unknown; if none is left the submit is refused (28)."""
    grid.resource("res1@cluster")
    grid.resource("res2@cluster", "<other> </other>")
    user = grid.user()
    fields = {"application": "hello_world"}

    reply = user.post("interface_submit_job", target_resources="res2@cluster, res1@cluster", **fields)

    assert reply.value("job", "target_resources") == "res1@cluster"
    assert user.refusal("interface_submit_job", target_resources="res2@cluster", **fields) == 28


def test_owners_that_may_not_submit_do_not_own_a_resource_s_job(grid: Grid, tmp_path: Path) -> None:
    """Denied ones are dropped, none left is error 29; access is the owners' and the files are stored."""
    resource = grid.resource()
    grid.run("INSERT INTO users_denied VALUES ('eve@desk', 'any')")
    (tmp_path / "result").write_bytes(b"12345")
    fields = {"state": "finished", "application": "hello_world", "target_resources": "any"}

    reply = resource.submit(fields | {"owners": "eve@desk, foo"}, (tmp_path / "result",))
    resource.unlock(reply.value("job", "job_id"))

    assert reply.value("job", "owners") == "foo"
    assert reply.value("job", "read_access") == reply.value("job", "write_access") == "admin, foo"
    assert "<file_name> result </file_name> <size> 5 </size>" in reply.content
    assert refusal(resource.submit, fields | {"owners": "eve@desk"}) == 29
    assert len(grid.rows("SELECT job_id FROM job_queue")) == 1


def test_a_resource_that_holds_locks_submits_nothing(grid: Grid) -> None:
    """Error 17, no job, no file."""
    resource = grid.resource()
    resource.lock(str(grid.user().submit()))
    fields = {"state": "queued", "application": "hello_world", "target_resources": "any", "owners": "foo"}

    assert refusal(resource.submit, fields) == 17
    assert len(grid.rows("SELECT job_id FROM job_queue")) == 1


def take_each(calls: ResourceCalls, taken: list[int], deleted: threading.Event) -> None:
    """Take one job after the other until all that are left were deleted."""
    while True:
        last = deleted.is_set()
        for job in calls.request_work("hello_world", 0, 1).jobs:
            calls.update(job.job_id, state="running", target_resources="res1@cluster")
            calls.unlock(job.job_id)
            taken.append(int(job.job_id))
            last = False
        if last:
            return


def test_a_delete_and_a_daemon_never_both_get_a_job(grid: Grid) -> None:
    """Ruling 7: the state is checked under the lock. A job is deleted and never runs, or it is aborted."""
    resource = grid.resource()
    user = grid.user()
    jobs = [user.submit() for _ in range(40)]
    taken: list[int] = []
    deleted = threading.Event()
    daemon = threading.Thread(target=take_each, args=(resource, taken, deleted))

    daemon.start()
    outcome = {job_id: user.delete(job_id).value("job", "state") for job_id in reversed(jobs)}
    deleted.set()
    daemon.join(60)

    assert {job_id for job_id, state in outcome.items() if state == "aborting"} == set(taken)
    assert {job_id for job_id, state in outcome.items() if state == "deleted"} == set(jobs) - set(taken)
    left = grid.rows("SELECT job_id, state FROM job_queue ORDER BY job_id")
    assert left == [{"job_id": job_id, "state": "aborting"} for job_id in sorted(taken)]
    assert grid.rows(INVARIANT) == []


@pytest.mark.parametrize("state", ["queued", "running"])
def test_one_of_many_deletes_at_once_removes_the_job(grid: Grid, state: str) -> None:
    """The others find no job, or one that is being aborted already; none is an internal error."""
    grid.resource()
    job_id = grid.user().submit()
    grid.set_job(job_id, state=state)
    outcomes: list[str] = []

    def delete(user: UserCalls) -> None:
        try:
            outcomes.append(user.delete(job_id).value("job", "state"))
        except ServerError as error:
            outcomes.append(str(error.number))

    threads = [threading.Thread(target=delete, args=(grid.user(),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sorted(outcomes) == (["15"] * 7 + ["deleted"] if state == "queued" else ["aborting"] * 8)
