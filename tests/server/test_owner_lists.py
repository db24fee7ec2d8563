"""Lists of an owner are read in the order of time, however many jobs of others are newer; counts end."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from lgi_server.basic_interface import job_tiles
from lgi_server.basic_interface.registry import PageContext
from lgi_server.db import open_database, schema
from lgi_server.db.pool import Database
from lgi_server.db.transaction import Transaction
from lgi_server.tables import job_access, job_counts
from lgi_server.tables.job_queue import jobs, listing, owner_lists
from lgi_server.tables.job_queue.jobs import JobRow
from lgi_server.tables.job_queue.listing import ListCursor
from lgi_server.tables.job_queue.selection import Selection
from tests.support.mariadb import PrivateMariaDB
from tests.support.queues import queued_job

# Owners and readers of jobs, of which each kind has some.
KINDS = (
    (("former",), ("admin", "former")),
    (("former", "theor"), ("admin", "former")),
    (("former", "theor"), ("admin", "former", "mark")),
    (("formerly", "theor"), ("admin", "formerly")),
    (("former-x",), ("admin", "former-x", "any")),
    (("mark", "theor"), ("admin", "mark", "theor")),
    (("mark",), ("admin",)),
)
OWNERS = ("former", "theor", "mark", "formerly", "nobody")


@pytest.fixture(params=["sqlite", "mariadb"])
def database(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Database]:
    """An empty project, in which any owner counts as one with many jobs."""
    monkeypatch.setattr("lgi_server.tables.job_queue.narrowing._FEW", 0)
    if request.param == "sqlite":
        address = f"sqlite:{tmp_path}/LGI.sqlite"
    else:
        server: PrivateMariaDB = request.getfixturevalue("private_mariadb")
        address = server.create_database("owners")
    made = open_database(address)
    schema.make(made)
    yield made
    made.close()


def store(database: Database, new: Sequence[JobRow]) -> list[JobRow]:
    """Store jobs, and return them with their numbers."""

    def work(transaction: Transaction) -> list[JobRow]:
        stored = [replace(job, job_id=jobs.insert(transaction, job)) for job in new]
        job_access.insert_all(transaction, stored)
        return stored

    return database.run(work)


def job_of(number: int, owners: Sequence[str], readers: Sequence[str], changed: int) -> JobRow:
    """A job of these owners that changed last at a time in seconds."""
    one = queued_job(number)
    return replace(
        one, owners=tuple(owners), read_access=tuple(readers), write_access=(), state_time_stamp=changed
    )


def mixed_jobs() -> list[JobRow]:
    """Jobs of all kinds, not in the order of time."""
    return [job_of(number, *KINDS[number % 7], 1000 + number * 5 % 12) for number in range(42)]


def has(job: JobRow, one: Selection) -> bool:
    """Whether a job is of the owner, the readers and the time of a selection."""
    may_read = bool({*one.readers, "any"} & {*job.read_access})
    return one.owner in job.owners and may_read and job.state_time_stamp >= one.since


def of_owners() -> Iterator[Selection]:
    """Lists of an owner for several readers."""
    for owner, readers, since in product(OWNERS, (("admin",), ("mark", "theor"), ("former",)), (0, 1004)):
        yield Selection(readers, owner=owner, since=since)


def test_a_list_of_an_owner_with_many_jobs_has_each_of_them_once(database: Database) -> None:
    """In the order of time, also of owners that come second, and of those whose names begin alike."""
    stored = sorted(store(database, mixed_jobs()), key=lambda job: (job.state_time_stamp, job.job_id))

    def work(transaction: Transaction) -> None:
        for one in of_owners():
            expected = [job.job_id for job in stored if has(job, one)]
            assert [job.job_id for job in listing.select(transaction, one, 0, 50)] == expected, one
            assert [job.job_id for job in listing.newest(transaction, one, 50, None)] == expected[::-1], one
            assert listing.count(transaction, one) == len(expected), one
            assert sum(listing.progress(transaction, one).values()) == len(expected), one
        check_cursor(transaction, Selection(("admin",), owner="theor"))

    database.run(work, write=False)


def check_cursor(transaction: Transaction, one: Selection) -> None:
    """Check the jobs before and after the third newest one of a selection."""
    every = listing.newest(transaction, one, 50, None)
    at = ListCursor(every[2].state_time_stamp, every[2].job_id)
    assert listing.newest(transaction, one, 2, at) == every[3:5]
    assert listing.next_newer(transaction, one, 50, at) == every[:2]


def test_the_lists_of_owners_that_begin_with_one_are_enough_if_they_have_all_its_jobs(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise all are looked at, unless these are too many, as those with a group at the end may be."""
    store(database, mixed_jobs())

    def texts(owner: str) -> tuple[str, ...]:
        one = Selection(("admin",), owner=owner)
        return database.run(lambda made: owner_lists.texts(made, one, one.readers), write=False)

    assert texts("theor") == ("former, theor", "formerly, theor", "mark, theor")
    assert texts("former") == ("former", "former, theor")
    monkeypatch.setattr("lgi_server.tables.job_queue.name_ranges.TEXTS", 2)
    assert texts("former") == ("former", "former, theor")
    assert texts("theor") == ()
    monkeypatch.setattr("lgi_server.tables.job_queue.owner_lists._COUNTED", 1)
    assert texts("former") == ()


@pytest.mark.parametrize("database", ["mariadb"], indirect=True)
def test_newer_jobs_of_others_cost_a_list_of_an_owner_nothing(database: Database) -> None:
    """The owner has left: its jobs are the oldest of all that an administrator may read."""
    old = [job_of(number, ("former",), ("admin", "former"), number) for number in range(50)]
    store(database, [*old, *map(queued_job, range(50, 2050))])
    database.run(lambda made: made.rows("ANALYZE TABLE job_queue, job_access"))

    def looks(transaction: Transaction) -> int:
        rows = transaction.rows("SHOW SESSION STATUS LIKE 'Handler_read_key'")
        return int(rows[0]["Value"])

    def look(transaction: Transaction) -> int:
        before = looks(transaction)
        found = listing.newest(transaction, Selection(("admin",), owner="former"), 10, None)
        assert [job.state_time_stamp for job in found] == [*range(49, 39, -1)]
        return looks(transaction) - before

    assert database.run(look, write=False) < 200


def test_jobs_are_counted_by_state_up_to_a_bound(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A million finished jobs would cost the page of administrators a tenth of a second and more."""
    numbers = {"aaa": 1, "aborted": 3, "aborting": 2, "finished": 4, "queued": 5, "running": 2, "zzz": 1}
    states = [state for state, number in numbers.items() for _ in range(number)]
    new = [replace(queued_job(place), owners=("mark",), state=state) for place, state in enumerate(states)]
    parts = [replace(job, array_index=place % 2 or None) for place, job in enumerate(new)]
    store(database, parts)

    def counts(role: str, name: str) -> dict[str, int]:
        return database.run(lambda made: job_counts.by_state(made, role, name), write=False)

    assert counts("owner", "mark") == counts("read", "admin") == numbers
    monkeypatch.setattr(job_counts, "MOST", 3)
    bounded = numbers | {"finished": 4, "queued": 4}
    assert counts("owner", "mark") == counts("read", "admin") == bounded
    shown = dict(job_tiles.counted(bounded))
    assert [shown[state] for state in ("queued", "running", "aborted", "zzz")] == ["over 3", "2", "3", "1"]


def test_results_of_too_many_finished_jobs_are_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their tile is that of the state, and no job of them is looked at."""
    monkeypatch.setattr(job_counts, "by_state", lambda *_: {"finished": job_counts.MOST + 1})
    visit = SimpleNamespace(transaction=None, user=SimpleNamespace(name="mark"))

    shown = job_tiles.tiles(cast(PageContext, visit))

    assert [one.number for one in shown if one.word == "finished"] == ["over 100,000"]
