"""One project server as a client sees it: keep-alive, time-outs, back-off with jitter."""

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, BinaryIO, TypeVar
from urllib.parse import quote

import requests
import urllib3
from requests_toolbelt import MultipartEncoder

from lgi_protocol import file_properties
from lgi_protocol.credentials import Credentials, ReloadingSession
from lgi_protocol.deadline import deadline
from lgi_protocol.errors import ServerError
from lgi_protocol.reply import Reply, read_answer, read_text
from lgi_protocol.transport_errors import TransportError, may_have_been_sent, root_cause
from lgi_protocol.upload import Upload, UploadError

# A server may hold an interface call for 30 s while a job is locked (wire.md 3).
TIMEOUTS = (10.0, 60.0)
# A page of 1024 jobs, each with fields of 64 KiB, is below it.
MAX_ANSWER = 128 * 1024 * 1024
# For a whole answer, however it trickles in.
ANSWER_SECONDS = 120.0
_BYTES = "application/octet-stream"
# So many characters of what is not LGI's are enough to see what it is.
_SHOWN = 4096
_Result = TypeVar("_Result")


class Client:
    """Calls of one project server over kept connections, TLS handshakes made once."""

    def __init__(
        self, server: str, credentials: Credentials, session: requests.Session | None = None
    ) -> None:
        """``server`` is the project server's URL, as ``https://host:port/LGI``."""
        self.server = server.rstrip("/")
        self.credentials = credentials
        self._given = session
        self._kept = None if session else ReloadingSession(credentials)

    @property
    def session(self) -> requests.Session:
        """The kept connections; others once the credentials' files were renewed."""
        return self._kept.current() if self._kept else self._given  # type: ignore[return-value]

    def post(
        self,
        call: str,
        fields: Mapping[str, str],
        files: tuple[Path | BinaryIO, ...] = (),
        watch: Callable[[int, int], None] | None = None,
    ) -> Reply:
        """One call, as ``interfaces/interface_job_state``; files are streamed.

        While they are sent ``watch`` is told how many bytes are gone and how many there are.

        Raises ServerError with the server's error, TransportError without an answer, OSError for a file.
        """
        url = f"{self.server}/{call}.php"
        if not is_https(url):
            raise TransportError(self.server, "it is not a URL that begins with https://")
        if not files:
            return self._answer(url, dict(fields), {})
        with ExitStack() as stack:
            uploads = [stack.enter_context(closing(Upload(file))) for file in files]
            parts: dict[str, object] = dict(fields)
            for number, upload in enumerate(uploads, 1):
                headers = file_properties.of_file(upload.status).headers()
                parts[f"uploaded_file_{number}"] = (upload.name, upload, _BYTES, headers)
            parts["number_of_uploaded_files"] = str(len(files))
            encoder = _Form(parts, watch)
            try:
                return self._answer(url, encoder, {"Content-Type": encoder.content_type})
            except UploadError as error:
                raise error.error from None

    def _answer(self, url: str, body: object, headers: Mapping[str, str]) -> Reply:
        session = self.session
        try:
            with (
                # Files take the time they take; what a form has to say is gone in a moment.
                deadline(ANSWER_SECONDS, after_sending=isinstance(body, MultipartEncoder)),
                session.post(
                    url,
                    data=body,  # type: ignore[arg-type]
                    headers={"Accept-Encoding": "identity", **headers},
                    timeout=TIMEOUTS,
                    allow_redirects=False,
                    stream=True,
                    verify=session.verify,
                ) as answer,
            ):
                text = read_text(answer, MAX_ANSWER)
        except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError) as error:
            raise TransportError(self.server, root_cause(error), may_have_been_sent(error)) from error
        try:
            return read_answer(text)
        except ValueError as error:
            reason = f"the answer is not an LGI document (HTTP {answer.status_code}){_lacking(text)}"
            said = f"HTTP {answer.status_code} {answer.reason}: {text[:_SHOWN]}"
            raise TransportError(self.server, reason, said=said) from error

    def close(self) -> None:
        """Close the kept connections."""
        self.session.close()


def _lacking(text: str) -> str:
    """What an answer that is not LGI's lacks, when that can be told."""
    if not text.strip():
        return ": it is empty"
    return ": it ends in the middle" if text.lstrip().startswith("<LGI>") else ""


class _Form(MultipartEncoder):  # type: ignore[misc]
    """A form with files, whose names arrive exactly."""

    def __init__(self, parts: Mapping[str, object], watch: Callable[[int, int], None] | None) -> None:
        self._watch = watch
        self._gone = 0
        super().__init__(parts)

    def read(self, size: int = -1) -> bytes:
        block: bytes = super().read(size)
        self._gone += len(block)
        if self._watch is not None:
            self._watch(self._gone, self.len)
        return block

    def _iter_fields(self) -> Iterator[Any]:
        for part in super()._iter_fields():
            # A quoted name has no agreed way to hold these; servers that know no other one take no notice.
            name = part._filename or ""
            if any(char in '"%\\' or not char.isprintable() for char in name):
                part.headers["Content-Disposition"] += f"; filename*=UTF-8''{quote(name, safe='')}"
            yield part


def is_https(url: str) -> bool:
    """Whether a URL is one that LGI speaks: TLS with certificates on both sides, and nothing else."""
    return url.lower().startswith("https://")


def retry_on_busy(
    call: Callable[[], _Result],
    patience: float,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> _Result:
    """The result of a call, made again while the server says back-off, for at most ``patience`` seconds.

    Waits what the server asks plus up to half of it again, so that many clients do not return at once.
    Only an answer of "back-off" is repeated: it promises that nothing was done.
    """
    end = clock() + patience
    while True:
        try:
            return call()
        except ServerError as error:
            wait = error.timeout * random.uniform(1.0, 1.5)  # noqa: S311 - jitter, not a secret
            if not error.back_off or clock() + wait > end:
                raise
        sleep(wait)
