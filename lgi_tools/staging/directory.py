"""The files in a job's directory, and the entries that cannot be stored."""

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from lgi_protocol.job_directory import HASHED, OUTPUT
from lgi_tools.client.stored_file import STREAMS
from lgi_tools.client.transfer_error import TransferError
from lgi_tools.staging.marks import Fingerprint, fingerprint

RESERVED = ("LGI_", ".LGI_")
_KINDS = (
    (stat.S_ISLNK, "link"),
    (stat.S_ISFIFO, "pipe"),
    (stat.S_ISSOCK, "socket"),
)


@dataclass(frozen=True)
class LocalFile:
    """A file to store under a name, with its current size and time."""

    name: str
    path: Path
    fingerprint: Fingerprint


@dataclass(frozen=True)
class Omitted:
    """An entry that is not stored, with the reason."""

    name: str
    reason: str


def is_staged(name: str) -> bool:
    """Return whether a name can be that of a user's file."""
    return name not in {"", ".", ".."} and "/" not in name and not name.startswith(RESERVED)


def contents(
    directory: Path, state: Path, fetched: Mapping[str, Fingerprint]
) -> Iterator[LocalFile | Omitted]:
    """Yield the user's files in the order of their names, then both streams of the job.

    A file in the place of a stream that is as it was ``fetched`` is the stream of an earlier try.
    """
    streams = [_examine(name, state / place) for name, place in STREAMS.items() if (state / place).exists()]
    taken = {stream.name for stream in streams}
    for name in sorted(os.listdir(directory)):
        if name in taken and _is_unchanged(directory / name, fetched.get(name)):
            continue
        if name in taken:
            yield Omitted(name, "a stream of the job is stored under this name")
        elif one := _entry(name, directory / name):
            yield one
    yield from streams


def _is_unchanged(path: Path, fetched: Fingerprint | None) -> bool:
    with suppress(OSError):
        return fetched == fingerprint(path.lstat())
    return False


def _entry(name: str, path: Path) -> LocalFile | Omitted | None:
    """Return the entry of a name, None for a file of LGI's own."""
    if name.startswith(".LGI_") or name.removesuffix(".hash") in {*HASHED, OUTPUT}:
        return None
    found = _examine(name, path)
    if isinstance(found, LocalFile) and not is_staged(name):
        return Omitted(name, "reserved name")
    return found


def _examine(name: str, path: Path) -> LocalFile | Omitted:
    try:
        status = path.lstat()
    except OSError as error:
        return Omitted(name, reason(error))
    mode = status.st_mode
    if stat.S_ISREG(mode):
        return LocalFile(name, path, fingerprint(status))
    if stat.S_ISDIR(mode):
        return Omitted(f"{name}/", "directory")
    return Omitted(name, next((kind for is_kind, kind in _KINDS if is_kind(mode)), "device"))


def reason(error: TransferError | OSError) -> str:
    """Return why something cannot be stored, as reported by the system or server."""
    said = (error.strerror or "") if isinstance(error, OSError) else ""
    return said.lower() or str(error)


def refusal(name: str, error: TransferError | OSError) -> str:
    """Return why a file is not stored, without its name, which servers repeat in their message."""
    is_utf8 = name.encode("utf-8", "ignore").decode() == name
    if isinstance(error, TransferError) and error.status == HTTPStatus.BAD_REQUEST and not is_utf8:
        return "its name is not UTF-8"
    return reason(error).removesuffix(f": {name[:80]!r}")


@contextmanager
def plain_file(path: Path) -> Iterator[int]:
    """Open a regular file without following links, because a link could lead to a key."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise TransferError("it is no longer a regular file")
        yield descriptor
    finally:
        os.close(descriptor)
