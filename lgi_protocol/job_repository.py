"""The repository of a job as its daemon uses it: the number of files, and small files in one request.

Over the kept connections of a client. Programs of users have more of it (lgi_tools/client/repository.py).
"""

import json
import posixpath
from collections.abc import Sequence
from http import HTTPStatus
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from lgi_protocol import xml
from lgi_protocol.client import Client
from lgi_protocol.file_properties import FileProperties
from lgi_protocol.reply import leading_number
from lgi_protocol.value_object import value_object

_DONE = 200
_RESERVED = ("LGI_", ".LGI_")


@value_object
class SmallFile:
    """A file whose content has been read."""

    name: str
    data: bytes
    properties: FileProperties


class RepositoryError(Exception):
    """The server answered, but did not list or store the files; ``may_pass`` when a retry may help."""

    def __init__(self, text: str, *, may_pass: bool) -> None:
        """Set the message of the server."""
        self.may_pass = may_pass
        super().__init__(text)


def url_of(job_specifics: str) -> str:
    """Return the URL of a job's repository, empty when it has none.

    The server writes its element last, after those of the user, and at the top level.
    """
    found = xml.find_all(job_specifics, "repository_url")
    return found[-1].text if found else ""


def is_at(server: str, url: str) -> bool:
    """Return whether a repository is kept by that project server, and not by a host of its own."""
    return url.startswith(f"{server.rstrip('/')}/") and ".." not in url and not urlsplit(url).query


def file_count(client: Client, url: str) -> int:
    """Return how many files of users a repository has: none of LGI's own, as its list of access.

    Raise RepositoryError, TransportError.
    """
    parts = urlsplit(url)
    above, _, name = parts.path.rpartition("/")
    # The listing is one directory above that of all repositories.
    path = posixpath.normpath(f"{above}/../repository_content.php")
    listing = urlunsplit((parts.scheme, parts.netloc, path, urlencode({"repository": name}), ""))
    status, text = client.request("GET", listing)
    content = _inside(text, "repository_content")
    if not content:
        raise _refusal(status, text)
    names = (xml.find(one.inside, "file_name") for one in xml.find_all(content, "file"))
    # The name follows one blank.
    return sum(name is None or is_of_user(name.inside.removeprefix(" ")) for name in names)


def is_of_user(name: str) -> bool:
    """Return whether a file of a repository is a user's, and not one of LGI's own."""
    return not name.startswith(_RESERVED)


def listing(files: Sequence[SmallFile]) -> str:
    """Return the list of files whose contents are posted as one, in JSON."""
    listed = [
        {"name": one.name, "size": len(one.data), "date": date, "executable": bool(executable)}
        for one in files
        for date, executable in [one.properties.listed()]
    ]
    return json.dumps(listed)


def store(client: Client, url: str, files: Sequence[SmallFile]) -> None:
    """Store files, all in one request where the server takes it. Raise RepositoryError, TransportError."""
    parts: dict[str, str | tuple[str, bytes, str]] = {"files": listing(files)}
    if contents := b"".join(one.data for one in files):
        parts["uploaded_file_1"] = ("contents", contents, "application/octet-stream")
    import urllib3

    body, content_type = urllib3.encode_multipart_formdata(parts)
    status, text = client.request("POST", url, body, {"Content-Type": content_type})
    answers = _statuses(text)
    if len(answers) != len(files) and status not in _NO_BULK:
        raise _refusal(status, text)
    if len(answers) != len(files):
        answers = [_put(client, url, one) for one in files]
    refused = [answer for answer in answers if answer.number != _DONE]
    if refused:
        raise RepositoryError(refused[0].message, may_pass=refused[0].may_pass)


# The answers of servers, and of front ends before them, that know no such request.
_NO_BULK = frozenset(
    {HTTPStatus.OK, HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED}
)


@value_object
class _Status:
    number: int
    message: str

    @property
    def may_pass(self) -> bool:
        return self.number >= HTTPStatus.INTERNAL_SERVER_ERROR or self.number == HTTPStatus.TOO_MANY_REQUESTS


def _statuses(text: str) -> list[_Status]:
    found = _inside(text, "repository_files")
    return [_status(one.inside) for one in xml.find_all(found, "status")] if found else []


def _status(text: str) -> _Status:
    return _Status(leading_number(xml.value(text, "number")), xml.value(text, "message"))


def _put(client: Client, url: str, one: SmallFile) -> _Status:
    place = f"{url}/{quote(one.name, safe='')}"
    status, text = client.request("PUT", place, one.data, one.properties.headers())
    found = _inside(text, "status")
    return _status(found) if found else _Status(status, f"the server answered HTTP {status}")


def _refusal(status: int, text: str) -> RepositoryError:
    found = _status(_inside(text, "status"))
    number = found.number or status
    message = found.message or f"the server answered HTTP {status}"
    return RepositoryError(message, may_pass=_Status(number, "").may_pass or number == HTTPStatus.OK)


def _inside(text: str, name: str) -> str:
    try:
        found = xml.find(text, name)
    except ValueError:
        return ""
    return found.inside if found else ""
