"""The limits of a project, which hold for old and new calls, and what its groups see."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from lgi_protocol.errors import ServerError
from lgi_protocol.exchange import Exchange, Want
from lgi_protocol.resource_api import ResourceCalls
from lgi_server.config import parser
from lgi_server.config.source import ConfigError
from tests.support.exchanges import HELLO, daemon, end_of, references
from tests.support.grid import PROJECT, Grid, refusal, running
from tests.support.mariadb import PrivateMariaDB

SETTINGS = "max_running_jobs = 2\nmax_queued_jobs = 5\ngroup_visibility = read\n"


@pytest.fixture(scope="module", params=["sqlite", "mariadb"])
def limited(request: pytest.FixtureRequest) -> Iterator[Grid]:
    """A server whose project has limits."""
    address = "sqlite:LGI.sqlite"
    if request.param == "mariadb":
        server: PrivateMariaDB = request.getfixturevalue("private_mariadb")
        address = server.create_database("project_limits")
    new = Grid(address, {"workers": "1", "remember": "60"})
    text = new.config_file.read_text()
    new.config_file.write_text(text.replace("server_name =", f"{SETTINGS}server_name =", 1))
    with running(new, cleared=False) as made:
        yield made


@pytest.fixture
def grid(limited: Grid) -> Grid:
    """A project with a resource, and without jobs."""
    limited.clear()
    limited.resource()
    return limited


def reason(grid: Grid, job: int) -> str:
    """Why a job does not run."""
    return grid.user().post("interface_explain_job", job_id=str(job)).value("explanation", "reason")


def other_session(grid: Grid, resource: ResourceCalls) -> ResourceCalls:
    """The same resource in a session of its own."""
    made = ResourceCalls(resource.client, PROJECT)
    made.sign_up()
    return made


def test_a_project_runs_no_more_jobs_than_its_limit_by_exchanges(grid: Grid) -> None:
    """The end of one makes room in the same exchange; an explanation says what a job waits for."""
    jobs = [grid.user().submit() for _ in range(4)]
    one = daemon(grid)

    given = one.want(4)
    none = daemon(grid, "res2@cluster", "daemon-2").want(4)

    assert [int(job.description.job_id) for job in given] == jobs[:2]
    assert none == ()
    assert reason(grid, jobs[2]) == "project_full"
    wants = (Want(HELLO, 4, ""),)
    answer = one.post(Exchange(reports=(end_of(given[0]),), wants=wants, references=references(4)))
    assert [int(job.description.job_id) for job in answer.jobs] == jobs[2:3]
    assert reason(grid, jobs[3]) == "project_full"


def test_a_project_runs_no_more_jobs_than_its_limit_by_the_calls_of_old_daemons(grid: Grid) -> None:
    """A job that is offered counts as one that runs, and is free again when the session ends."""
    jobs = [grid.user().submit() for _ in range(4)]
    resource = grid.resource()

    offered = resource.request_work(HELLO, 0, 4).jobs
    resource.update(str(jobs[0]), state="running", target_resources="res1@cluster")
    second = other_session(grid, resource)

    assert [int(job.job_id) for job in offered] == jobs[:2]
    assert second.request_work(HELLO, 0, 4).jobs == ()
    assert second.count_work(HELLO) == 0
    assert refusal(lambda: second.lock(str(jobs[2]))) == 22
    resource.sign_off()
    assert [int(job.job_id) for job in second.request_work(HELLO, 0, 4).jobs] == jobs[1:2]


def test_a_daemon_that_waits_gets_a_job_when_another_one_ends(grid: Grid) -> None:
    """Whether it has begun to wait before or after that."""
    user = grid.user()
    one, two = daemon(grid), daemon(grid, "res2@cluster", "daemon-2")
    jobs = [user.submit() for _ in range(3)]
    given = one.want(2)

    wants = Exchange(wants=(Want(HELLO, 1, ""),), references=references(1))
    with ThreadPoolExecutor(1) as waiting:
        answer = waiting.submit(two.post, wants, 60)
        one.report(end_of(given[0]))
        found = answer.result().jobs

    assert [int(job.description.job_id) for job in found] == jobs[2:]


def test_a_submit_is_refused_when_the_queue_is_full(grid: Grid) -> None:
    """Alone and in bulk, where all or none of the jobs are queued; a job that starts makes room."""
    user = grid.user()
    jobs = [user.submit() for _ in range(3)]
    three = json.dumps([{"application": HELLO, "target_resources": "any"}] * 3)

    with pytest.raises(ServerError) as many:
        user.post("interface_submit_jobs", jobs=three)
    user.submit(hold="1")
    user.submit()
    with pytest.raises(ServerError) as single:
        user.submit()

    assert many.value.number == single.value.number == 33
    assert "the project has 3 queued jobs, 5 may be, and these are 3 more" in str(many.value)
    assert "the project has 5 queued jobs, which is its limit" in str(single.value)
    assert len(grid.rows("SELECT job_id FROM job_queue")) == 5
    assert len(daemon(grid).want(1)) == 1
    assert user.submit() > jobs[-1]


def test_a_group_reads_the_jobs_of_its_members_where_the_project_says_so(grid: Grid) -> None:
    """The groups that own a job, not the other groups of its user; they change nothing."""
    job = grid.user("mark@laptop", ("theor", "cyttron")).submit(groups="theor")
    member, other = grid.user("ben@desk", ("theor",)), grid.user("eve@desk", ("cyttron",))

    assert member.state(job) == "queued"
    assert member.refusal("interface_delete_job", job_id=str(job)) == 35
    assert other.refusal("interface_job_state", job_id=str(job)) == 34


@pytest.mark.parametrize(
    "setting", ["max_running_jobs = -1", "max_queued_jobs = some", "group_visibility = all"]
)
def test_a_wrong_limit_is_refused_with_what_to_write(limited: Grid, setting: str) -> None:
    """The message names the setting and valid values."""
    text = limited.config_file.read_text().replace(SETTINGS, f"{setting}\n")
    file = limited.config_file.with_name(f"wrong_{len(setting)}.cfg")
    file.write_text(text)

    with pytest.raises(ConfigError, match=r"write (a number of jobs|none or read)"):
        parser.load(file)
