"""References for jobs to come, on disk with their keys before a server sees them (`resource_exchange`).

A server gives a job to each reference. Should the answer be lost, or the daemon be killed, the same
references are posted again and bring the same jobs; so a reference stays on disk until its job has a record,
or is given back. Each is for one server: two servers would give it a job each.
"""

import json
import logging
import re
import secrets
from collections.abc import Callable, Container, Iterable
from dataclasses import astuple, dataclass
from pathlib import Path
from threading import Lock

from lgi_daemon.files import atomic_file

log = logging.getLogger(__name__)

# References that are made in addition: the file is written, and flushed to disk, once for so many jobs.
SPARE = 32
# Of all servers together; those of the servers that were not asked for the longest time are forgotten first.
MOST = 4096
_REFERENCE = re.compile("[0-9A-F]{32}")


@dataclass(frozen=True)
class StoredReference:
    """A reference for a job of a project at a server; ``key`` (PEM) is empty where jobs have none."""

    project: str
    server: str
    reference: str
    key: str


class ReferencePool:
    """The file ``.references`` of a run directory, for several threads."""

    def __init__(self, path: Path) -> None:
        """Read nothing yet."""
        self._path = path
        self._guard = Lock()
        self._unused: dict[str, StoredReference] = {}
        # Their jobs have come, and have neither a record nor been given back.
        self._taken: dict[str, StoredReference] = {}
        # Posted without an answer, perhaps by an earlier daemon: jobs may have been given to them.
        self._doubtful: set[str] = set()
        # Those of the exchanges under way: no two exchanges have one in common.
        self._reserved: set[str] = set()

    def recover(self, recorded: Container[str]) -> None:
        """Read what an earlier daemon has left, without the references that have a record now."""
        try:
            stored = [StoredReference(*fields) for fields in json.loads(self._path.read_bytes())]
            valid = [one for one in stored if _REFERENCE.fullmatch(one.reference)]
        except FileNotFoundError:
            return
        except (OSError, TypeError, ValueError) as error:
            log.warning("cannot read %s: %s", self._path, error)
            return
        self._unused = {one.reference: one for one in valid[-MOST:] if one.reference not in recorded}
        self._doubtful = set(self._unused)

    def provide(
        self, project: str, server: str, number: int, make_key: Callable[[], str] | None
    ) -> tuple[StoredReference, ...]:
        """Return ``number`` references of a server, all doubtful ones first; new ones are on the disk then.

        They are reserved until `release`: one that two exchanges post would be answered with its job in both.
        ``make_key`` makes keys (PEM), None where jobs get none. Raise OSError when new ones are needed and
        cannot be stored.
        """
        with self._guard:
            here = [one for one in self._of(project, server) if one.reference not in self._reserved]
            doubtful = [one for one in here if one.reference in self._doubtful]
            # A server that has begun to issue certificates gets references with keys.
            certain = [
                one for one in here if one.reference not in self._doubtful and bool(one.key) == bool(make_key)
            ]
            missing = number - len(doubtful)
            if len(certain) < missing:
                certain += self._make(project, server, missing - len(certain) + SPARE, make_key)
            found = (*doubtful, *certain[: max(0, missing)])
            self._reserved.update(one.reference for one in found)
            return found

    def _of(self, project: str, server: str) -> list[StoredReference]:
        return [one for one in self._unused.values() if (one.project, one.server) == (project, server)]

    def count_reserved(self, project: str, server: str) -> int:
        """Return how many jobs of a server the exchanges under way may still bring."""
        with self._guard:
            return sum(one.reference in self._reserved for one in self._of(project, server))

    def release(self, references: Iterable[StoredReference]) -> None:
        """Let the next exchange post references again: the one that had them is over, or was not made.

        Its answer has been applied, or it is `unanswered` by then.
        """
        with self._guard:
            self._reserved.difference_update(one.reference for one in references)

    def _make(
        self, project: str, server: str, number: int, make_key: Callable[[], str] | None
    ) -> list[StoredReference]:
        made = [
            StoredReference(project, server, secrets.token_hex(16).upper(), make_key() if make_key else "")
            for _one in range(number)
        ]
        # Those of this server last, as it was asked last.
        others = [one for one in self._unused.values() if (one.project, one.server) != (project, server)]
        own = self._of(project, server)
        kept = {one.reference: one for one in [*others, *own, *made][-MOST:]}
        rows = [astuple(one) for one in (*self._taken.values(), *kept.values())]
        atomic_file.write(self._path.parent, self._path.name, json.dumps(rows).encode())
        self._unused = kept
        self._doubtful &= kept.keys()
        return made

    def unanswered(self, references: Iterable[str]) -> None:
        """Record that an exchange with references has failed: jobs may have been given to them."""
        with self._guard:
            self._doubtful |= set(references) & self._unused.keys()

    def answered(self, references: Iterable[str]) -> None:
        """Record that a server has answered what was posted with these references."""
        with self._guard:
            self._doubtful -= set(references)

    def doubtful(self, project: str, server: str) -> set[str]:
        """Return the references of a server that may have got jobs without an answer."""
        with self._guard:
            here = (self._unused[name] for name in self._doubtful)
            return {one.reference for one in here if (one.project, one.server) == (project, server)}

    def doubtful_places(self) -> set[tuple[str, str]]:
        """Return the projects and servers that may have given jobs to references without an answer."""
        with self._guard:
            doubtful = [self._unused[name] for name in self._doubtful]
        return {(one.project, one.server) for one in doubtful}

    def drop(self, project: str, server: str) -> None:
        """Forget the references of a server that takes no exchanges any more."""
        with self._guard:
            for name, one in list(self._unused.items()):
                if (one.project, one.server) == (project, server):
                    del self._unused[name]
                    self._doubtful.discard(name)

    def take(self, project: str, server: str, reference: str) -> StoredReference | None:
        """Return a reference that a server has given a job to, once; None for one that is not its."""
        with self._guard:
            one = self._unused.get(reference)
            if one is None or (one.project, one.server) != (project, server):
                return None
            del self._unused[reference]
            self._doubtful.discard(reference)
            self._taken[reference] = one
            return one

    def forget(self, reference: str) -> None:
        """Drop a reference: its job has a record or was given back, or the server has no use for it."""
        with self._guard:
            self._taken.pop(reference, None)
            self._unused.pop(reference, None)
            self._doubtful.discard(reference)
