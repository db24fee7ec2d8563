"""Lists that are read from the filter that few jobs pass have the same jobs as others, in the same order."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import pytest

from lgi_protocol import comma_lists
from lgi_server.db.transaction import Transaction
from lgi_server.tables.job_queue import listing, target_lists
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


@pytest.fixture
def many(mixed: Grid, monkeypatch: pytest.MonkeyPatch) -> Grid:
    """Jobs, of which one has two targets, and a target counts as one with many jobs."""
    monkeypatch.setattr("lgi_server.tables.job_queue.narrowing._FEW", 0)
    job_id = mixed.user().submit(target_resources=", ".join(RESOURCES))
    mixed.set_job(job_id, state_time_stamp=1)
    return mixed


def of_target() -> Iterator[Selection]:
    """Lists of a resource, with and without what else they may be read with."""
    for readers, target, since, single in product(
        (("mark@laptop", "theor"), (OTHER,), ("admin",)), (*RESOURCES, "nowhere"), (0, 2), (False, True)
    ):
        yield Selection(readers, target=target, since=since, single=single)


def has(job: dict[str, object], one: Selection) -> bool:
    """Whether a row of a job is of the target, the readers and the time of a selection."""
    readers, targets = (comma_lists.split(str(job[name])) for name in ("read_access", "target_resources"))
    return (
        one.target in targets
        and bool({*one.readers} & {*readers})
        and int(str(job["state_time_stamp"])) >= one.since
        and not (one.single and job["array_id"])
    )


def test_a_list_of_a_target_with_many_jobs_has_each_of_them_once(many: Grid) -> None:
    """Also those with several targets, in the order of time, and for readers of few jobs."""
    rows = many.rows("SELECT * FROM job_queue ORDER BY state_time_stamp, job_id")
    of_admin = Selection(("admin",), target=RESOURCES[1])

    def work(transaction: Transaction) -> None:
        values = target_lists.texts(transaction, of_admin, of_admin.readers)
        assert values == (", ".join(RESOURCES), RESOURCES[1])
        for one in of_target():
            expected = [job["job_id"] for job in rows if has(job, one)]
            assert [job.job_id for job in listing.select(transaction, one, 0, 50)] == expected, one
            assert [job.job_id for job in listing.select(transaction, one, 1, 2)] == expected[1:3], one
            assert [job.job_id for job in listing.newest(transaction, one, 50, None)] == expected[::-1], one
            assert listing.count(transaction, one) == len(expected), one
            assert sum(listing.progress(transaction, one).values()) == len(expected), one
        check_cursor(transaction, of_admin)
        unread = replace(of_admin, target="nowhere")
        assert target_lists.texts(transaction, unread, unread.readers) == ()

    many.database.run(work, write=False)


def test_a_list_is_read_by_its_reader_where_targets_have_too_many_values(
    many: Grid, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each value would be a look at an index."""
    of_admin = Selection(("admin",), target=RESOURCES[1])
    monkeypatch.setattr("lgi_server.tables.job_queue.name_ranges.TEXTS", 1)

    values = many.database.run(
        lambda transaction: target_lists.texts(transaction, of_admin, of_admin.readers), write=False
    )

    assert values == ()


def check_cursor(transaction: Transaction, one: Selection) -> None:
    """Check the jobs before and after the third newest one of a selection."""
    every = listing.newest(transaction, one, 50, None)
    at = ListCursor(every[2].state_time_stamp, every[2].job_id)
    assert listing.newest(transaction, one, 2, at) == every[3:5]
    assert listing.next_newer(transaction, one, 50, at) == every[:2]


def test_a_cursor_holds_for_jobs_that_are_looked_up(mixed: Grid) -> None:
    """The page goes on where it was left."""
    one = Selection(("mark@laptop",), target=RESOURCES[0])
    mixed.database.run(lambda transaction: check_cursor(transaction, one), write=False)


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
