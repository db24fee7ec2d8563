"""Repositories: their names, their files and limits, and the interface of every store that has them."""

import errno
import os
import re
import secrets
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from lgi_protocol import file_names
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.file_properties import FileProperties

ACCESS_FILE = ".LGI_repository_write_access"
# The output of a job, which no other job gets from it.
STREAMS = ("joblog.txt", "joberr.txt")
# How a new file is opened.
NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NAME = re.compile(r"JOB_[0-9a-f]{32}\Z")


@dataclass(frozen=True)
class StoredFile:
    """A file of a repository; ``size`` is in bytes, ``date`` is its last change in nanoseconds."""

    name: str
    size: int
    date: int


@dataclass(frozen=True)
class Upload:
    """A complete posted file, on disk in the incoming directory; ``digest`` is its SHA-256 in hexadecimal.

    Files that were posted as one are each a ``part`` of ``arrived``: offset and size in bytes.
    """

    name: str
    arrived: Path
    digest: str = ""
    part: tuple[int, int] | None = None
    properties: FileProperties = field(default_factory=FileProperties)

    @property
    def size(self) -> int:
        """The size in bytes."""
        return self.part[1] if self.part else self.arrived.stat().st_size


@dataclass(frozen=True)
class NewRepository:
    """A repository to create: the names that may write to it, and its first files.

    ``source`` is a repository whose files it gets too, but for those in whose place one is uploaded.
    """

    writers: tuple[str, ...]
    uploads: tuple[Upload, ...]
    source: str = ""


@dataclass(frozen=True)
class Limits:
    """Limits in bytes, of one file and of all files of one repository together."""

    file: int
    repository: int


class NoSuchFileError(Exception):
    """There is no such repository or file."""

    message = "There is no such file"


class NoSuchRepositoryError(NoSuchFileError):
    """There is no such repository, or the caller may not know of it."""

    message = "There is no such repository"


class RepositoryWriter(Protocol):
    """The interface to create and remove repositories; calls may take seconds but block no worker."""

    def new_name(self) -> str:
        """Return a random name."""

    def create(self, name: str, new: NewRepository) -> None:
        """Create a repository with its first files; after an exception the caller has to call `remove`."""

    def check(self, new: NewRepository) -> None:
        """Raise LGIError UPLOAD or FILE_TOO_BIG unless a repository can have these first files."""

    def create_all(self, repositories: Sequence[NewRepository]) -> tuple[str, ...]:
        """Create repositories whose files were checked and return their names; all or none."""

    def remove(self, name: str) -> None:
        """Remove a repository, if there is one, with its files; a failure is only logged."""

    def remove_all(self, names: Sequence[str]) -> None:
        """Remove repositories as `remove` does, in about the time of one."""


class Store(RepositoryWriter, Protocol):
    """The interface of a store of repositories."""

    def content(self, name: str) -> list[StoredFile]:
        """Return the regular files of a repository by name; none when there is no such repository."""

    def location(self, name: str, server_name: str) -> str:
        """Return the location of a repository as ``host:directory``; ``server_name`` is this server's."""

    def url(self, name: str) -> str:
        """Return the URL of a repository."""


def is_name(name: str) -> bool:
    """Return whether ``name`` has the form of a repository's name."""
    return bool(_NAME.match(name))


def new_name() -> str:
    """Return a random name."""
    return f"JOB_{secrets.token_hex(16)}"


def relative_path(name: str) -> str:
    """Return the path of a repository below the root, ``<last 3 digits>/<name>``; NoSuchFileError."""
    if not is_name(name):
        raise NoSuchFileError(name)
    return f"{name[-3:]}/{name}"


def entry_name(text: str) -> str:
    """Return ``text`` if it is the name of one entry of a directory; NoSuchFileError otherwise."""
    if not file_names.is_entry(text):
        raise NoSuchFileError(text)
    return text


def file_name(text: str) -> str:
    """Return ``text`` if a file of a repository may have it as its name; LGIError UPLOAD."""
    if not file_names.is_valid(text):
        raise LGIError(ErrorNumber.UPLOAD, repr(text[:80]), message="This is not a valid file name")
    if file_names.is_reserved(text):
        why = f"Names that start with {file_names.RESERVED} are reserved for LGI"
        raise LGIError(ErrorNumber.UPLOAD, repr(text[:80]), message=why)
    return text


def uploaded_name(text: str) -> str:
    """Return the name for a file that is posted with a submit; LGIError UPLOAD for an invalid one.

    Old clients send a path, of which the last part counts; a path with ``..`` in it is refused.
    """
    parts = text.split("/")
    if ".." in parts:
        raise LGIError(ErrorNumber.UPLOAD, repr(text[:80]), message="This is not a valid file name")
    return file_name(parts[-1])


def check_uploads(uploads: Sequence[Upload], limits: Limits) -> None:
    """Raise LGIError UPLOAD or FILE_TOO_BIG unless these can be the first files of a repository."""
    if len({upload.name for upload in uploads}) != len(uploads):
        raise LGIError(ErrorNumber.UPLOAD, "two files have the same name")
    sizes = [upload.size for upload in uploads]
    if any(size > limits.file for size in sizes):
        raise LGIError(ErrorNumber.FILE_TOO_BIG, f"at most {limits.file} bytes are allowed")
    if sum(sizes) > limits.repository:
        raise LGIError(ErrorNumber.UPLOAD, f"a repository holds at most {limits.repository} bytes")


@contextmanager
def opened_directory(path: str) -> Iterator[int]:
    """Provide a descriptor of a repository, opened without following links; NoSuchFileError."""
    above, name = os.path.split(path)
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        parent = os.open(above, flags)
        try:
            at = os.open(name, flags, dir_fd=parent)
        finally:
            os.close(parent)
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}:
            raise NoSuchFileError(name) from error
        raise
    try:
        yield at
    finally:
        os.close(at)


def write_new(at: int, name: str, data: bytes) -> None:
    """Write a new file and wait until it is on disk; OSError."""
    with os.fdopen(os.open(name, NEW, 0o660, dir_fd=at), "wb") as opened:
        opened.write(data)
        opened.flush()
        os.fsync(opened.fileno())


def regular_files(at: int) -> Iterator[StoredFile]:
    """Yield the regular files of a directory that an answer can list; ``at`` is its descriptor."""
    with os.scandir(at) as entries:
        for entry in entries:
            # Other names can only have been created on the server itself.
            listable = file_names.is_listable(entry.name)
            with suppress(FileNotFoundError):
                status = entry.stat(follow_symlinks=False)
                if listable and stat.S_ISREG(status.st_mode):
                    yield StoredFile(entry.name, status.st_size, status.st_mtime_ns)
