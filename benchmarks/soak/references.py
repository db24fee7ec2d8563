"""The references of a simulated daemon: made before the call, and posted again until they are answered."""

import secrets
from collections.abc import Callable, Iterable

from lgi_protocol.exchange import Reference


class References:
    """As `lgi_daemon.rundir.reference_pool`, in memory: a simulated daemon is not started again."""

    def __init__(self, make_request: Callable[[], bytes]) -> None:
        """Let ``make_request`` return the signing request of a job's key (DER), empty for none."""
        self._make_request = make_request
        self._unused: dict[str, Reference] = {}
        self._doubtful: set[str] = set()
        # Those of the exchanges under way, which have none in common.
        self._reserved: set[str] = set()

    @property
    def has_doubtful(self) -> bool:
        """Whether jobs may have been given in an answer that was lost."""
        return bool(self._doubtful)

    @property
    def reserved(self) -> int:
        """How many jobs the exchanges under way may bring."""
        return len(self._reserved)

    def provide(self, number: int) -> tuple[Reference, ...]:
        """Return ``number`` references, and all of which the answer was lost, to one exchange."""
        while len(self._unused) - len(self._reserved) < number:
            made = Reference(secrets.token_hex(16).upper(), self._make_request())
            self._unused[made.daemon_reference] = made
        free = {name: one for name, one in self._unused.items() if name not in self._reserved}
        doubtful = [one for name, one in free.items() if name in self._doubtful]
        certain = [one for name, one in free.items() if name not in self._doubtful]
        found = (*doubtful, *certain[: max(0, number - len(doubtful))])
        self._reserved |= {one.daemon_reference for one in found}
        return found

    def take(self, name: str) -> bool:
        """Use a reference up for a job that has come; return False for one that is not here any more."""
        self._doubtful.discard(name)
        self._reserved.discard(name)
        return self._unused.pop(name, None) is not None

    def spend(self, names: Iterable[str]) -> None:
        """Forget references that no job will get."""
        for name in names:
            self.take(name)

    def answered(self, posted: Iterable[Reference]) -> None:
        """Record that an exchange with these references was answered."""
        names = {one.daemon_reference for one in posted}
        self._doubtful -= names
        self._reserved -= names

    def lost(self, posted: Iterable[Reference]) -> None:
        """Record that the answer to an exchange was lost: jobs may have been given to its references."""
        names = {one.daemon_reference for one in posted}
        self._doubtful |= names & self._unused.keys()
        self._reserved -= names
