"""HTTPS client of one project server: keep-alive connections, timeouts, retries with jitter."""

import random
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from http.client import HTTPException
from pathlib import Path
from typing import IO, TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from lgi_protocol import file_properties
from lgi_protocol.credentials import Credentials, ReloadingConnections
from lgi_protocol.deadline import deadline
from lgi_protocol.errors import ServerError, TransportError
from lgi_protocol.https_pool import (
    CONNECT_SECONDS,
    READ_SECONDS,
    HttpAnswer,
    HttpRequest,
    NotConnectedError,
    form_of,
)
from lgi_protocol.reply import Reply, read_answer, read_text
from lgi_protocol.upload import Upload, UploadError

if TYPE_CHECKING:
    # Slow to load: functions that need them import them.
    import requests

TIMEOUTS = (CONNECT_SECONDS, READ_SECONDS)
# A page of 1024 jobs, each with fields of 64 KiB, is below it.
MAX_ANSWER = 128 * 1024 * 1024
# Deadline for a whole answer, however slowly it arrives.
ANSWER_SECONDS = 120.0
_BYTES, _FORM = "application/octet-stream", "application/x-www-form-urlencoded"
# Characters kept of an answer that is not an LGI document.
_EXCERPT = 4096
_NOT_FOUND = 404
_NONE: Mapping[str, str] = {}
_Result = TypeVar("_Result")


class Client:
    """Client of one project server; connections and TLS sessions are kept open."""

    def __init__(
        self,
        server: str,
        credentials: Credentials,
        session: "requests.Session | None" = None,
        *,
        answer_seconds: float = ANSWER_SECONDS,
        max_answer: int = MAX_ANSWER,
        resends: bool = False,
        direct: bool = False,
    ) -> None:
        """Set the project server's URL, as ``https://host:port/LGI``, and the credentials to use.

        An answer that takes longer than ``answer_seconds``, or has more bytes than ``max_answer``, is none.
        With ``resends`` a call without files whose connection is cut is sent once more, on a new one: for
        callers of calls that may arrive twice. With ``direct`` a program that makes few calls does not load
        requests for those that need neither files nor a proxy (`https_pool`).
        """
        self._direct = direct
        self._resends = resends
        self.server = server.rstrip("/")
        self.credentials = credentials
        self._answer_seconds, self._max_answer = answer_seconds, max_answer
        self._given = session
        self._kept = None if session else ReloadingConnections(credentials)

    @property
    def session(self) -> "requests.Session":
        """The session of requests, for files; a new one after the credential files changed."""
        return self._kept.current().session if self._kept else self._given  # type: ignore[return-value]

    def post(
        self,
        call: str,
        fields: Mapping[str, str],
        files: tuple[Path | IO[bytes], ...] = (),
        watch: Callable[[int, int], None] | None = None,
    ) -> Reply:
        """Make one call, such as ``interfaces/interface_job_state``; files are streamed.

        ``watch`` is called with the bytes sent so far and the total while files are sent.

        Raise ServerError for an error of the server, TransportError when there is no answer, and OSError
        when a file cannot be read.
        """
        url = f"{self.server}/{call}.php"
        if not is_https(url):
            raise TransportError(self.server, "it is not a URL that begins with https://")
        if not files:
            return self._answer_to_form(url, dict(fields))
        from lgi_protocol.form import Form

        with ExitStack() as stack:
            uploads = [stack.enter_context(closing(Upload(file))) for file in files]
            parts: dict[str, object] = dict(fields)
            for number, upload in enumerate(uploads, 1):
                headers = file_properties.of_file(upload.status).headers()
                parts[f"uploaded_file_{number}"] = (upload.name, upload, _BYTES, headers)
            parts["number_of_uploaded_files"] = str(len(files))
            encoder = Form(parts, watch)
            try:
                return self._answer(url, encoder, {"Content-Type": encoder.content_type})
            except UploadError as error:
                raise error.error from None

    def _answer_to_form(self, url: str, fields: dict[str, str]) -> Reply:
        """Post a form. A front end that ends cuts its kept connections, and another one answers at once."""
        try:
            return self._answer(url, fields, {})
        except TransportError as error:
            from lgi_protocol.transport_errors import is_connection_lost

            cause = error.__cause__
            if not self._resends or self._kept is None or cause is None or not is_connection_lost(cause):
                raise
        self._kept.renew()
        return self._answer(url, fields, {})

    def request(
        self, method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] = _NONE
    ) -> tuple[int, str]:
        """Make another request of this server, as for a file; return the HTTP status and the answer's text.

        Raise TransportError when there is no answer.
        """
        answer = self._exchange(method, url, body, headers)
        return answer.status, answer.text

    def _exchange(self, method: str, url: str, body: object, headers: Mapping[str, str]) -> HttpAnswer:
        """Make a request; ``body`` is a form, bytes, None, or files to stream."""
        connections = self._kept.current() if self._kept else None
        direct = connections.direct_to(url) if connections and self._direct else None
        is_short = body is None or isinstance(body, dict | bytes)
        headers = {"Accept-Encoding": "identity", **headers}
        if direct is None or not is_short:
            # The session adds a token by itself.
            return self._exchange_by_session(method, url, body, headers)
        headers |= self.credentials.headers(url)
        try:
            if isinstance(body, dict):
                body, headers = form_of(body).encode(), {**headers, "Content-Type": _FORM}
            with deadline(self._answer_seconds):
                request = HttpRequest(method, url, body, headers)  # type: ignore[arg-type]
                return direct.exchange(request, self._max_answer)
        except (NotConnectedError, OSError, HTTPException, ValueError) as error:
            raise self._transport_error(error) from error

    def _exchange_by_session(
        self, method: str, url: str, body: object, headers: Mapping[str, str]
    ) -> HttpAnswer:
        import requests
        import urllib3

        session = self.session
        try:
            with (
                # A form is sent at once; sending files may take any time, so the deadline starts after them.
                deadline(self._answer_seconds, after_sending=hasattr(body, "read")),
                session.request(
                    method,
                    url,
                    data=body,  # type: ignore[arg-type]
                    headers=headers,
                    timeout=TIMEOUTS,
                    allow_redirects=False,
                    stream=True,
                    verify=session.verify,
                ) as answer,
            ):
                return HttpAnswer(answer.status_code, answer.reason, read_text(answer, self._max_answer))
        except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError) as error:
            raise self._transport_error(error) from error

    def _transport_error(self, error: Exception) -> TransportError:
        from lgi_protocol import server_names
        from lgi_protocol.transport_errors import innermost, may_have_been_sent, root_cause

        reason = root_cause(error)
        if server_names.is_mismatch(innermost(error)):
            advice = server_names.advice(self.server, self.credentials.context())
            reason = f"{reason.rstrip('.')}, {advice}" if advice else reason
        return TransportError(self.server, reason, may_have_been_sent(error))

    def _answer(self, url: str, body: object, headers: Mapping[str, str]) -> Reply:
        answer = self._exchange("POST", url, body, headers)
        try:
            return read_answer(answer.text)
        except ValueError as error:
            why = _wrong_path(self.server) if answer.status == _NOT_FOUND else _defect(answer.text)
            reason = f"the answer is not an LGI document (HTTP {answer.status}){why}"
            excerpt = f"HTTP {answer.status} {answer.reason}: {answer.text[:_EXCERPT]}"
            raise TransportError(self.server, reason, excerpt=excerpt) from error

    def close(self) -> None:
        """Close the kept connections."""
        if self._kept:
            self._kept.current().close()
        else:
            self.session.close()


def _wrong_path(url: str) -> str:
    """Return what to do about a URL that the server does not know."""
    parts = urlsplit(url)
    meant = f"https://{parts.netloc}/LGI"
    return f": it has no project server at this path; is its URL {meant}?" if meant != url else ""


def _defect(text: str) -> str:
    """Return what is wrong with an answer that is not an LGI document, if that can be seen."""
    if not text.strip():
        return ": it is empty"
    return ": it ends in the middle" if text.lstrip().startswith("<LGI>") else ""


def is_https(url: str) -> bool:
    """Return whether a URL begins with ``https://``, the only scheme LGI uses."""
    return url.lower().startswith("https://")


def retry_on_busy(
    call: Callable[[], _Result],
    timeout: float,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> _Result:
    """Return the result of a call; repeat it on LGIError BACK_OFF for at most ``timeout`` seconds.

    The wait is what the server asks for plus up to 50 % of jitter, so that clients do not return together.
    Only BACK_OFF is repeated, since it guarantees that the server did nothing. Raise its last ServerError
    after ``timeout``, and any other error at once.
    """
    end = clock() + timeout
    while True:
        try:
            return call()
        except ServerError as error:
            wait = error.timeout * random.uniform(1.0, 1.5)  # noqa: S311 - jitter, not a secret
            if not error.back_off or clock() + wait > end:
                raise
        sleep(wait)
