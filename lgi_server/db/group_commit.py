"""Group commit: writers of a process that wait for each other share one transaction, and one write to disk.

A database that takes one writer at a time, as SQLite does, would else write to disk for each, and read again
what other processes have changed. The first writer leads: it begins the transaction, does its own work and
that of all who have come meanwhile, each in a savepoint of its own, and commits. Work that raises is undone
alone.
"""

import contextvars
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from lgi_server.db.errors import DatabaseUnavailableError, RetryableError, StaleConnectionError
from lgi_server.db.transaction import Transaction

Work = Callable[[Transaction], Any]
# Seconds that a writer waits for others.
WAIT = 10.0
# The most works of one transaction, and seconds after which it takes no other: other processes wait too.
MOST, LONGEST = 16, 0.03
_LOST = "the transaction was rolled back with that of another writer"


class _Writer:
    """A work, and what has become of it."""

    def __init__(self, work: Work) -> None:
        self.work = work
        # What the work looks up there is that of its own request, whoever does it.
        self.context = contextvars.copy_context()
        # Of one that waits: set when its work has been done, or when it is to lead.
        self.is_called: threading.Event | None = None
        self.leads = False
        self.is_done = False
        self.has_left = False
        self.outcome: tuple[Transaction, Any] | None = None
        self.error: BaseException | None = None

    def do(self, transaction: Transaction) -> None:
        """Do the work in a savepoint of the transaction of the leader; raise what ends that as a whole."""
        connection = transaction.connection
        own = Transaction(connection, locks_rows=False)
        transaction.on_rollback(own.rolled_back)
        connection.execute("SAVEPOINT work", ())
        try:
            self.outcome = own, self.context.run(self.work, own)
        except Exception as error:
            self.error = error
            if isinstance(error, StaleConnectionError | DatabaseUnavailableError):
                raise
            connection.execute("ROLLBACK TO work", ())
            own.rolled_back()
        connection.execute("RELEASE work", ())


class GroupCommit:
    """The writers of one database in this process."""

    def __init__(self, transact: Callable[[Work], object], finish: Callable[[Transaction], object]) -> None:
        """Set how a work is done in a transaction, and what is to be done after its commit.

        ``finish`` is called for writers that were killed while another one did their work.
        """
        self._transact = transact
        self._finish = finish
        self._mutex = threading.Lock()
        self._waiting: deque[_Writer] = deque()
        self._has_leader = False
        # Whether all works of the transaction have been done, so that an error is one of its commit.
        self._is_whole = False

    def run(self, work: Work) -> tuple[Transaction, Any]:
        """Do a work, commit, and return its transaction and its result.

        Raises what the work or the commit raises; RetryableError when others take too long, or when the
        transaction was lost with the work of another writer.
        """
        writer = _Writer(work)
        with self._mutex:
            self._waiting.append(writer)
            if self._has_leader:
                writer.is_called = threading.Event()
            else:
                writer.leads = self._has_leader = True
        try:
            if writer.is_called:
                self._wait(writer, writer.is_called)
            if writer.leads:
                self._lead(writer)
        except BaseException:
            self._leave(writer)
            raise
        if writer.outcome is None or writer.error:
            raise writer.error or RetryableError(_LOST)
        return writer.outcome

    def _wait(self, writer: _Writer, is_called: threading.Event) -> None:
        """Wait until another writer has done the work, or until this one leads."""
        if not is_called.wait(WAIT):
            with self._mutex:
                if writer in self._waiting and not writer.leads:
                    raise RetryableError("other transactions of this process do not end")
            is_called.wait()

    def _lead(self, leader: _Writer) -> None:
        """Do the works that wait, the first of which is that of the leader, in one transaction."""
        done: list[_Writer] = []
        self._is_whole = False
        try:
            self._transact(partial(self._do_all, done))
        except BaseException as error:
            # Of a commit that has failed, all get the error; else those begin anew whose work was good.
            shared = error if self._is_whole and isinstance(error, Exception) else RetryableError(_LOST)
            for one in done:
                one.error = one.error or shared
            if len(done) < 2 or not isinstance(error, Exception):
                raise
        finally:
            self._end(leader, done)

    def _do_all(self, done: list[_Writer], transaction: Transaction) -> None:
        end = time.monotonic() + LONGEST
        while len(done) < MOST and (not done or time.monotonic() < end):
            with self._mutex:
                if not self._waiting:
                    break
                done.append(self._waiting.popleft())
            if len(done) == 1 and not self._waiting:
                # Nobody else is there to be spared the work of this one.
                done[0].outcome = transaction, done[0].work(transaction)
                break
            done[-1].do(transaction)
        self._is_whole = True

    def _end(self, leader: _Writer, done: list[_Writer]) -> None:
        """Tell writers that their work is done, and the next one that it leads."""
        left = []
        with self._mutex:
            for one in done:
                one.is_done = True
                if one.has_left:
                    left.append(one)
            leader.leads = self._has_leader = False
            if self._waiting:
                self._call_next(leader)
        for one in done:
            if one.is_called:
                one.is_called.set()
        for one in left:
            self._finish_left(one)

    def _call_next(self, leader: _Writer) -> None:
        """Have the next writer lead; the leader itself still waits when it could not begin."""
        if leader in self._waiting:
            self._waiting.remove(leader)
        if self._waiting and self._waiting[0].is_called:
            self._waiting[0].leads = self._has_leader = True
            self._waiting[0].is_called.set()

    def _leave(self, writer: _Writer) -> None:
        """Go without the result; what is committed all the same is finished."""
        with self._mutex:
            if writer.leads:
                # It was called to lead, and killed before it did.
                writer.leads = self._has_leader = False
                self._call_next(writer)
            elif writer in self._waiting:
                self._waiting.remove(writer)
            writer.has_left, is_done = True, writer.is_done
        if is_done:
            self._finish_left(writer)

    def _finish_left(self, writer: _Writer) -> None:
        if writer.outcome and not writer.error:
            self._finish(writer.outcome[0])
