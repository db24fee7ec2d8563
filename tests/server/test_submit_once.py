"""A submit with a request_id makes one job, however often it is done."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lgi_protocol.errors import ServerError
from lgi_server.db import open_database, schema
from lgi_server.db.pool import Database
from lgi_server.db.transaction import Transaction
from lgi_server.tables import submit_requests, submit_rules
from lgi_server.tables.submit_requests import KEPT_SECONDS, StoredRequest
from tests.server.test_submit import stored_files
from tests.support import running_jobs
from tests.support.grid import Grid, wait_for
from tests.support.mariadb import PrivateMariaDB

SUBMIT = {"application": "hello_world", "target_resources": "any"}


def jobs(grid: Grid) -> list[int]:
    """The numbers of all jobs."""
    return [int(str(row["job_id"])) for row in grid.rows("SELECT job_id FROM job_queue ORDER BY job_id")]


@pytest.mark.slow
def test_a_repeated_submit_is_answered_with_the_first_ones_job(grid: Grid, tmp_path: Path) -> None:
    """The answer has its files and present state; nothing is stored again."""
    resource = grid.resource()
    user = grid.user()
    path = tmp_path / "in.txt"
    path.write_text("contents")
    said = SUBMIT | {"request_id": "a:1", "input": "41", "job_specifics": "<a> 1 </a>", "read_access": "x"}

    first = user.post("interface_submit_job", (path,), **said)
    stored = stored_files(grid)
    running_jobs.take(grid, resource)
    again = user.post("interface_submit_job", (path,), **said)

    assert jobs(grid) == [first.number("job", "job_id")] == [again.number("job", "job_id")]
    assert again.value("job", "state") == "running"
    assert again.value("job", "repository_content") == first.value("job", "repository_content")
    assert "in.txt" in {file.name for file in stored}
    assert sorted(stored_files(grid)) == sorted(stored)


OTHER = {
    "application": {"application": "vasp"},
    "targets": {"target_resources": "res1@cluster"},
    "input": {"input": "42"},
    "specifics": {"job_specifics": "<a> 2 </a>"},
    "access": {"write_access": "y"},
    "groups": {"groups": "cyttron"},
}


@pytest.mark.parametrize("other", OTHER.values(), ids=OTHER.keys())
def test_a_request_id_of_another_submit_is_refused(grid: Grid, other: dict[str, str]) -> None:
    """It was meant for one submit; nothing is done, and the message says which job it has made."""
    grid.resource(capabilities="<hello_world> </hello_world> <vasp> </vasp>")
    user = grid.user()
    said = SUBMIT | {"request_id": "r", "input": "41"}
    first = user.post("interface_submit_job", **said).number("job", "job_id")

    with pytest.raises(ServerError) as refused:
        user.post("interface_submit_job", **(said | other))

    assert (refused.value.number, jobs(grid)) == (33, [first])
    assert f"belongs to another submit, that of job {first}: use a new one" in refused.value.message


def test_other_files_are_another_submit(grid: Grid, tmp_path: Path) -> None:
    """Their names and all that is in them count."""
    grid.resource()
    user = grid.user()
    for name, text in (("a/in", "one"), ("b/in", "two"), ("c/other", "one")):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)
    user.submit((tmp_path / "a/in",), request_id="r")

    for path in (tmp_path / "b/in", tmp_path / "c/other"):
        with pytest.raises(ServerError) as refused:
            user.submit((path,), request_id="r")
        assert refused.value.number == 33
    assert len(jobs(grid)) == 1


def test_a_request_id_of_another_user_is_another_request(grid: Grid) -> None:
    """Another user, a resource and a job that give the same id each make a job of their own."""
    resource = grid.resource()
    mark, frank = grid.user(), grid.user("frank@desk", ("chem",))

    made = {mark.submit(request_id="1"), frank.submit(request_id="1")}
    posted = SUBMIT | {"state": "queued", "owners": "mark@laptop", "request_id": "1"}
    made.add(resource.submit(posted).number("job", "job_id"))

    assert len(made) == len(jobs(grid)) == 3
    assert grid.rows("SELECT caller FROM submit_requests ORDER BY caller") == [
        {"caller": caller} for caller in ("resource res1@cluster", "user frank@desk", "user mark@laptop")
    ]


def test_a_resource_may_repeat_its_submit_while_it_has_the_job_locked(grid: Grid) -> None:
    """Instead of error 17 the answer has the job whose first answer was lost."""
    resource = grid.resource()
    posted = SUBMIT | {"state": "running", "owners": "mark@laptop", "request_id": "1"}

    first, again = resource.submit(posted), resource.submit(posted)

    assert jobs(grid) == [first.number("job", "job_id")] == [again.number("job", "job_id")]
    assert len(grid.rows("SELECT job_id FROM running_locks")) == 1


@pytest.mark.parametrize("request_id", ["x" * 65, "a b", "a\nb", "é", "'"])
def test_an_invalid_request_id_is_refused(grid: Grid, request_id: str) -> None:
    """The message says what one looks like."""
    grid.resource()

    assert grid.user().refusal("interface_submit_job", **SUBMIT, request_id=request_id) == 33
    assert jobs(grid) == []


def test_a_request_whose_job_was_deleted_makes_no_second_one(grid: Grid) -> None:
    """Error 15: the user has had the job, and did not want it."""
    grid.resource()
    user = grid.user()
    user.delete(user.submit(request_id="r"))

    assert user.refusal("interface_submit_job", **SUBMIT, request_id="r") == 15
    assert jobs(grid) == []


def test_a_refused_submit_is_not_remembered(grid: Grid) -> None:
    """The same id may be used again after the cause was removed."""
    user = grid.user()
    assert user.refusal("interface_submit_job", **SUBMIT, request_id="r") == 70
    grid.resource()

    assert user.submit(request_id="r") > 0


@pytest.mark.slow
@pytest.mark.parametrize("limit", [0, 1])
def test_many_equal_submits_at_once_make_one_job(grid: Grid, limit: int) -> None:
    """All are answered with it, also when it has taken the last place under a limit."""
    grid.resource()
    users = [grid.user() for _ in range(6)]
    before = len(stored_files(grid))
    for turn in range(5):
        grid.run("DELETE FROM job_queue")
        grid.run("DELETE FROM job_access")
        grid.run("UPDATE users_allowed SET job_limit = %s", limit)
        with ThreadPoolExecutor(len(users)) as pool:
            made = list(pool.map(lambda user, turn=turn: user.submit(request_id=f"r{turn}"), users))

        assert made == jobs(grid) * len(users)
    assert len(stored_files(grid)) == before + 5


def test_requests_are_forgotten_after_a_day(grid: Grid) -> None:
    """The next submit with an id deletes old ones; younger ones are kept."""
    grid.resource()
    user = grid.user()
    for request_id in ("old", "young"):
        user.submit(request_id=request_id)
    grid.run("UPDATE submit_requests SET made = made - %s WHERE request_id = 'old'", KEPT_SECONDS + 60)
    grid.run("UPDATE submit_requests SET made = made - %s WHERE request_id = 'young'", KEPT_SECONDS - 60)

    user.submit(request_id="new")

    wait_for(lambda: len(grid.rows("SELECT request_id FROM submit_requests")) == 2)
    assert user.submit(request_id="young") in jobs(grid)[:2]


def test_work_that_meets_a_row_just_stored_is_done_again(database: Database) -> None:
    """Work that meets a row another transaction has just stored is done once more from its beginning."""
    stored, looks = threading.Event(), []
    there = StoredRequest("r", "x", 1)

    def slow(transaction: Transaction) -> None:
        submit_requests.insert(transaction, "user a", [there], 1)
        transaction.rows("SELECT 1")
        stored.set()
        time.sleep(0.3)

    def late(transaction: Transaction) -> None:
        looks.append(submit_requests.find(transaction, "user a", ["r"]))
        if not looks[-1]:
            submit_requests.insert(transaction, "user a", [StoredRequest("r", "x", 2)], 1)

    first = threading.Thread(target=lambda: database.run(slow))
    first.start()
    stored.wait(10)
    database.run(late)
    first.join()

    assert looks[-1] == {"r": there}


def test_a_submit_that_waited_counts_the_jobs_stored_meanwhile(private_mariadb: PrivateMariaDB) -> None:
    """One statement takes the turn and counts, in this order: who waited counts what was waited for."""
    database = open_database(private_mariadb.create_database("counted"))
    schema.make(database)
    held, counts = threading.Event(), []

    def count(transaction: Transaction) -> int:
        return submit_rules.count_alone(transaction, "mark", "vasp", False)

    def first(transaction: Transaction) -> None:
        counts.append(count(transaction))
        transaction.run("INSERT INTO job_access VALUES ('owner', 'mark', 0, 1, 'queued', 'vasp', '')")
        held.set()
        # Long enough for the other one to have begun and to wait.
        time.sleep(0.5)

    beside = threading.Thread(target=lambda: database.run(first))
    beside.start()
    held.wait(10)
    counts.append(database.run(count))
    beside.join()
    database.close()

    assert counts == [0, 1]
