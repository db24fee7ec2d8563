"""Folders that are run as jobs, and the files that are sent with them."""

import glob
import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from lgi_tools.client.text import shortened
from lgi_tools.task import record
from lgi_tools.task.record import RecordError, TaskRecord

# Names of both streams of a job in its folder.
STREAMS = ("joblog.txt", "joberr.txt")
_NAMES = ("run.sh", *STREAMS)
_BEGINNINGS = ("LGI_", ".LGI_")


def of_batch(words: Sequence[str]) -> Iterator[Path]:
    """Yield folders of patterns as ``dirs/*`` and of files with a folder per line. ValueError for none."""
    for word in words:
        found = _listed(word) if os.path.isfile(word) else _matching(word)
        if not found:
            raise ValueError(f"no folder matches {shortened(word)!r}: put a pattern in quotes, as 'dirs/*'")
        yield from found


def _matching(pattern: str) -> list[Path]:
    return [Path(path) for path in sorted(glob.iglob(pattern)) if os.path.isdir(path)]


def _listed(name: str) -> list[Path]:
    lines = Path(name).read_text("utf-8", "surrogateescape").splitlines()
    return [Path(line) for line in lines if line.strip()]


def once(folders: Iterator[Path]) -> list[Path]:
    """Return each folder once, whatever path names it."""
    return list({os.path.realpath(folder): folder for folder in folders}.values())


def is_reserved(name: str) -> bool:
    """Return whether a file name has a special meaning in the directory of a job."""
    return name in _NAMES or name.startswith(_BEGINNINGS)


def inputs(folder: Path, previous: TaskRecord | None = None) -> tuple[Path, ...]:
    """Return the files to send, sorted by name. Raises RecordError naming one that cannot be sent.

    The fetched streams of a ``previous`` job are not sent.
    """
    try:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise RecordError(f"it cannot be read: {error.strerror}") from None
    return tuple(Path(entry.path) for entry in found if _goes_along(entry, previous))


def digest(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits. Raises OSError."""
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _goes_along(entry: os.DirEntry[str], previous: TaskRecord | None) -> bool:
    name = entry.name
    if name in record.OWN or (previous and name in STREAMS and name in previous.fetched):
        return False
    if is_reserved(name):
        raise RecordError(
            f"{name!r} cannot be sent: run.sh, {', '.join(STREAMS)} and names that begin with LGI_ "
            "are reserved; rename it"
        )
    if not _is_text(name):
        raise RecordError(f"{name!r} cannot be sent: its name is not UTF-8")
    try:
        status = entry.stat()
    except OSError as error:
        raise RecordError(f"{name!r} cannot be sent: {error.strerror}") from None
    if stat.S_ISDIR(status.st_mode):
        results = previous.fetched if previous else ()
        if name.startswith(".") or any(path.startswith(f"{name}/") for path in results):
            return False
        raise RecordError(
            f"{name!r} cannot be sent: it is a directory; pack it into an archive file, or move it away"
        )
    if not stat.S_ISREG(status.st_mode) or not os.access(entry.path, os.R_OK):
        raise RecordError(f"{name!r} cannot be sent: it is not a readable regular file")
    return True


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
