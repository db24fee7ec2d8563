"""A repository on another host, made before the transaction that stores its job.

Making one takes a while, and an open transaction holds up others: all changes with SQLite, submits by the
same rule with MariaDB. So a submit is judged twice: once until everything is known that the repository
needs, which is then made with no transaction open, and once more to store the job.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.storage import base
from lgi_server.storage.base import NewRepository, RepositoryWriter, Upload

Result = TypeVar("Result")


class RepositoryNotReadyError(Exception):
    """Nothing was done: have ``ahead`` make the repository, then the same work can be done."""

    def __init__(self, ahead: "StagedRepository") -> None:
        super().__init__("the repository is not made yet")
        self.ahead = ahead


class StagedRepository:
    """What makes and removes repositories for one request, as it appears to the request's transaction."""

    def __init__(self, slow: RepositoryWriter) -> None:
        """Prepare the repositories of a request: one with a known name, or many at once."""
        self._slow = slow
        self._names: tuple[str, ...] = (base.new_name(),)
        self._wanted: tuple[NewRepository, ...] = ()
        self._many = False
        self._made = False
        self._kept: set[str] = set()

    def new_name(self) -> str:
        """Return the name of the request's repository."""
        return self._names[0]

    def check(self, uploads: Sequence[Upload]) -> None:
        """LGIError UPLOAD or FILE_TOO_BIG unless these can be the first files of one repository."""
        self._slow.check(uploads)

    def create(self, name: str, writers: Sequence[str], uploads: Sequence[Upload]) -> None:
        """Take the repository that was made. Raises RepositoryNotReadyError the first time."""
        self._take((NewRepository(tuple(writers), tuple(uploads)),))

    def create_all(self, wanted: Sequence[NewRepository]) -> tuple[str, ...]:
        """Take the repositories that were made; their names. Raises RepositoryNotReadyError at first."""
        self._many = True
        self._take(tuple(wanted))
        return self._names

    def _take(self, wanted: tuple[NewRepository, ...]) -> None:
        if not self._made:
            self._wanted = wanted
            raise RepositoryNotReadyError(self)
        if wanted != self._wanted:
            raise LGIError(ErrorNumber.BACK_OFF, "the project's rules have just changed")
        self._kept = set(self._names)

    def remove(self, name: str) -> None:
        """Give a repository of the request back, or remove another."""
        if name in self._names:
            self._kept.discard(name)
        else:
            self._slow.remove(name)

    def make(self, then: Callable[[], Result]) -> Result:
        """Make what was wanted, then have the work done; what it does not keep is removed."""
        try:
            if self._many:
                self._names = self._slow.create_all(self._wanted)
            else:
                (one,) = self._wanted
                self._slow.create(self._names[0], one.writers, one.uploads)
            self._made = True
            return then()
        finally:
            for name in self._names:
                if name not in self._kept:
                    self._slow.remove(name)
