"""Group commit: writers of a process that wait for one another share its transaction, and one write to disk.

A database that takes one writer at a time, as SQLite does, would else write to disk for each, and read again
what other processes have changed. The writer who has the turn leads: after its own work it does that of all
who have come meanwhile, each in a savepoint, and commits. A work that raises is undone alone.
"""

import contextvars
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from lgi_server.db.errors import (
    DatabaseUnavailableError,
    RetryableError,
    StaleConnectionError,
    StatementError,
)
from lgi_server.db.transaction import Transaction

Work = Callable[[Transaction], Any]
# Seconds that a writer waits for others.
WAIT = 10.0
# The most works of others in one transaction, and the seconds that they may take: other processes wait too.
MOST, LONGEST = 16, 0.03
_LOST = "the transaction was rolled back with that of another writer"


class _Writer:
    """A writer who waits, and what has become of its work."""

    def __init__(self, work: Work) -> None:
        self.work = work
        # The leader does the work in the context of the request that it is for.
        self.context = contextvars.copy_context()
        # Set when the work has been done, or when the writer is to lead.
        self.is_called = threading.Event()
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
            # Whatever it is, the writer gets it.
            self.error = error
            if isinstance(error, StaleConnectionError | DatabaseUnavailableError):
                raise StaleConnectionError(_LOST) from error
            try:
                connection.execute("ROLLBACK TO work", ())
            except StatementError as gone:
                # On a full disk SQLite itself may have rolled back all of it.
                raise StaleConnectionError(_LOST) from gone
            own.rolled_back()
        connection.execute("RELEASE work", ())


class GroupCommit:
    """The writers of one database in this process: who holds ``turn`` writes, and others wait for it."""

    def __init__(self, finish: Callable[[Transaction], object]) -> None:
        """Set what is to be done after a commit for a writer who was killed while its work was done."""
        self._finish = finish
        self.turn = threading.Lock()
        self.waiting: deque[_Writer] = deque()
        # Those whose work the present leader has done; a failed commit is the error of all of them.
        self.done: list[_Writer] = []
        self._is_whole = False
        self._guard = threading.Lock()

    def wait(self, work: Work) -> tuple[Transaction, Any] | None:
        """Return the transaction and result of a work that another writer has done, and committed.

        None: the caller has the turn now. Raises what the work or the commit raises; RetryableError when the
        transaction was lost with the work of another writer, or others take too long.
        """
        writer = _Writer(work)
        with self._guard:
            self.waiting.append(writer)
        # Who had the turn may have given it back before it could see this one.
        self.call_next()
        try:
            self._wait(writer)
        except BaseException:
            # It is told, or killed with its request: nobody waits for its work any more.
            self._leave(writer)
            raise
        if writer.leads:
            return None
        if writer.error:
            raise writer.error
        return writer.outcome

    def _wait(self, writer: _Writer) -> None:
        if not writer.is_called.wait(WAIT):
            with self._guard:
                if writer in self.waiting:
                    raise RetryableError("other transactions of this process do not end")
            writer.is_called.wait()

    def call_next(self) -> None:
        """Give the turn to the writer who waits longest, if nobody has it."""
        with self._guard:
            if self.waiting and self.turn.acquire(blocking=False):
                following = self.waiting.popleft()
                following.leads = True
                following.is_called.set()

    def do_waiting(self, transaction: Transaction) -> None:
        """Do the works of those who wait in the transaction of the leader.

        Raises StaleConnectionError when the transaction is lost with one of them.
        """
        self._is_whole = False
        end = time.monotonic() + LONGEST
        while len(self.done) < MOST and (not self.done or time.monotonic() < end):
            with self._guard:
                if not self.waiting:
                    break
                self.done.append(self.waiting.popleft())
            self.done[-1].do(transaction)
        self._is_whole = True

    def tell(self, error: BaseException | None = None) -> None:
        """Tell those whose work was done that it is committed, or the error with which it is not."""
        done, self.done = self.done, []
        # Of a commit that has failed, all get the error; else those begin anew whose work was good.
        shared = error if self._is_whole and isinstance(error, Exception) else RetryableError(_LOST)
        with self._guard:
            for one in done:
                one.error = one.error or (shared if error else None)
                one.is_done = True
            left = [one for one in done if one.has_left]
        for one in done:
            one.is_called.set()
        for one in left:
            self._finish_left(one)

    def _leave(self, writer: _Writer) -> None:
        """Go without the result; what is committed all the same is finished."""
        with self._guard:
            writer.has_left, is_done = True, writer.is_done
            if writer in self.waiting:
                self.waiting.remove(writer)
        if writer.leads:
            self.turn.release()
            self.call_next()
        elif is_done:
            self._finish_left(writer)

    def _finish_left(self, writer: _Writer) -> None:
        if writer.outcome and not writer.error:
            self._finish(writer.outcome[0])
