"""Deferred statements: they run within a second, once for all transactions that asked for them."""

import threading

import pytest

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.db.deferred_writes import MOST_KEPT, DeferredWrites, Statement
from lgi_server.db.pool import Database
from lgi_server.db.transaction import Transaction
from lgi_server.tables import event_queue
from tests.support.grid import wait_for


def queued(database: Database) -> list[int]:
    """The moments of the events that are there."""
    rows = database.run(
        lambda transaction: transaction.rows("SELECT event_time_stamp AS t FROM event_queue ORDER BY t")
    )
    return [int(row["t"]) for row in rows]


@pytest.mark.slow
def test_an_event_that_many_ask_for_is_stored_once_a_second(database: Database) -> None:
    """Each second's event once, without anybody's help."""
    for moment in (7, 7, 8, 7):
        database.run(lambda transaction, moment=moment: event_queue.job_changed(transaction, moment))

    wait_for(lambda: queued(database) == [7, 8])


def test_a_transaction_that_is_taken_back_asks_for_no_event(database: Database) -> None:
    """A transaction that is taken back takes back what it wanted soon."""

    def work(transaction: Transaction) -> None:
        event_queue.job_changed(transaction, 7)
        raise LGIError(ErrorNumber.NO_JOB)

    with pytest.raises(LGIError):
        database.run(work)
    database.run(lambda transaction: event_queue.job_changed(transaction, 8))
    database.close()

    assert queued(database) == [8]


def test_an_event_that_waits_is_stored_when_the_program_ends(database: Database) -> None:
    """A program that ends does not wait for the second to be over."""
    database.run(lambda transaction: event_queue.job_changed(transaction, 7))
    database.close()

    assert queued(database) == [7]


def test_a_program_that_ends_waits_for_what_is_being_stored() -> None:
    """It was taken from the queue, which is empty then; its thread would end with the program."""
    begun, go_on, taken = threading.Event(), threading.Event(), list[Statement]()

    def run(statements: list[Statement]) -> None:
        begun.set()
        go_on.wait(60)
        taken.extend(statements)

    soon = DeferredWrites(run, 0.01)
    soon.add(("x", ()), None)
    assert begun.wait(60)
    threading.Timer(0.2, go_on.set).start()

    soon.flush()

    assert taken == [("x", ())]


def test_events_are_kept_while_the_database_is_away() -> None:
    """The newest ones up to a limit are kept in their order."""
    taken: list[Statement] = []
    away = [True]

    def run(statements: list[Statement]) -> None:
        if away:
            raise LGIError(ErrorNumber.BACK_OFF)
        taken.extend(statements)

    soon = DeferredWrites(run)
    for number in range(MOST_KEPT):
        soon.add(("x", (number,)), None)
    soon.flush()
    soon.add(("y", ()), None)
    soon.flush()
    away.clear()
    soon.flush()

    assert [statement[1] for statement in taken] == [*((number,) for number in range(1, MOST_KEPT)), ()]
    assert not soon.flush()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_fault_does_not_stop_later_events() -> None:
    """A statement may fail with an unexpected exception; the later ones still run."""
    taken: list[Statement] = []
    faults = [KeyError("nobody thought of it")]

    def run(statements: list[Statement]) -> None:
        if faults:
            raise faults.pop()
        taken.extend(statements)

    soon = DeferredWrites(run, 0.01)
    soon.add(("x", ()), None)
    wait_for(lambda: not faults)
    # The thread that failed may still be about to end.
    wait_for(lambda: soon.add(("y", ()), None) or taken)

    assert set(taken) == {("y", ())}
