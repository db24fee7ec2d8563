"""What every kind of store for the jobs' repositories offers, and what may be stored there."""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from lgi_protocol import common_name
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.file_properties import FileProperties

ACCESS_FILE = ".LGI_repository_write_access"
_NAME = re.compile(r"JOB_[0-9a-f]{32}\Z")
_RESERVED = ".LGI_"


@dataclass(frozen=True)
class StoredFile:
    """A file of a repository; ``date`` is its last change in nanoseconds."""

    name: str
    size: int
    date: int


@dataclass(frozen=True)
class Upload:
    """A file that has arrived whole, and is on the disk, in the incoming directory; ``digest`` of it.

    Many together arrive as one, and each is a ``part`` of that: where it begins, and how long it is.
    """

    name: str
    arrived: Path
    digest: str = ""
    part: tuple[int, int] | None = None
    properties: FileProperties = field(default_factory=FileProperties)

    @property
    def size(self) -> int:
        """In bytes."""
        return self.part[1] if self.part else self.arrived.stat().st_size


@dataclass(frozen=True)
class NewRepository:
    """A repository that is to be made: who may write to it, and its first files."""

    writers: tuple[str, ...]
    uploads: tuple[Upload, ...]


@dataclass(frozen=True)
class Limits:
    """Sizes in bytes; ``repository`` is for all files of one repository together."""

    file: int
    repository: int


class NoSuchFileError(Exception):
    """There is no such repository or file."""

    message = "There is no such file"


class NoSuchRepositoryError(NoSuchFileError):
    """There is no such repository, or none for this caller."""

    message = "There is no such repository"


class RepositoryWriter(Protocol):
    """What makes repositories and removes them. A call may take seconds, but blocks no worker meanwhile."""

    def new_name(self) -> str:
        """Return a name nobody can guess."""

    def create(self, name: str, writers: Sequence[str], uploads: Sequence[Upload]) -> None:
        """Make a repository with its first files. When it raises, `remove` is the caller's to call."""

    def check(self, uploads: Sequence[Upload]) -> None:
        """LGIError UPLOAD or FILE_TOO_BIG unless these can be the first files of one repository."""

    def create_all(self, wanted: Sequence[NewRepository]) -> tuple[str, ...]:
        """Make repositories whose files were checked; their names. When it raises it leaves none."""

    def remove(self, name: str) -> None:
        """Remove a repository and its files; none there is fine. What cannot be removed is only logged."""


class Store(RepositoryWriter, Protocol):
    """Where jobs have their repositories."""

    def content(self, name: str) -> list[StoredFile]:
        """Return the plain files of a repository by name; empty when there is no such repository."""

    def place(self, name: str, server_name: str) -> str:
        """Return where a repository is, as ``host:directory``.

        ``server_name`` is this server's in the project.
        """

    def url(self, name: str) -> str:
        """Return where a repository is served."""


def is_name(name: str) -> bool:
    """Return whether a text can be the name of a repository."""
    return bool(_NAME.match(name))


def new_name() -> str:
    """Return a name nobody can guess."""
    return f"JOB_{secrets.token_hex(16)}"


def below(name: str) -> str:
    """Return a repository's directory below the root, ``<last 3 digits>/<name>``. Raises NoSuchFileError."""
    if not is_name(name):
        raise NoSuchFileError(name)
    return f"{name[-3:]}/{name}"


def is_text(name: str) -> bool:
    """Return whether a file's name can be told in an answer.

    A line end or tab in it is no harm, other controls are.

    A carriage return is not: readers of XML make a line end of it.
    """
    return not common_name.has_control(name.replace("\n", "").replace("\t", ""))


def file_name(text: str) -> str:
    """Return a name as it may stand in a repository; LGIError UPLOAD when it is none."""
    if text in {"", ".", ".."} or "/" in text or not is_text(text) or len(text.encode()) > 255:
        raise LGIError(ErrorNumber.UPLOAD, repr(text[:80]), message="This is no usable file name")
    if text.startswith(_RESERVED):
        why = f"Names that start with {_RESERVED} are LGI's own"
        raise LGIError(ErrorNumber.UPLOAD, repr(text[:80]), message=why)
    return text


def uploaded_name(text: str) -> str:
    """Return the name a file posted with a submit gets; LGIError UPLOAD when it is none.

    Old clients send a whole path, of which the last part counts; a path with ``..`` in it is refused.
    """
    parts = text.split("/")
    if ".." in parts:
        raise LGIError(ErrorNumber.UPLOAD, repr(text[:80]), message="This is no usable file name")
    return file_name(parts[-1])


def check_uploads(uploads: Sequence[Upload], limits: Limits) -> None:
    """LGIError UPLOAD or FILE_TOO_BIG unless these can be the first files of one repository."""
    if len({upload.name for upload in uploads}) != len(uploads):
        raise LGIError(ErrorNumber.UPLOAD, "two files have the same name")
    sizes = [upload.size for upload in uploads]
    if any(size > limits.file for size in sizes):
        raise LGIError(ErrorNumber.FILE_TOO_BIG, f"at most {limits.file} bytes are allowed")
    if sum(sizes) > limits.repository:
        raise LGIError(ErrorNumber.UPLOAD, f"a repository holds at most {limits.repository} bytes")
