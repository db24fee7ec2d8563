"""The files in a job's directory, and the entries that cannot be stored."""

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http import HTTPStatus
from pathlib import Path

from lgi_protocol import file_names, open_flags
from lgi_protocol.job_directory import HASHED, OUTPUT
from lgi_protocol.value_object import value_object
from lgi_tools.client.result_patterns import ALL, ResultPatterns
from lgi_tools.client.stored_file import STREAMS
from lgi_tools.client.transfer_error import TransferError
from lgi_tools.staging.marks import Fingerprint, fingerprint

RESERVED = ("LGI_", ".LGI_")
_KINDS = (
    (stat.S_ISLNK, "link"),
    (stat.S_ISFIFO, "pipe"),
    (stat.S_ISSOCK, "socket"),
)


@value_object
class LocalFile:
    """A file to store under a name, with its current size and time."""

    name: str
    path: Path
    fingerprint: Fingerprint
    # A directory above it: no link is followed from there on.
    top: Path | None = None


@value_object
class Omitted:
    """An entry that is not stored, with the reason."""

    name: str
    reason: str


def is_staged(name: str) -> bool:
    """Return whether a name can be that of a user's file."""
    return file_names.is_entry(name) and not name.startswith(RESERVED)


def is_staged_path(path: str) -> bool:
    """Return whether a path is that of a user's file, below the directory of its job."""
    return file_names.is_path(path) and not path.startswith(RESERVED)


def contents(
    directory: Path,
    state: Path,
    fetched: Mapping[str, Fingerprint],
    patterns: ResultPatterns = ALL,
) -> Iterator[LocalFile | Omitted]:
    """Yield the user's files in the order of their names, then both streams of the job.

    A file in the place of a stream that is as it was ``fetched`` is the stream of an earlier try.
    """
    from lgi_tools.staging.result_tree import chosen_files

    streams = [_examine(name, state / place) for name, place in STREAMS.items() if (state / place).exists()]
    taken = {stream.name for stream in streams}
    found = chosen_files(directory, patterns) if patterns.has_paths else _entries(directory, patterns)
    for one in found:
        if one.name not in taken:
            yield one
        elif not _is_unchanged(directory / one.name, fetched.get(one.name)):
            yield Omitted(one.name, "a stream of the job is stored under this name")
    yield from streams


def _entries(directory: Path, patterns: ResultPatterns) -> Iterator[LocalFile | Omitted]:
    """Yield what is in a directory itself, but for what the patterns leave out."""
    for pattern in patterns.invalid:
        yield Omitted(pattern, "not a pattern of result files")
    for name in sorted(os.listdir(directory)):
        one = None if patterns.leaves_out([name]) else _entry(name, directory / name)
        if one:
            yield one


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
    return examined(name, path, status)


def examined(name: str, path: Path, status: os.stat_result, below: str = "") -> LocalFile | Omitted:
    """Return an entry whose status is known; ``below`` is its path below the directory of the job."""
    mode = status.st_mode
    if stat.S_ISREG(mode):
        top = path.parents[below.count("/")] if below else None
        return LocalFile(name, path, fingerprint(status), top)
    if stat.S_ISDIR(mode):
        return Omitted(f"{name}/", "directory")
    kind = next((kind for is_kind, kind in _KINDS if is_kind(mode)), "device")
    return Omitted(below or name, kind)


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
def plain_file(path: Path, top: Path | None = None) -> Iterator[int]:
    """Open a regular file without following links, because a link could lead to a key.

    With ``top``, a directory above it, no directory from there on may be a link either.
    """
    descriptor = _open(path, top or path.parent)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise TransferError("it is no longer a regular file")
        yield descriptor
    finally:
        os.close(descriptor)


def _open(path: Path, top: Path) -> int:
    *parents, name = path.relative_to(top).parts
    at = os.open(top, os.O_RDONLY | open_flags.DIRECTORY)
    try:
        for parent in parents:
            flags = os.O_RDONLY | open_flags.DIRECTORY | open_flags.NO_FOLLOW
            inner = os.open(parent, flags, dir_fd=at)
            os.close(at)
            at = inner
        return os.open(name, os.O_RDONLY | open_flags.NO_FOLLOW | open_flags.NO_BLOCK, dir_fd=at)
    finally:
        os.close(at)
