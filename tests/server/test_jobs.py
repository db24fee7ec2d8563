"""Listing, reading, deleting: the interface calls on jobs that exist."""

import threading
import time
from pathlib import Path

import pytest

from lgi_protocol.errors import ServerError
from lgi_protocol.reply import Reply
from tests.support.grid import Grid, UserCalls


def ids(reply: Reply) -> list[int]:
    """The numbers of the listed jobs."""
    return [Reply(text).number("job_id") for text in reply.all("job")]


def test_a_list_has_the_readable_jobs_by_time_of_their_state(grid: Grid) -> None:
    """Jobs whose read_access holds the user, a group or any; a page, its number, its filters."""
    grid.resource()
    mark, frank = grid.user(), grid.user("frank@desk", ("chem",))
    first, second = mark.submit(), mark.submit(read_access="chem")
    other, public = frank.submit(), frank.submit(read_access="any")
    grid.set_job(second, state_time_stamp=5)

    everything = mark.post("interface_job_state")

    assert ids(everything) == [second, first, public]
    assert ids(frank.post("interface_job_state")) == [second, other, public]
    assert everything.number("number_of_jobs") == 3
    assert [everything.value(name) for name in ("state", "application", "start", "limit")] == [
        "any",
        "any",
        "0",
        "128",
    ]


def test_a_list_is_filtered_and_paged(grid: Grid) -> None:
    """state and application with ! for all but it; start and limit; limit 0 only counts."""
    grid.resource()
    user = grid.user()
    jobs = [user.submit() for _ in range(4)]
    grid.set_job(jobs[0], state="finished")

    def listed(**fields: str) -> list[int]:
        return ids(user.post("interface_job_state", **fields))

    assert listed(state="finished") == jobs[:1]
    assert listed(state="!finished") == jobs[1:]
    assert listed(application="hello_world", state="any") == jobs
    assert listed(application="!hello_world") == []
    assert listed(start="1", limit="2") == jobs[1:3]
    assert listed(start="100") == []
    assert user.post("interface_job_state", limit="0").number("number_of_jobs") == 4
    assert listed(limit="99999", start="-3", job_id="abc") == jobs


def test_details_need_read_access(grid: Grid) -> None:
    """Error 34 for others; administrators read everything; an unknown job is error 15."""
    grid.resource()
    job_id = grid.user().submit()

    assert grid.user("frank@desk", ("chem",)).refusal("interface_job_state", job_id=str(job_id)) == 34
    assert grid.user("root@admin", ("admin",)).state(job_id) == "queued"
    assert grid.user().refusal("interface_job_state", job_id="999999999") == 15


def test_a_name_that_only_looks_alike_reads_nothing(grid: Grid) -> None:
    """Ruling 3: names match exactly, never as patterns."""
    grid.resource()
    job_id = grid.user().submit()

    for name in ("mark.laptop", "MARK@laptop", "mark@lapto_", ".*"):
        stranger = grid.user(name, (".*", "%"))
        assert stranger.refusal("interface_job_state", job_id=str(job_id)) == 34
        assert ids(stranger.post("interface_job_state")) == []


@pytest.mark.parametrize("state", ["queued", "finished", "aborted"])
def test_a_job_nobody_works_on_is_removed_with_its_repository(grid: Grid, state: str) -> None:
    """Row, memberships and files go; the answer says deleted; then it is error 15."""
    grid.resource()
    user = grid.user()
    job_id = user.submit()
    grid.set_job(job_id, state=state)
    (repository,) = [row["repository"] for row in grid.rows("SELECT repository FROM job_queue")]

    reply = user.delete(job_id)

    assert reply.value("job", "state") == "deleted"
    assert grid.rows("SELECT job_id FROM job_access") == []
    assert list(Path(grid.config.repository).rglob(str(repository))) == []
    assert user.refusal("interface_delete_job", job_id=str(job_id)) == 15


@pytest.mark.parametrize("state", ["running", "aborting", "postprocessing"])
def test_a_job_that_runs_is_to_be_aborted(grid: Grid, state: str) -> None:
    """The row stays, its state is aborting and its time stamp grows; a site's own word counts as running."""
    grid.resource()
    user = grid.user()
    job_id = user.submit()
    grid.set_job(job_id, state=state)
    before = user.post("interface_job_state", job_id=str(job_id)).number("job", "state_time_stamp")

    reply = user.delete(job_id)

    assert reply.value("job", "state") == "aborting"
    assert reply.number("job", "state_time_stamp") > before
    assert user.state(job_id) == "aborting"


def test_jobs_are_numbered_from_1_behind_their_number(grid: Grid) -> None:
    """number='1', '2', ... without a gap, also on a later page; the count stands before the first."""
    resource = grid.resource()
    user = grid.user()
    for _ in range(4):
        user.submit()

    page = user.post("interface_job_state", start="1", limit="3").content
    offer = resource.client.post(
        "resources/resource_request_work",
        {"project": "LGI", "session_id": resource.session_id, "application": "hello_world", "start": "1"},
    ).content

    for answer in (page, offer):
        places = [answer.find(f"<job number='{number}'>") for number in (1, 2, 3)]
        assert answer.find("<number_of_jobs> 3 </number_of_jobs>") < places[0] < places[1] < places[2]
        assert answer.count("<job number=") == 3


def test_every_user_may_change_a_job_whose_write_access_says_any(grid: Grid) -> None:
    """any stands for every user, in this list as in the others."""
    grid.resource()
    job_id = grid.user().submit(write_access="any", read_access="any")
    frank = grid.user("frank@desk", ("chem",))

    assert frank.state(job_id) == "queued"
    assert frank.delete(job_id).value("job", "state") == "deleted"


def test_a_delete_needs_write_access(grid: Grid) -> None:
    """Reading is not enough: error 35, and nothing changes."""
    grid.resource()
    job_id = grid.user().submit(read_access="chem")
    frank = grid.user("frank@desk", ("chem",))

    assert frank.refusal("interface_delete_job", job_id=str(job_id)) == 35
    assert frank.state(job_id) == "queued"


@pytest.mark.parametrize(("job_id", "number"), [("", 19), ("abc", 19), ("-1", 19), ("1" * 10, 47)])
def test_an_invalid_job_id_is_refused(grid: Grid, job_id: str, number: int) -> None:
    """Missing or not a number is 19, too big is 47."""
    assert grid.user().refusal("interface_delete_job", job_id=job_id) == number


@pytest.mark.slow
def test_a_locked_job_is_answered_as_soon_as_it_is_free(grid: Grid) -> None:
    """Details and delete wait for the lock to go."""
    resource = grid.resource()
    user = grid.user()
    job_id = user.submit()
    resource.lock(str(job_id))
    answers: list[str] = []
    waiting = threading.Thread(target=lambda: answers.append(user.state(job_id)))

    waiting.start()
    time.sleep(0.7)
    early = list(answers)
    resource.unlock(str(job_id))
    # Less than the half minute after which it would be told to come back.
    waiting.join(20)

    assert early == []
    assert answers == ["queued"]


def test_requests_go_on_while_others_wait_for_a_lock(grid: Grid) -> None:
    """A waiting request holds no worker and no connection of the database."""
    resource = grid.resource()
    job_id = grid.user().submit()
    resource.lock(str(job_id))
    waiting = [threading.Thread(target=ignore_errors, args=(grid.user(), job_id)) for _ in range(20)]
    for thread in waiting:
        thread.start()
    time.sleep(0.5)

    start = time.monotonic()
    grid.user().post("interface_project_server_list")
    took = time.monotonic() - start

    resource.unlock(str(job_id))
    for thread in waiting:
        thread.join(60)
    assert took < 20


def ignore_errors(user: UserCalls, job_id: int) -> None:
    """Ask for a job, whatever comes of it."""
    try:
        user.state(job_id)
    except ServerError:
        return


@pytest.mark.slow
@pytest.mark.parametrize("masters", [0, 2])
def test_a_project_without_exactly_one_master_is_error_6(masters: int) -> None:
    """With none or two, neither users nor resources get the URL of the master."""
    grid = Grid(settings={"remember": "0"})
    try:
        grid.start()
        grid.clear()
        resource = grid.resource("res1@cluster")
        grid.resource("res2@cluster")
        roles = {0: "2", 2: "CASE WHEN resource_name = 'res1@cluster' THEN 0 ELSE 1 END"}
        grid.run(f"UPDATE active_resources SET project_server = {roles[masters]}")

        assert grid.user().refusal("interface_project_server_list") == 6
        with pytest.raises(ServerError) as refused:
            resource.sign_up()
        assert refused.value.number == 6
    finally:
        grid.remove()


def test_servers_and_resources_are_listed_apart(grid: Grid) -> None:
    """Slaves in the server list; resources, but no project servers, in the resource list."""
    grid.resource("res1@cluster")
    grid.run(
        "INSERT INTO active_resources (resource_name, resource_capabilities, client_certificate,"
        " project_server, url) VALUES ('LGI@slave', '', '', 2, 'https://slave.example/LGI?a=1&b=2')"
    )
    user = grid.user()

    servers = user.post("interface_project_server_list")
    resources = user.post("interface_project_resource_list")

    assert servers.number("number_of_slave_servers") == 1
    assert servers.value("project_server") == "https://slave.example/LGI?a=1&b=2"
    assert resources.number("number_of_resources") == 1
    assert resources.value("resource", "resource_name") == "res1@cluster"


def test_a_job_readable_for_several_reasons_is_counted_once(grid: Grid) -> None:
    """Readers are the user's name, two groups and any; list and count agree."""
    grid.resource()
    user = grid.user()
    user.groups = "theor, cyttron"
    for readers in ("", "theor", "cyttron, theor", "any", "any, theor", "elsewhere"):
        user.submit(read_access=readers)
    other = grid.user("frank@desk", ("chem", "theor"))
    other.groups = "chem, theor"

    for reader, number in ((user, 6), (other, 4)):
        assert reader.post("interface_job_state", limit="0").number("number_of_jobs") == number
        assert reader.post("interface_job_state").number("number_of_jobs") == number
    assert other.post("interface_job_state", limit="0", state="running").number("number_of_jobs") == 0
