"""A job's repository of files on its project server: list, fetch, store and remove."""

import logging
import os
import posixpath
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

import requests
import urllib3

from lgi_protocol import file_properties, xml
from lgi_protocol.client import TIMEOUTS, is_https
from lgi_protocol.reply import leading_number
from lgi_protocol.transport_errors import root_cause
from lgi_tools.client.progress import ProgressCallback, no_progress
from lgi_tools.client.repository_answer import body_text, find, refusal, status_line
from lgi_tools.client.resumable_download import ResumableDownload
from lgi_tools.client.timing import DEFAULT, Timing
from lgi_tools.client.transfer_error import TransferError
from lgi_tools.client.upload_body import CHUNK, UnreadableError, UploadBody

_log = logging.getLogger(__name__)
DONE = 200
_NONE: Mapping[str, str] = {}


class Repository:
    """The repository at a URL. The session verifies the server before anything is sent."""

    def __init__(self, url: str, session: requests.Session, timing: Timing = DEFAULT) -> None:
        """Use a URL and session. Raises ValueError with the reason for an invalid URL."""
        self.url = check_url(url)
        self._session = session
        self._timing = timing

    def file_url(self, name: str) -> str:
        """Return the URL of a file, with special characters encoded."""
        path = posixpath.normpath(name)
        if path.startswith(("/", "..")) or path == ".":
            raise TransferError(f"{name!r} is not the name of a file in a repository")
        return f"{self.url}/{quote(os.fsencode(path), safe='/')}"

    def content(self) -> str:
        """Return the content of ``<repository_content>``."""
        parts = urlsplit(self.url)
        above, _, name = parts.path.rpartition("/")
        # The listing is one level above the directory that holds this one; the dots are resolved here.
        path = posixpath.normpath(f"{above}/../repository_content.php")
        url = urlunsplit((parts.scheme, parts.netloc, path, urlencode({"repository": name}), ""))
        with self._request("GET", url) as answer:
            found = find(body_text(answer), "repository_content")
        if found is None:
            said = f"{url} answered {status_line(answer)} and no listing of a repository"
            raise TransferError(said, answer.status_code)
        return found.inside.strip()

    def download(self, name: str, target: Path, watch: ProgressCallback = no_progress) -> None:
        """Fetch a file; the target is replaced atomically when the transfer is complete.

        An interrupted transfer of a long file continues where it stopped, in this call or a later one, if
        the file has not changed.
        """
        target = Path(os.path.realpath(target))
        if target.exists() and not target.is_file():
            raise TransferError(f"{target} is no plain file")
        arrival = ResumableDownload(target)
        try:
            for pause in self._pauses():
                before = arrival.size
                try:
                    return self._fetch(self.file_url(name), arrival, watch)
                except TransferError as failure:
                    was_cut = failure.__cause__ is not None and arrival.mark and arrival.size > before
                    if not was_cut or pause is None:
                        raise
                    time.sleep(pause)
        finally:
            arrival.leave()

    def _pauses(self) -> Iterator[float | None]:
        """Yield the pause after each failed attempt of a download, None after the last one."""
        retries = self._timing.download_retries
        yield from (0.0 if n == 0 else self._timing.download.next_delay(n - 1) for n in range(retries))
        yield None

    def _fetch(self, url: str, arrival: ResumableDownload, watch: ProgressCallback) -> None:
        headers = {"Range": f"bytes={arrival.size}-", "If-Range": arrival.mark} if arrival.mark else {}
        with self._request("GET", url, headers=headers) as answer:
            length = leading_number(answer.headers.get("Content-Length", ""))
            if headers and _goes_on(answer, arrival):
                pass
            elif answer.status_code == DONE:
                arrival.start(answer.headers.get("ETag", ""), length)
            elif not headers or answer.status_code not in {206, 416}:
                raise TransferError(refusal(answer), answer.status_code)
            else:
                arrival.start("", 0)
                return self._fetch(url, arrival, watch)
            total = arrival.size + length if length else 0
            # The body of a 416 is not of the file, which is complete.
            blocks = () if answer.status_code == 416 else answer.raw.stream(CHUNK, decode_content=False)
            for block in blocks:
                arrival.write(block)
                watch(arrival.size, total)
            properties = file_properties.of_headers(answer.headers)
        arrival.finish(properties)

    def upload(self, name: str, source: Path, watch: ProgressCallback = no_progress) -> None:
        """Store a file under a name."""
        # Asked before it is opened, since opening a pipe waits for its writer.
        if source.exists() and not source.is_file():
            raise TransferError(f"{source} is no plain file")
        with source.open("rb") as opened:
            status = os.fstat(opened.fileno())
            size = status.st_size
            # Without a body requests says Content-Length: 0; for an empty stream it would leave it out.
            body = UploadBody(opened, size, watch) if size else None
            self.put(name, body, file_properties.of_file(status).headers())

    def put(self, name: str, body: UploadBody | None, headers: Mapping[str, str] = _NONE) -> None:
        """Store under a name what a body reads; None is an empty file."""
        self._change("PUT", self.file_url(name), body, headers)

    def delete(self, name: str) -> None:
        """Delete a file."""
        self._change("DELETE", self.file_url(name), None)

    def _change(
        self, method: str, url: str, body: UploadBody | None, headers: Mapping[str, str] = _NONE
    ) -> None:
        with self._request(method, url, body, headers) as answer:
            text = body_text(answer)
        # As LGI: what was done is said in the body; the HTTP status may be anything.
        status = find(text, "status")
        if status is None:
            raise TransferError(f"the server answered {status_line(answer)}", answer.status_code)
        number = leading_number(xml.value(status.inside, "number"))
        if number != DONE:
            said = xml.value(status.inside, "message")
            raise TransferError(said or f"the server answered {status_line(answer)}", number)

    def post(self, body: bytes, content_type: str) -> tuple[int, str]:
        """Post to the repository itself. Returns the HTTP status and the body of the answer."""
        with self._request("POST", self.url, body, {"Content-Type": content_type}) as answer:
            return answer.status_code, body_text(answer)

    @contextmanager
    def _request(
        self,
        method: str,
        url: str,
        body: UploadBody | bytes | None = None,
        headers: Mapping[str, str] = _NONE,
    ) -> Iterator[requests.Response]:
        _log.info("%s %s", method, url)
        try:
            answer = self._session.request(
                method,
                url,
                data=body,
                headers={"Accept-Encoding": "identity", **headers},
                timeout=TIMEOUTS,
                allow_redirects=False,
                stream=True,
                verify=self._session.verify,
            )
        except UnreadableError as error:
            raise TransferError(str(error)) from None
        except (OSError, urllib3.exceptions.HTTPError) as error:
            # Also a file of the CA's that is not there: that is no fault of the file that is transferred.
            raise TransferError(root_cause(error)) from error
        try:
            with answer:
                yield answer
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise TransferError(root_cause(error)) from error


def _goes_on(answer: requests.Response, arrival: ResumableDownload) -> bool:
    """Return whether an answer is the missing rest, possibly empty, of the same version."""
    place = answer.headers.get("Content-Range", "")
    if answer.status_code == 416:
        return place == f"bytes */{arrival.size}" and answer.headers.get("ETag") == arrival.mark
    begins = place.startswith(f"bytes {arrival.size}-")
    return answer.status_code == 206 and begins and answer.headers.get("ETag") == arrival.mark


def check_url(url: str) -> str:
    """Return a valid repository URL. Raises ValueError with the reason for an invalid one."""
    parts = urlsplit(url)
    if not is_https(url) or not parts.hostname:
        raise ValueError(f"{url!r} is not a URL that begins with https://")
    if parts.query or parts.fragment:
        raise ValueError(f"{url!r} has a '?' or '#': give the URL of a repository")
    if url.endswith("/") or not parts.path:
        raise ValueError(f"{url!r} does not end in the name of a repository")
    return url
