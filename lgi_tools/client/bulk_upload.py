"""Store many small files in one request. Older servers and repository hosts get one request per file."""

import json
from collections.abc import Sequence
from http import HTTPStatus

from lgi_protocol import xml
from lgi_protocol.file_properties import FileProperties
from lgi_protocol.reply import leading_number
from lgi_protocol.value_object import value_object
from lgi_tools.client.repository import DONE, Repository
from lgi_tools.client.transfer_error import TransferError

# In bytes: they are put together in memory.
MOST_BYTES = 8 * 2**20


@value_object
class Small:
    """A file whose content has been read."""

    name: str
    data: bytes
    properties: FileProperties


@value_object
class Most:
    """The limits of one request: number of files, and total bytes."""

    files: int
    bytes: int


def most(repository: Repository) -> Most | None:
    """Return the limits of a server, None when it has no bulk upload. Raises TransferError."""
    found = _posted(repository, ())
    if found is None:
        return None
    files, size = (leading_number(xml.value(found, name)) for name in ("most_files", "most_bytes"))
    return Most(files, min(size, MOST_BYTES)) if files > 0 and size > 0 else None


def upload(repository: Repository, files: Sequence[Small]) -> list[TransferError | None]:
    """Store files. Returns the error of each, in their order, None for a stored file.

    Raises TransferError when none was stored, or when the result is unknown.
    """
    found = _posted(repository, files)
    if found is None:
        raise TransferError("the server does not take many files in one request", HTTPStatus.BAD_REQUEST)
    failures = [_failure(one.inside) for one in xml.find_all(found, "status")]
    if len(failures) != len(files):
        raise TransferError("the server does not answer for each file", HTTPStatus.BAD_GATEWAY)
    return failures


def _posted(repository: Repository, files: Sequence[Small]) -> str | None:
    """Return the answer, None from a server without such requests. Raises TransferError."""
    import urllib3

    listed = [_listed(one) for one in files]
    parts: dict[str, str | tuple[str, bytes, str]] = {"files": json.dumps(listed)}
    if contents := b"".join(one.data for one in files):
        parts["uploaded_file_1"] = ("contents", contents, "application/octet-stream")
    status, text = repository.post(*urllib3.encode_multipart_formdata(parts))
    if found := _find(text, "repository_files"):
        return found.inside
    if refused := _find(text, "status"):
        raise _failure(refused.inside) or TransferError("the answer cannot be understood", status)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.NOT_IMPLEMENTED:
        raise TransferError(f"the server answered HTTP {status}", status)
    return None


def _listed(one: Small) -> dict[str, object]:
    date, executable = one.properties.listed()
    return {"name": one.name, "size": len(one.data), "date": date, "executable": bool(executable)}


def _find(text: str, name: str) -> xml.XmlElement | None:
    try:
        return xml.find(text, name)
    except ValueError:
        return None


def _failure(status: str) -> TransferError | None:
    number = leading_number(xml.value(status, "number"))
    return None if number == DONE else TransferError(xml.value(status, "message"), number)
