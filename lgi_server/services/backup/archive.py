"""The file of a backup: a tar archive of regular files, the last of which are the manifest and its digest.

A plain archive, so that nothing in it is larger than it looks, and tar(1) can read it.
"""

import hashlib
import io
import os
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from lgi_server.services.backup import manifest as manifests
from lgi_server.services.backup import names
from lgi_server.services.backup.manifest import Manifest, StoredFile

_BLOCK = 2**20
# Bytes of the largest manifest that is read: some millions of files.
LARGEST_MANIFEST = 2**31


class DamagedArchiveError(ValueError):
    """The file is no backup, is not complete, or has something in it that no backup has."""


class ArchiveWriter:
    """Adds files one after the other, and then the manifest."""

    def __init__(self, target: IO[bytes]) -> None:
        """Begin an archive."""
        self._tar = tarfile.TarFile(
            fileobj=target, mode="w", format=tarfile.PAX_FORMAT, encoding="utf-8", errors="surrogateescape"
        )
        self.files: list[StoredFile] = []

    def add(self, name: str, source: IO[bytes]) -> None:
        """Add an open file with the size that it has now; OSError if it becomes shorter meanwhile."""
        status = os.fstat(source.fileno())
        hashed = _HashedReader(source, status.st_size)
        self._add(name, status.st_size, cast(IO[bytes], hashed), status.st_mtime)
        digest, mode = hashed.hexdigest(), status.st_mode & 0o777
        self.files.append(StoredFile(name, status.st_size, digest, mode, max(0, status.st_mtime_ns)))

    def finish(self, manifest: Manifest) -> None:
        """Add the manifest and its digest, and end the archive."""
        data = manifests.to_json(manifest)
        digest = hashlib.sha256(data).hexdigest().encode()
        for name, content in ((manifests.NAME, data), (manifests.DIGEST, digest)):
            self._add(name, len(content), io.BytesIO(content), manifest.made)
        self._tar.close()

    def _add(self, name: str, size: int, source: IO[bytes], modified: float) -> None:
        member = tarfile.TarInfo(name)
        member.size, member.mode, member.mtime = size, 0o600, int(modified)
        self._tar.addfile(member, source)
        _forget(self._tar)


class _HashedReader:
    """Reads so many bytes of a file, and computes their digest."""

    def __init__(self, source: IO[bytes], size: int) -> None:
        self._source, self._left, self._digest = source, size, hashlib.sha256()
        self.hexdigest = self._digest.hexdigest

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(min(self._left, size if size >= 0 else self._left))
        self._left -= len(data)
        self._digest.update(data)
        return data


@contextmanager
def _opened(path: Path) -> Iterator[tarfile.TarFile]:
    """Open an archive; compressed ones are refused, since they may be far larger than they look."""
    try:
        with tarfile.open(path, "r:", encoding="utf-8", errors="surrogateescape") as tar:
            yield tar
    except tarfile.TarError as error:
        raise DamagedArchiveError(f"{path} is not a backup of LGI_setup, or is damaged: {error}") from None


def _forget(tar: tarfile.TarFile) -> None:
    """Drop the members that the module keeps but nobody asks for: a million of them would fill the memory."""
    tar.members.clear()  # type: ignore[attr-defined]


def _members(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Yield the members in their order; DamagedArchiveError for anything but a regular file."""
    while (member := tar.next()) is not None:
        if member.type not in {tarfile.REGTYPE, tarfile.AREGTYPE} or member.sparse is not None:
            raise DamagedArchiveError(f"{member.name!r:.200} is not a regular file: no backup has that")
        yield member
        _forget(tar)


def check(path: Path) -> Manifest:
    """Return the manifest of an archive after a check of all names, sizes and digests.

    Raises DamagedArchiveError or OSError.
    """
    found: dict[str, tuple[int, str]] = {}
    last: dict[str, bytes] = {}
    with _opened(path) as tar:
        for member in _members(tar):
            if member.name in found or member.name in last:
                raise DamagedArchiveError(f"{member.name!r:.200} is there twice")
            if member.name in {manifests.NAME, manifests.DIGEST}:
                last[member.name] = _read(tar, member)
            elif last:
                raise DamagedArchiveError(f"{member.name!r:.200} follows the manifest")
            else:
                found[_checked(member.name)] = member.size, _digest(_content(tar, member))
    if manifests.DIGEST not in last:
        raise DamagedArchiveError(f"{path} ends before its last file: it is not complete")
    return _compared(last.get(manifests.NAME, b""), last[manifests.DIGEST], found)


def _read(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    if member.size > LARGEST_MANIFEST:
        raise DamagedArchiveError("its manifest is too large")
    return _content(tar, member).read()


def _checked(name: str) -> str:
    if not names.is_valid(name):
        raise DamagedArchiveError(f"{name!r:.200} cannot be the name of a file in a backup")
    return name


def _compared(data: bytes, digest: bytes, found: dict[str, tuple[int, str]]) -> Manifest:
    """Return the manifest unless it was changed, or the files are other ones than it lists."""
    if hashlib.sha256(data).hexdigest().encode() != digest:
        raise DamagedArchiveError("its manifest is damaged")
    try:
        manifest = manifests.from_json(data)
    except ValueError as error:
        raise DamagedArchiveError(str(error)) from None
    listed = {one.name: (one.size, one.digest) for one in manifest.files}
    for name in sorted(listed.keys() | found.keys()):
        if listed.get(name) != found.get(name):
            what = "is missing" if name not in found else "is not what the manifest says"
            raise DamagedArchiveError(f"{name!r:.200} {what}: the file is damaged")
    return manifest


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    content = tar.extractfile(member)
    if content is None:
        raise DamagedArchiveError(f"{member.name!r:.200} cannot be read")
    return content


def _digest(content: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while block := content.read(_BLOCK):
        digest.update(block)
    return digest.hexdigest()


def contents(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield name and content of each file of an archive that was checked, in their order."""
    with _opened(path) as tar:
        for member in _members(tar):
            if member.name not in {manifests.NAME, manifests.DIGEST}:
                yield _checked(member.name), _content(tar, member)
