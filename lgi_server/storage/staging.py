"""A repository on another host, created before the transaction that stores its job.

Creating one takes time, and an open transaction delays others: all writers with SQLite, submits under the
same rule with MariaDB. So the work of a submit runs twice: first until the content of the repository is
known, which is then created with no transaction open, and again to store the job.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.storage import repository
from lgi_server.storage.repository import NewRepository, RepositoryWriter

Result = TypeVar("Result")


class RepositoryNotReadyError(Exception):
    """The repository has to be created first, by ``staged.create_and_run``; nothing was changed."""

    def __init__(self, staged: "StagedRepository") -> None:
        super().__init__("the repository is not created yet")
        self.staged = staged


class StagedRepository:
    """The repository writer of one request: it keeps what was asked for and creates it later."""

    def __init__(self, writer: RepositoryWriter) -> None:
        """Create the writer of a request; repositories are created by ``writer``."""
        self._writer = writer
        self._names: tuple[str, ...] = (repository.new_name(),)
        self._requested: tuple[NewRepository, ...] = ()
        self._many = False
        self._made = False
        self._kept: set[str] = set()

    def new_name(self) -> str:
        """Return the name of the request's repository."""
        return self._names[0]

    def check(self, new: NewRepository) -> None:
        """Raise LGIError UPLOAD or FILE_TOO_BIG unless a repository can have these first files."""
        self._writer.check(new)

    def create(self, name: str, new: NewRepository) -> None:
        """Use the created repository; RepositoryNotReadyError at the first call."""
        self._take((new,))

    def create_all(self, repositories: Sequence[NewRepository]) -> tuple[str, ...]:
        """Use the created repositories and return their names; RepositoryNotReadyError at the first call."""
        self._many = True
        self._take(tuple(repositories))
        return self._names

    def _take(self, requested: tuple[NewRepository, ...]) -> None:
        if not self._made:
            self._requested = requested
            raise RepositoryNotReadyError(self)
        if requested != self._requested:
            raise LGIError(ErrorNumber.BACK_OFF, "the project's rules have just changed")
        self._kept = set(self._names)

    def remove(self, name: str) -> None:
        """Have a repository of the request removed after its work, or remove another one now."""
        if name in self._names:
            self._kept.discard(name)
        else:
            self._writer.remove(name)

    def remove_all(self, names: Sequence[str]) -> None:
        """Remove repositories as `remove` does."""
        for name in names:
            if name in self._names:
                self._kept.discard(name)
        if others := [name for name in names if name not in self._names]:
            self._writer.remove_all(others)

    def create_and_run(self, work: Callable[[], Result]) -> Result:
        """Create the requested repositories, return the result of ``work``, and remove unused ones."""
        try:
            if self._many:
                self._names = self._writer.create_all(self._requested)
            else:
                (one,) = self._requested
                self._writer.create(self._names[0], one)
            self._made = True
            return work()
        finally:
            for name in self._names:
                if name not in self._kept:
                    self._writer.remove(name)
