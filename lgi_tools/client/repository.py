"""A job's repository of files on its project server: list, fetch, store and remove."""

import logging
import os
import posixpath
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from lgi_protocol import file_names, file_properties, xml
from lgi_protocol.client import TIMEOUTS, is_https
from lgi_protocol.reply import leading_number
from lgi_tools.client.local_path import UnsafePathError, check_name
from lgi_tools.client.progress import ProgressCallback, no_progress
from lgi_tools.client.repository_answer import body_text, find, refusal, status_line
from lgi_tools.client.resumable_download import ResumableDownload
from lgi_tools.client.timing import DEFAULT, Timing
from lgi_tools.client.transfer_error import TargetError, TransferError
from lgi_tools.client.upload_body import CHUNK, UnreadableError, UploadBody

if TYPE_CHECKING:
    # Slow to load: functions that need them import them.
    import requests

_log = logging.getLogger(__name__)
DONE = 200
_FORBIDDEN = 403
# What a server answers for any file of a repository that is not there (lgi_server/storage/repository.py).
_NO_REPOSITORY = "There is no such repository"
# No job and no user stores a file of this name.
_NO_FILE = "LGI_no_such_file"
_NONE: Mapping[str, str] = {}


class Repository:
    """The repository at a URL. The session verifies the server before anything is sent."""

    def __init__(self, url: str, session: "requests.Session", timing: Timing = DEFAULT) -> None:
        """Use a URL and session. Raises ValueError with the reason for an invalid URL."""
        self.url = check_url(url)
        self._session = session
        self._timing = timing

    def file_url(self, name: str) -> str:
        """Return the URL of a file, with special characters encoded."""
        path = posixpath.normpath(name)
        if not file_names.is_path(path):
            raise TargetError(f"{name!r} is not the name of a file in a repository")
        return f"{self.url}/{quote(os.fsencode(path), safe='/')}"

    def content(self) -> str:
        """Return the content of ``<repository_content>``. Raises TransferError when it cannot be listed."""
        parts = urlsplit(self.url)
        above, _, name = parts.path.rpartition("/")
        # The listing is one directory above that of all repositories; the path is normalized here.
        path = posixpath.normpath(f"{above}/../repository_content.php")
        url = urlunsplit((parts.scheme, parts.netloc, path, urlencode({"repository": name}), ""))
        with self._request("GET", url) as answer:
            found = find(body_text(answer), "repository_content")
        if found is None:
            said = f"{url} answered {status_line(answer)} and no listing of a repository"
            raise TransferError(said, answer.status_code)
        return found.inside.strip()

    def check_exists(self) -> None:
        """Raise TransferError when the server says that there is no such repository, or not for the user.

        A listing does not tell it from an empty one, but the answer for a file does. Older servers say the
        same in both cases.
        """
        with self._request("GET", self.file_url(_NO_FILE)) as answer:
            status = find(body_text(answer), "status")
        said = xml.value(status.inside, "message") if status else ""
        if answer.status_code == _FORBIDDEN or said == _NO_REPOSITORY:
            raise TransferError("there is no such repository, or you may not read it", answer.status_code)

    def download(self, name: str, target: Path, watch: ProgressCallback = no_progress) -> None:
        """Fetch a file; the target is replaced atomically when the transfer is complete.

        An interrupted transfer of a long file continues where it stopped, in this call or a later one, if
        the file has not changed. Raises TransferError, OSError for the local file.
        """
        try:
            check_name(name)
        except UnsafePathError as error:
            raise TargetError(str(error)) from None
        target = Path(os.path.realpath(target))
        if target.exists() and not target.is_file():
            raise TargetError(f"{target} is not a regular file")
        partial = ResumableDownload(target)
        try:
            for pause in self._pauses():
                before = partial.size
                try:
                    return self._fetch(self.file_url(name), partial, watch)
                except TransferError as failure:
                    was_cut = failure.__cause__ is not None and partial.mark and partial.size > before
                    if not was_cut or pause is None:
                        raise
                    time.sleep(pause)
        finally:
            partial.close()

    def modified(self, name: str) -> int | None:
        """Return when a file was changed, in nanoseconds since 1970. Raises TransferError."""
        with self._request("HEAD", self.file_url(name)) as answer:
            if answer.status_code != DONE:
                raise TransferError(f"the server answered {status_line(answer)}", answer.status_code)
            return file_properties.of_headers(answer.headers).modified

    def _pauses(self) -> Iterator[float | None]:
        """Yield the pause after each failed attempt of a download, None after the last one."""
        retries = self._timing.download_retries
        yield from (0.0 if n == 0 else self._timing.download.next_delay(n - 1) for n in range(retries))
        yield None

    def _fetch(self, url: str, partial: ResumableDownload, watch: ProgressCallback) -> None:
        headers = {"Range": f"bytes={partial.size}-", "If-Range": partial.mark} if partial.mark else {}
        with self._request("GET", url, headers=headers) as answer:
            length = leading_number(answer.headers.get("Content-Length", ""))
            if headers and _continues(answer, partial):
                pass
            elif answer.status_code == DONE:
                partial.start(answer.headers.get("ETag", ""), length)
            elif not headers or answer.status_code not in {206, 416}:
                raise TransferError(refusal(answer), answer.status_code)
            else:
                partial.start("", 0)
                return self._fetch(url, partial, watch)
            total = partial.size + length if length else 0
            # With 416 the file is already complete, and the body is a message.
            blocks = () if answer.status_code == 416 else answer.raw.stream(CHUNK, decode_content=False)
            for block in blocks:
                partial.write(block)
                watch(partial.size, total)
            properties = file_properties.of_headers(answer.headers)
        partial.finish(properties)

    def upload(self, name: str, source: Path, watch: ProgressCallback = no_progress) -> None:
        """Store a file under a name. Raises TransferError, OSError for the local file."""
        # Checked before opening, because opening a pipe waits for its writer.
        if source.exists() and not source.is_file():
            raise TransferError(f"{source} is not a regular file")
        with source.open("rb") as opened:
            status = os.fstat(opened.fileno())
            size = status.st_size
            # Without a body, requests sends Content-Length: 0; with an empty stream it sends none.
            body = UploadBody(opened, size, watch) if size else None
            self.put(name, body, file_properties.of_file(status).headers())

    def put(self, name: str, body: UploadBody | None, headers: Mapping[str, str] = _NONE) -> None:
        """Store the data of a body under a name; None is an empty file."""
        self._change("PUT", self.file_url(name), body, headers)

    def delete(self, name: str) -> None:
        """Delete a file. Raises TransferError."""
        self._change("DELETE", self.file_url(name), None)

    def _change(
        self, method: str, url: str, body: UploadBody | None, headers: Mapping[str, str] = _NONE
    ) -> None:
        with self._request(method, url, body, headers) as answer:
            text = body_text(answer)
        # As LGI: the result is in the body; the HTTP status may be any.
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
    ) -> "Iterator[requests.Response]":
        import requests
        import urllib3

        from lgi_protocol.transport_errors import root_cause

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
            # Includes a missing CA file, which is no error of the transferred file.
            raise TransferError(root_cause(error)) from error
        try:
            with answer:
                yield answer
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise TransferError(root_cause(error)) from error


def _continues(answer: "requests.Response", partial: ResumableDownload) -> bool:
    """Return whether an answer is the missing part, possibly empty, of the same version."""
    place = answer.headers.get("Content-Range", "")
    if answer.status_code == 416:
        return place == f"bytes */{partial.size}" and answer.headers.get("ETag") == partial.mark
    begins = place.startswith(f"bytes {partial.size}-")
    return answer.status_code == 206 and begins and answer.headers.get("ETag") == partial.mark


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
