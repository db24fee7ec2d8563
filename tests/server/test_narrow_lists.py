"""Lists that are read from the filter that few jobs pass have the same jobs as others, in the same order."""

from collections.abc import Iterator
from itertools import product

import pytest

from lgi_server.db.transaction import Transaction
from lgi_server.tables.job_queue import listing
from lgi_server.tables.job_queue.listing import ListCursor
from lgi_server.tables.job_queue.selection import Selection
from tests.server.test_arrays import elements, outcomes, post
from tests.support.call_count import counted
from tests.support.grid import Grid

OTHER = "fritz@laptop"
STATES = ("queued", "running", "finished", "aborted", "waiting")
RESOURCES = ("res1@cluster", "res2@cluster")


@pytest.fixture
def mixed(grid: Grid) -> Grid:
    """Jobs in all states on two resources, of two users and applications; four are elements of an array."""
    for name in RESOURCES:
        grid.resource(name, "<hello_world> </hello_world> <vasp> </vasp>")
    mark, other = grid.user(), grid.user(OTHER)
    made = outcomes(post(mark, elements(range(1, 5)), 4))
    for user, application in ((mark, "hello_world"), (mark, "vasp"), (other, "vasp"), (other, "hello_world")):
        reader = {"read_access": "mark@laptop"} if user is other else {}
        made += [user.submit(application=application, **reader) for _ in range(4)]
    for place, job_id in enumerate(made):
        code = {"exit_code": place % 2} if STATES[place % 5] == "finished" else {}
        grid.set_job(job_id, state=STATES[place % 5], target_resources=RESOURCES[place % 2], **code)
        place_at = "UPDATE job_access SET name = %s WHERE job_id = %s AND role = 'target'"
        grid.run(place_at, RESOURCES[place % 2], job_id)
    return grid


def selections() -> Iterator[Selection]:
    """All ways to combine the filters of a list."""
    for state, application, owner, target, ended, single in product(
        (("", False), ("finished", True), ("gone", True)),
        (("", False), ("vasp", False), ("vasp", True)),
        ("", OTHER),
        ("", RESOURCES[0], "nowhere"),
        ("", "failed"),
        (False, True),
    ):
        yield Selection(
            ("mark@laptop", "theor"), *state, *application, ended, (), owner, target, single=single
        )


def passes(job: dict[str, object], one: Selection) -> bool:
    """Whether a row of a job passes all filters."""
    given = {"state": (one.state, one.not_state), "application": (one.application, one.not_application)}
    is_failed = job["state"] == "aborted" or job["exit_code"] == 1
    return (
        all((job[name] == word) != negated for name, (word, negated) in given.items() if word)
        and (not one.owner or one.owner in str(job["owners"]))
        and (not one.target or one.target == job["target_resources"])
        and (not one.ended or is_failed)
        and not (one.single and job["array_id"])
    )


def test_a_list_has_the_jobs_that_pass_all_filters(mixed: Grid) -> None:
    """First pages, newest ones and counts, for every combination of filters."""
    rows = mixed.rows("SELECT * FROM job_queue ORDER BY state_time_stamp, job_id")

    def work(transaction: Transaction) -> None:
        for one in selections():
            expected = [job["job_id"] for job in rows if passes(job, one)]
            assert [job.job_id for job in listing.select(transaction, one, 0, 50)] == expected, one
            assert [job.job_id for job in listing.newest(transaction, one, 50, None)] == expected[::-1], one
            assert listing.count(transaction, one) == len(expected), one

    mixed.database.run(work, write=False)


def test_a_cursor_holds_for_jobs_that_are_looked_up(mixed: Grid) -> None:
    """The page goes on where it was left."""
    one = Selection(("mark@laptop",), target=RESOURCES[0])

    def work(transaction: Transaction) -> None:
        every = listing.newest(transaction, one, 50, None)
        at = ListCursor(every[2].state_time_stamp, every[2].job_id)
        assert listing.newest(transaction, one, 2, at) == every[3:5]
        assert listing.next_newer(transaction, one, 50, at) == every[:2]

    mixed.database.run(work, write=False)


def test_a_filter_adds_few_statements(mixed: Grid) -> None:
    """How many jobs have it is one, and one for each of the other states or applications."""

    def statements(one: Selection) -> int:
        calls = counted(
            lambda: mixed.database.run(lambda made: listing.newest(made, one, 9, None), write=False)
        )
        return calls["rows"] + calls["row"]

    plain = statements(Selection(("mark@laptop",)))
    looked_up = Selection(("mark@laptop",), target=RESOURCES[0], owner=OTHER)
    failed = Selection(("mark@laptop",), "", False, "vasp", ended="failed")
    assert {statements(one) - plain for one in (looked_up, failed)} == {1}
    assert statements(Selection(("mark@laptop",), "finished", True)) - plain == len(STATES) + 1
