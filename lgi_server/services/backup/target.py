"""The directory of a restored server: new, or left by an interrupted restore of the same backup."""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from lgi_server.services.backup import manifest as manifests
from lgi_server.services.backup import names
from lgi_server.services.backup.manifest import Manifest, StoredFile

# In the directory while its content is not complete; it has the digest of the manifest.
MARKER = ".restore"
_BLOCK = 2**20
_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def claimed(directory: Path, manifest: Manifest) -> Iterator[bool]:
    """Hold a directory for one restore; provide whether it was interrupted before and starts again.

    Raises ValueError for a directory that is not empty or in use, OSError for one that cannot be written.
    """
    is_again = _is_interrupted(directory, _digest(manifest))
    directory.mkdir(mode=0o750, parents=True, exist_ok=True)
    marker = directory / MARKER
    with os.fdopen(
        os.open(marker, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600), "r+b"
    ) as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ValueError(f"another LGI_setup restore is writing to {directory}") from None
        held.truncate(0)
        held.write(_digest(manifest))
        held.flush()
        os.fsync(held.fileno())
        yield is_again
        marker.unlink()


def _is_interrupted(directory: Path, digest: bytes) -> bool:
    """Return whether a restore of this backup was interrupted here; ValueError for any other content."""
    content = set(os.listdir(directory)) if directory.is_dir() else set[str]()
    if not content:
        return False
    if MARKER not in content:
        raise ValueError(f"{directory} is not empty: name a new directory")
    # Killed at once, it may be empty, and nothing is beside it.
    if len(content) > 1 and (directory / MARKER).read_bytes() != digest:
        raise ValueError(
            f"{directory} has what an interrupted restore of another backup has left: remove it first"
        )
    return True


def _digest(manifest: Manifest) -> bytes:
    return hashlib.sha256(manifests.to_json(manifest)).hexdigest().encode()


def check_space(directory: Path, files: tuple[StoredFile, ...]) -> None:
    """Raise ValueError unless the files fit on the disk of a directory, or of the parent that exists."""
    place = next(one for one in (directory, *directory.parents) if one.is_dir())
    needed, status = sum(one.size for one in files), os.statvfs(place)
    free = status.f_bavail * status.f_frsize
    if needed > free:
        raise ValueError(f"the disk of {directory} has {free} bytes free, and the backup needs {needed}")


def path_of(directory: Path, name: str) -> Path:
    """Return where a file of the server or of a repository belongs."""
    kind, _, rest = name.partition("/")
    return directory / ("repository" if kind == names.REPOSITORIES else "") / rest


def store(directory: Path, about: StoredFile, content: IO[bytes]) -> None:
    """Store a file with its time, readable by others only if it was."""
    path = path_of(directory, about.name)
    is_repository = about.name.startswith(f"{names.REPOSITORIES}/")
    path.parent.mkdir(mode=0o770 if is_repository else 0o750, parents=True, exist_ok=True)
    with os.fdopen(os.open(path, _NEW, 0o600), "wb") as opened:
        while block := content.read(_BLOCK):
            opened.write(block)
        opened.flush()
        os.fchmod(opened.fileno(), _mode(about.mode, is_repository))
        os.utime(opened.fileno(), ns=(about.modified, about.modified))


def _mode(mode: int, is_repository: bool) -> int:
    if is_repository:
        return 0o770 if mode & 0o100 else 0o660
    return 0o644 if mode & 0o044 else 0o600
