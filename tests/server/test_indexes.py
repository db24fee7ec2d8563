"""Every statement on jobs is a range of an index, however many jobs there are (MariaDB's own word for it)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from lgi_server.db import open_database, schema
from lgi_server.db.pool import Database
from lgi_server.db.transaction import Transaction
from lgi_server.tables import (
    job_access,
    job_arrays,
    job_counts,
    job_history,
    licence_wishes,
    running_locks,
    running_sessions,
    submit_requests,
    submit_rules,
)
from lgi_server.tables.active_resources import numbered, with_session
from lgi_server.tables.job_history import StateChange
from lgi_server.tables.job_queue import (
    claims,
    elements,
    heartbeats,
    inputs,
    jobs,
    kinds,
    label_texts,
    listing,
    lock_states,
    owner_lists,
    pending_work,
    priorities,
    queue_lengths,
    repositories,
    states,
    target_lists,
    text_search,
)
from lgi_server.tables.job_queue.listing import ListCursor
from lgi_server.tables.job_queue.priorities import Queue
from lgi_server.tables.job_queue.selection import Selection
from tests.support import queues
from tests.support.mariadb import PrivateMariaDB
from tests.support.queues import queued_job

pytestmark = pytest.mark.slow

JOBS = 3000
SIZED = {
    *("job_queue", "job_access", "running_locks", "running_sessions"),
    *("job", "held", "target", "owner", "session", "one", "submit_requests"),
}


class Recording(Transaction):
    """A transaction that remembers what was asked of it."""

    def __init__(self, inner: Transaction) -> None:
        super().__init__(inner.connection, locks_rows=True)
        self.asked: list[tuple[str, Sequence[Any]]] = []

    def rows(self, sql: str, *parameters: Any) -> list[Any]:
        self.asked.append((sql, parameters))
        return super().rows(sql, *parameters)

    def row(self, sql: str, *parameters: Any) -> Any:
        self.asked.append((sql, parameters))
        return super().row(sql, *parameters)

    def run(self, sql: str, *parameters: Any) -> int:
        self.asked.append((sql, parameters))
        return super().run(sql, *parameters)

    def execute_pipelined(self, sql: str, *parameters: Any) -> None:
        self.asked.append((sql, parameters))
        super().execute_pipelined(sql, *parameters)


@pytest.fixture(scope="module")
def database(private_mariadb: PrivateMariaDB) -> Iterator[Database]:
    """A project with many jobs, its statistics up to date."""
    made = open_database(private_mariadb.create_database("indexes"))
    schema.make(made)
    queues.fill(made, JOBS)
    made.run(lambda transaction: transaction.rows("ANALYZE TABLE job_queue, job_access"))
    yield made
    made.close()


CHANGE = StateChange(7, 1000, "queued", "running", "resource res1", "", "vasp", ("user7",), ("res1",))
MARK = Selection(("user7", "theor"))
FAILED = Selection(("user7", "admin"), ended="failed")
OF_VASP, QUEUED_VASP = (Selection(("user7",), state, False, "vasp") for state in ("", "queued"))
SWEEP = Selection(("user7", "theor"), labels=("=sweep",))
STATEMENTS: dict[str, Callable[[Transaction], object]] = {
    "find": lambda one: jobs.find(one, 7),
    "with lock": lambda one: jobs.with_lock(one, 7),
    "hold": lambda one: jobs.lock_row(one, 7),
    "hold lock": lambda one: running_locks.hold(one, 7),
    "awaited": lambda one: pending_work.find_pending(
        one, ["hello_world", "other"], ["res1", "res2"], {"other": ["a=1"]}
    ),
    "offers with licences": lambda one: claims.claim_jobs(
        one, "hello_world", "res1", (), 0, limit=10, requests={"": 99, "a=1": 3, "a=1 b=2": 1}
    ),
    "requests for licences": lambda one: (
        licence_wishes.add(one, "hello_world", "a=1"),
        licence_wishes.demand(one, 1, "hello_world"),
        licence_wishes.requests_of(one, ["hello_world", "other"]),
    ),
    "licences in use": lambda one: (licence_wishes.hold(one), licence_wishes.held(one)),
    "locked": lambda one: jobs.locked(one, 7, 1),
    "list": lambda one: listing.select(one, MARK, 0, 10),
    "list of an administrator": lambda one: listing.select(one, Selection(("admin",)), 0, 10),
    "list of nobody": lambda one: listing.select(one, Selection(("nobody",)), 0, 10),
    "list without elements": lambda one: listing.select(one, Selection(("user7",), single=True), 0, 10),
    "list of an array": lambda one: job_arrays.reader_of(one, 7, ["user7"]),
    "failed of an array": lambda one: (
        elements.run_times(one, 7, 10),
        elements.starts(one, 7, 10),
        elements.count_active(one, 7),
        elements.held(one, 7, 10),
        elements.stored(one, 7, [1, 2]),
        elements.place_of(one, [7, 8]),
        job_arrays.lock_limited(one, [7, 8], 2),
        elements.count_all(one, 7),
    ),
    "arrays": lambda one: (
        job_arrays.newest(one, ["user7", "admin"], 10, 7),
        job_arrays.progress(one, [7, 8]),
        job_arrays.limited(one),
        job_arrays.lock(one, 7),
    ),
    "progress": lambda one: listing.progress(one, MARK),
    "list by state": lambda one: listing.select(one, Selection(("user7",), "queued"), 0, 10),
    "list by no state": lambda one: listing.select(one, Selection(("user7",), "queued", True), 0, 10),
    "list by application": lambda one: listing.select(one, Selection(("user7",), "", False, "vasp"), 0, 10),
    "newest": lambda one: listing.newest(one, MARK, 10, None),
    "newest far down": lambda one: listing.newest(one, MARK, 10, ListCursor(1500, 7)),
    "newest by state": lambda one: listing.newest(
        one, Selection(("user7",), "queued"), 10, ListCursor(1500, 7)
    ),
    "newest of an administrator": lambda one: listing.newest(
        one, Selection(("admin",)), 9, ListCursor(1500, 7)
    ),
    "newest by application": lambda one: listing.newest(one, OF_VASP, 10, ListCursor(1500, 7)),
    "newest by both": lambda one: listing.newest(one, QUEUED_VASP, 10, ListCursor(1500, 7)),
    "next newer": lambda one: listing.next_newer(one, MARK, 10, ListCursor(1500, 7)),
    "changed since": lambda one: listing.changed_since(one, 3990),
    "states": lambda one: [job_counts.by_state(one, role, "user7") for role in ("owner", "read")],
    "running": lambda one: listing.running_at(one, ["hello_world", "vasp"]),
    "usage": lambda one: (
        job_counts.by_application(one, "user7"),
        job_counts.ended_since(one, "user7", [1, 2]),
    ),
    "list by name": lambda one: listing.select(one, SWEEP, 0, 10),
    "list by name and state": lambda one: listing.select(one, replace(SWEEP, state="queued"), 0, 10),
    "list by name and end": lambda one: listing.select(one, replace(SWEEP, ended="failed"), 0, 10),
    "list by labels": lambda one: listing.select(one, replace(SWEEP, labels=("=sweep", "T=300")), 0, 10),
    "newest by name": lambda one: listing.newest(one, SWEEP, 10, ListCursor(1500, 7)),
    "count by name": lambda one: listing.count(one, replace(SWEEP, since=1500)),
    "list by owner": lambda one: listing.select(one, replace(MARK, owner="theor", target="res1"), 0, 10),
    "list by target": lambda one: [
        one.rows(f"SELECT job_id {end} ORDER BY state_time_stamp, job_id LIMIT 10", *values)
        for end, values in target_lists.ranges(replace(MARK, target="res1"), ["res1"], MARK.readers)
    ],
    "newest by target": lambda one: [
        one.rows(f"SELECT job_id {end} ORDER BY state_time_stamp DESC, job_id DESC LIMIT 10", *values)
        for end, values in target_lists.ranges(replace(MARK, target="res1"), ["res1"], MARK.readers)
    ],
    "values of targets": lambda one: target_lists.texts(one, Selection(("admin",), target="res1"), ["admin"]),
    "newest by owner": lambda one: [
        one.rows(f"SELECT job_id {end} ORDER BY state_time_stamp DESC, job_id DESC LIMIT 10", *values)
        for end, values in owner_lists.ranges(MARK, ["user7"], MARK.readers)
    ],
    "values of owners": lambda one: owner_lists.texts(one, Selection(("admin",), owner="user7"), ["admin"]),
    "list by number": lambda one: listing.select(one, replace(MARK, numbers=((3, 3), (12, 40))), 0, 10),
    "search": lambda one: text_search.search(one, MARK, "none", 10, ListCursor(1500, 7)),
    "commands": lambda one: inputs.begins(one, [7, 8]),
    "labels": lambda one: label_texts.set_labels(one, 7, "a=b"),
    "queue lengths": lambda one: queue_lengths.queued(one, ["hello_world", "vasp"]),
    "queue of users": lambda one: queue_lengths.by_user(one, "hello_world", "any", "user7", 5),
    "failures at a resource": lambda one: listing.newest(
        one, replace(FAILED, target="res1", since=1500), 10, None
    ),
    "list by end": lambda one: listing.select(one, FAILED, 0, 10),
    "newest by end": lambda one: listing.newest(one, FAILED, 10, ListCursor(1500, 7)),
    "count by end": lambda one: listing.count(one, FAILED),
    "count": lambda one: listing.count(one, MARK),
    "count by state": lambda one: listing.count(one, Selection(("user7",), "queued")),
    "count of a limit": lambda one: submit_rules.count_alone(one, "user7", "hello_world", True),
    "repeated request": lambda one: submit_requests.find(one, "user user7", ["x"]),
    "old requests": lambda one: submit_requests.forget_old(one, [], 10**10),
    "offers": lambda one: claims.claim_jobs(one, "hello_world", "res1", (), 0, limit=10),
    "offers far down": lambda one: claims.claim_jobs(one, "hello_world", "res1", (), 150, limit=10),
    "offers for owners": lambda one: claims.claim_jobs(
        one, "hello_world", "res1", ("user7", "!x"), 0, limit=10
    ),
    "set state": lambda one: states.set_state(one, queued_job(1), queued_job(1)),
    "change": lambda one: states.change(one, queued_job(1), queued_job(1, "res1")),
    "history": lambda one: (job_history.of_job(one, 7), job_history.record(one, CHANGE, CHANGE)),
    "history to account": lambda one: (job_history.take(one, 10), job_history.set_accounted(one, [7])),
    "old history": lambda one: (job_history.oldest(one, 10), job_history.delete(one, [7])),
    "lock": lambda one: lock_states.mark_unlocked(one, [7, 8]),
    "pulses": lambda one: heartbeats.store(one, [7, 8], 1),
    "repository": lambda one: repositories.find_job(one, "JOB_7"),
    "reader by a job": lambda one: job_access.runs_for(one, "res1", ["user7"]),
    "delete": lambda one: states.delete(one, [1, 2]),
    "locks of a session": lambda one: running_locks.of_session(one, 1),
    "locks of no session": lambda one: (
        running_locks.abandoned(one, 1),
        running_locks.take_older(one, [7, 8], 1),
    ),
    "sessions": lambda one: (running_sessions.renew(one, [1], 1), running_sessions.expired(one, 1, 5)),
    "pulse": lambda one: (heartbeats.older(one, "vasp", 1), heartbeats.lock_if_older(one, 7, 1)),
    "wrong clock": lambda one: (
        heartbeats.later(one, "vasp", 1),
        running_sessions.bring_back(one, 9, 1),
    ),
    "kinds": lambda one: (kinds.applications(one), kinds.kinds(one)),
    "marked": lambda one: lock_states.orphaned_lock_states(one, "hello_world", "queued"),
    "orphans": lambda one: repositories.names_among(one, ["JOB_7", "JOB_8"]),
    "queues": lambda one: priorities.queues(one),
    "heads of queues": lambda one: priorities.heads(one, {Queue("hello_world", "any", "user7"): 10}),
    "priorities": lambda one: priorities.set_priorities(one, {7: -1, 8: -2}),
    "caller": lambda one: (with_session(one, "res1", 1), numbered(one, 1)),
}


class _Forget(Exception):
    """Ends a transaction whose changes are not wanted."""


@pytest.mark.parametrize("work", STATEMENTS.values(), ids=STATEMENTS.keys())
def test_a_statement_on_jobs_uses_an_index(database: Database, work: Callable[[Transaction], object]) -> None:
    """No full scan of a table that grows with the jobs, and no sort of more than a page."""
    plans: list[tuple[str, Any]] = []

    def explain(transaction: Transaction) -> None:
        recording = Recording(transaction)
        work(recording)
        for sql, parameters in recording.asked:
            plans.extend((sql, row) for row in transaction.rows(f"EXPLAIN {sql}", *parameters))
        raise _Forget

    with pytest.raises(_Forget):
        database.run(explain)

    assert plans != []
    scans = [
        (plan["table"], plan["type"], plan["Extra"], sql)
        for sql, plan in plans
        if plan["table"] in SIZED and (plan["type"] == "ALL" or plan["key"] is None)
    ]
    assert scans == []
    sorts = [
        (plan["table"], plan["rows"])
        for _, plan in plans
        if "filesort" in str(plan["Extra"]) and plan["table"] in SIZED and int(plan["rows"] or 0) > 100
    ]
    assert sorts == []


def test_a_claim_leaves_few_indexes_to_choose_from(database: Database) -> None:
    """MariaDB looks into each that may be of use, for every claim."""
    compared: dict[str, set[str]] = {}

    def explain(transaction: Transaction) -> None:
        recording = Recording(transaction)
        claims.claim_jobs(recording, "hello_world", "res1", ("user7", "theor", "!x", "!y"), 0, limit=10)
        for sql, parameters in recording.asked:
            for plan in transaction.rows(f"EXPLAIN {sql}", *parameters):
                compared.setdefault(plan["table"], set()).update((plan["possible_keys"] or "").split(","))

    database.run(explain)

    assert compared["job"] == {"job_target", "PRIMARY"}
    assert compared["other"] == compared["target"] == compared["owner"] == {"access_of_job"}
