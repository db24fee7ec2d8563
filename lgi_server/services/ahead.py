"""A repository on another host, made before the transaction that stores its job.

Making one takes a while, and an open transaction holds up others: all changes with SQLite, submits by the
same rule with MariaDB. So a submit is judged twice: once until everything is known that the repository
needs, which is then made with no transaction open, and once more to store the job.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.services import stores
from lgi_server.services.stores import Making, Upload

Result = TypeVar("Result")


class NotMade(Exception):
    """Nothing was done: have ``ahead`` make the repository, then the same work can be done."""

    def __init__(self, ahead: "Ahead") -> None:
        super().__init__("the repository is not made yet")
        self.ahead = ahead


class Ahead:
    """What makes and removes repositories for one request, as it appears to the request's transaction."""

    def __init__(self, slow: Making) -> None:
        """A request makes one repository at most, and its name is known from the beginning."""
        self._slow = slow
        self._name = stores.new_name()
        self._wanted: tuple[tuple[str, ...], tuple[Upload, ...]] | None = None
        self._made = False
        self._kept = False

    def new_name(self) -> str:
        """The name of the request's repository."""
        return self._name

    def create(self, name: str, writers: Sequence[str], uploads: Sequence[Upload]) -> None:
        """Take the repository that was made. Raises NotMade the first time."""
        wanted = (tuple(writers), tuple(uploads))
        if not self._made:
            self._wanted = wanted
            raise NotMade(self)
        if wanted != self._wanted:
            raise LGIError(ErrorNumber.BACK_OFF, "the project's rules have just changed")
        self._kept = True

    def remove(self, name: str) -> None:
        """Give the request's repository back, or remove another."""
        if name == self._name:
            self._kept = False
        else:
            self._slow.remove(name)

    def make(self, then: Callable[[], Result]) -> Result:
        """Make what was wanted, then have the work done; what it does not keep is removed."""
        writers, uploads = self._wanted or ((), ())
        try:
            self._slow.create(self._name, writers, uploads)
            self._made = True
            return then()
        finally:
            if not self._kept:
                self._slow.remove(self._name)
