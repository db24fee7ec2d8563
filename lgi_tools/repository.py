"""A job's repository of files on its project server: list, fetch, store and remove."""

import os
import posixpath
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

import requests
import urllib3

from lgi_protocol import xml
from lgi_protocol.client import (
    ANSWER_SECONDS,
    MAX_ANSWER,
    TIMEOUTS,
    is_safe,
    leading_number,
    plain_reason,
    read_text,
)
from lgi_protocol.patience import patience

CHUNK = 256 * 1024
DONE = 200


class TransferFailed(Exception):
    """A file was not transferred, or a listing not given; the text says why."""


class Repository:
    """The repository at a URL. Nothing is sent to a server that the session does not verify."""

    def __init__(self, url: str, session: requests.Session) -> None:
        """ValueError, with the reason, when the URL cannot be a repository's."""
        self.url = check_url(url)
        self._session = session

    def file_url(self, name: str) -> str:
        """Where a file is: every character that means something in a URL is encoded."""
        path = posixpath.normpath(name)
        if path.startswith(("/", "..")) or path == ".":
            raise TransferFailed(f"{name!r} is not the name of a file in a repository")
        return f"{self.url}/{quote(os.fsencode(path), safe='/')}"

    def content(self) -> str:
        """What stands inside ``<repository_content>``."""
        parts = urlsplit(self.url)
        above, _, name = parts.path.rpartition("/")
        # The listing is one level above the directory that holds this one; the dots are resolved here.
        path = posixpath.normpath(f"{above}/../repository_content.php")
        url = urlunsplit((parts.scheme, parts.netloc, path, urlencode({"repository": name}), ""))
        with self._request("GET", url) as answer:
            found = _find(_text(answer), "repository_content")
        if found is None:
            raise TransferFailed(f"{url} answered {_status(answer)} and no listing of a repository")
        return found.inside.strip()

    def download(self, name: str, target: Path) -> None:
        """Fetch a file; the target is replaced when all of it is there and not touched before."""
        target = Path(os.path.realpath(target))
        if target.exists() and not target.is_file():
            raise TransferFailed(f"{target} is no plain file")
        with self._request("GET", self.file_url(name)) as answer, _replacing(target) as opened:
            if answer.status_code != DONE:
                raise TransferFailed(_reason(answer))
            for block in answer.raw.stream(CHUNK, decode_content=False):
                opened.write(block)

    def upload(self, name: str, source: Path) -> None:
        """Store a file under a name."""
        # Asked before it is opened, since opening a pipe waits for its writer.
        if source.exists() and not source.is_file():
            raise TransferFailed(f"{source} is no plain file")
        with source.open("rb") as opened:
            size = os.fstat(opened.fileno()).st_size
            # Without a body requests says Content-Length: 0; for an empty stream it would leave it out.
            body = _Exactly(opened, size) if size else None
            self._change("PUT", self.file_url(name), body)

    def delete(self, name: str) -> None:
        """Remove a file."""
        self._change("DELETE", self.file_url(name), None)

    def _change(self, method: str, url: str, body: "_Exactly | None") -> None:
        with self._request(method, url, body) as answer:
            text = _text(answer)
        # As LGI: what was done is said in the body; the HTTP status may be anything.
        status = _find(text, "status")
        if status is None:
            raise TransferFailed(f"the server answered {_status(answer)}")
        if leading_number(xml.value(status.inside, "number")) != DONE:
            raise TransferFailed(
                xml.value(status.inside, "message") or f"the server answered {_status(answer)}"
            )

    @contextmanager
    def _request(self, method: str, url: str, body: "_Exactly | None" = None) -> Iterator[requests.Response]:
        headers = {"Accept-Encoding": "identity"}
        try:
            with self._session.request(
                method,
                url,
                data=body,
                headers=headers,
                timeout=TIMEOUTS,
                allow_redirects=False,
                stream=True,
                verify=self._session.verify,
            ) as answer:
                yield answer
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise TransferFailed(plain_reason(error)) from error


class _Exactly:
    """As many bytes of a file as it had when it was opened: it may be growing."""

    def __init__(self, opened: BinaryIO, size: int) -> None:
        self._opened = opened
        self._size = self._left = size

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        while block := self.read(CHUNK):
            yield block

    def read(self, amount: int = -1) -> bytes:
        """The next bytes. TransferFailed when the file has become shorter."""
        wanted = self._left if amount < 0 else min(amount, self._left)
        block = self._opened.read(wanted)
        self._left -= len(block)
        if wanted and not block:
            raise TransferFailed("the file became shorter while it was read")
        return block


@contextmanager
def _replacing(target: Path) -> Iterator[BinaryIO]:
    """A new file beside a target that takes its place when the block ends well, and goes otherwise."""
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name[:200]}.", suffix=".part", dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as opened:
            yield opened
            os.fchmod(descriptor, _mode(target))
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _mode(target: Path) -> int:
    """The permissions of a file that is there, else those the user's umask gives a new one."""
    if target.exists():
        return target.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def check_url(url: str) -> str:
    """The URL when it can be a repository's; ValueError says what is wrong."""
    parts = urlsplit(url)
    if not is_safe(url) or not parts.hostname:
        raise ValueError(f"{url!r} is not a URL that begins with https://")
    if parts.query or parts.fragment:
        raise ValueError(f"{url!r} has a '?' or '#': give the URL of a repository")
    if url.endswith("/") or not parts.path:
        raise ValueError(f"{url!r} does not end in the name of a repository")
    return url


def _find(text: str, name: str) -> xml.Found | None:
    try:
        return xml.find(text, name)
    except ValueError:
        return None


def _text(answer: requests.Response) -> str:
    """The body. TransferFailed when it does not end."""
    try:
        with patience(ANSWER_SECONDS):
            return read_text(answer, MAX_ANSWER)
    except ValueError as error:
        raise TransferFailed(str(error)) from None


def _reason(answer: requests.Response) -> str:
    """Why a server refuses a file: in its own words, or what HTTP calls it."""
    status = _find(_text(answer), "status")
    said = xml.value(status.inside, "message") if status else ""
    return said or f"the server answered {_status(answer)}"


def _status(answer: requests.Response) -> str:
    return f"HTTP {answer.status_code} {answer.reason}".strip()
