"""Whether the LGI_* files of a job are as they were written, without trust in any of them."""

import os
import stat
from array import array
from collections.abc import Iterable
from functools import lru_cache

from lgi_protocol import digest as digests
from lgi_protocol.job_directory import HASHED, JOB_CA, JOB_CERTIFICATE, JOB_KEY

_NAMES = (*HASHED, JOB_KEY, JOB_CERTIFICATE, JOB_CA)
# Our own files have none: nobody reads it.
_HASHES = {name: f"{name}.hash" for name in HASHED}
_WATCHED = (*_NAMES, *_HASHES.values())
_INDEX = {name: index for index, name in enumerate(_WATCHED)}
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
# Bytes; longer contents are not those of many jobs.
_CACHED = 4096


def with_hash(name: str, data: bytes) -> list[tuple[str, bytes]]:
    """Return a file with its content, and its .hash if it is one of LGI's document."""
    hashed = _HASHES.get(name)
    return [(name, data), (hashed, digest(data))] if hashed else [(name, data)]


def fingerprint(folder: int) -> "array[int]":
    """Return a number for each file in an open directory that changes with it.

    They include the ctime: a job can restore the content of a file, but not its ctime.
    """
    return array("q", [_state(name, folder) for name in _WATCHED])


def update(known: "array[int]", folder: int, names: Iterable[str]) -> None:
    """Change a fingerprint to that of files which have just been written."""
    for name in names:
        for one in filter(None, (name, _HASHES.get(name))):
            known[_INDEX[one]] = _state(one, folder)


def _state(name: str, folder: int) -> int:
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except OSError:
        return 0
    return hash((found.st_ino, found.st_mode, found.st_size, found.st_mtime_ns, found.st_ctime_ns))


def holds(folder: int, name: str, data: bytes) -> bool:
    """Return whether a file, and its .hash, have this content, without reading more than its size."""
    if _content(folder, name, len(data) + 1) != data:
        return False
    if name not in _HASHES:
        return True
    noted = _content(folder, _HASHES[name], 64)
    return noted is not None and noted.split(b"\n", 1)[0] == digest(data)


def _content(folder: int, name: str, limit: int) -> bytes | None:
    """Return the beginning of a plain file; None for anything else."""
    try:
        descriptor = os.open(name, _FLAGS, dir_fd=folder)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        data = b""
        while len(data) < limit and (piece := os.read(descriptor, limit - len(data))):
            data += piece
        return data
    except OSError:
        return None
    finally:
        os.close(descriptor)


def digest(data: bytes) -> bytes:
    """Return the content of the .hash of a file; short ones are often those of the job before."""
    return _cached_digest(data) if len(data) <= _CACHED else digests.digest(data).encode()


@lru_cache(256)
def _cached_digest(data: bytes) -> bytes:
    return digests.digest(data).encode()
