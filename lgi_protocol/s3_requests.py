"""Signed requests to one bucket of an object store, each with a deadline and a bounded answer."""

import http.client
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import field
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, cast
from urllib.parse import urlsplit

from lgi_protocol import s3_answers, s3_errors, s3_signature
from lgi_protocol.s3_errors import S3Error, S3UnavailableError
from lgi_protocol.s3_signature import S3Credentials, S3Request
from lgi_protocol.value_object import value_object

if TYPE_CHECKING:
    import ssl

    from urllib3 import BaseHTTPResponse

CONNECT_SECONDS, READ_SECONDS = 10.0, 60.0
# The lowest rate of a transfer, in bytes per second, and the seconds that it has in addition.
SLOWEST, SECONDS = 100_000, 60.0
# For a whole answer that is no object: a store may work for minutes, and send blanks meanwhile.
ANSWER_SECONDS = 600.0
# Bytes of an answer that is no object: a page of a list has a thousand names of a kilobyte.
MOST_ANSWER = 8 * 2**20
_CONNECTIONS = 32


@value_object
class S3Place:
    """The address of a store, http or https, and a bucket in it."""

    url: str
    bucket: str

    @property
    def host(self) -> str:
        """The host, and the port unless it is the scheme's, as the header Host has them."""
        parts = urlsplit(self.url)
        usual = {"https": 443, "http": 80}[parts.scheme]
        name = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else (parts.hostname or "")
        return name if parts.port in {None, usual} else f"{name}:{parts.port}"

    def path(self, key: str = "") -> str:
        """Return the encoded path of an object, or of the bucket."""
        return s3_signature.encode(f"/{self.bucket}/{key}" if key else f"/{self.bucket}")


@value_object
class S3Body:
    """The body of a request: ``size`` bytes of a file from its position on, with their SHA-256."""

    file: IO[bytes]
    size: int
    digest: str

    def reader(self) -> IO[bytes]:
        """Return what gives the bytes, while there is time: then it raises TimeoutError."""
        return cast("IO[bytes]", _Slice(self))


@value_object
class S3Call:
    """A request for an object, or for the bucket; ``what`` says in errors what is done."""

    what: str
    method: str
    key: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: S3Body | None = None


class _Slice:
    """Gives the bytes of a body, while there is time."""

    def __init__(self, body: S3Body) -> None:
        self._body, self._left = body, body.size
        self._end = time.monotonic() + SECONDS + body.size / SLOWEST

    def read(self, size: int = -1) -> bytes:
        if time.monotonic() > self._end:
            raise TimeoutError("the store takes the bytes too slowly")
        data = self._body.file.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(data)
        return data


class S3Requests:
    """Makes requests; it is thread-safe and keeps connections. It follows no redirect."""

    def __init__(
        self,
        place: S3Place,
        credentials: S3Credentials,
        context: "ssl.SSLContext | None" = None,
        gate: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        """Sign with these credentials; ``context`` is that of TLS, the system's authorities by default.

        Each request waits for its answer within the block of a ``gate``, which may refuse it by an S3Error.
        """
        import urllib3

        self.place = place
        self._credentials = credentials
        self._gate = gate
        self._pool = urllib3.PoolManager(
            maxsize=_CONNECTIONS,
            ssl_context=context,
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
            retries=False,
        )

    def text(self, call: S3Call) -> "tuple[BaseHTTPResponse, bytes]":
        """Make a request and return its answer with the body; S3Error."""
        with self._gate():
            answer = self._opened(call)
            try:
                return answer, _whole(answer, call.what)
            finally:
                answer.release_conn()

    def open(self, call: S3Call) -> "BaseHTTPResponse":
        """Make a request and return its answer, whose body is to be read; S3Error for one of no success."""
        with self._gate():
            return self._opened(call)

    def _opened(self, call: S3Call) -> "BaseHTTPResponse":
        answer = self._sent(call)
        if 200 <= answer.status < 300:
            return answer
        try:
            raise s3_errors.of_status(call.what, answer.status, _code(answer, call.what))
        finally:
            answer.close()

    def _sent(self, call: S3Call) -> "BaseHTTPResponse":
        import urllib3

        body = call.body
        digest = body.digest if body else s3_signature.EMPTY
        request = S3Request(
            call.method, self.place.host, self.place.path(call.key), call.query, call.headers, digest
        )
        headers = s3_signature.headers(request, self._credentials, datetime.now(UTC))
        if body is not None:
            headers["content-length"] = str(body.size)
        query = s3_signature.query_text(call.query)
        address = f"{self.place.url}{request.path}{'?' if query else ''}{query}"
        for is_last in (False, True):
            begin = body.file.tell() if body else 0
            try:
                sent = body.reader() if body is not None and body.size else None
                return self._pool.request(
                    call.method, address, body=sent, headers=headers, preload_content=False, redirect=False
                )
            except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError) as error:
                # A kept connection that the store has closed meanwhile.
                if is_last or not isinstance(error, urllib3.exceptions.ProtocolError):
                    raise S3UnavailableError(f"{call.what}: {type(error).__name__}") from None
                if body is not None:
                    body.file.seek(begin)
        raise AssertionError


def _whole(answer: "BaseHTTPResponse", what: str) -> bytes:
    import urllib3

    data, end = bytearray(), time.monotonic() + ANSWER_SECONDS
    try:
        while block := answer.read1(MOST_ANSWER + 1 - len(data), decode_content=False):
            data += block
            if time.monotonic() > end:
                raise TimeoutError
    except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError) as error:
        answer.close()
        raise S3UnavailableError(f"{what}: {type(error).__name__}") from None
    if len(data) > MOST_ANSWER:
        answer.close()
        raise S3Error(f"{what}: the answer is too long")
    return bytes(data)


def _code(answer: "BaseHTTPResponse", what: str) -> str:
    """Return the code of an error, which is a short word; empty if the store says none."""
    try:
        code = s3_answers.value(_whole(answer, what), "Code")
    except (ValueError, S3Error):
        return ""
    return code if code.isascii() and code.isalnum() and len(code) < 64 else ""
