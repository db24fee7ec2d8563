"""Changed classes for the requests and responses of gunicorn."""

import logging
import re
from typing import Any

import gunicorn
from gunicorn.http import message, parser, wsgi

from lgi_server.serving.connection import RECORD

log = logging.getLogger("lgi.serve")
# The major versions of gunicorn whose internals `OneRecord` and `OldRequest` are known to fit.
FIRST_VERSION, LAST_VERSION = 22, 27
_NO_ASCII = re.compile(rb"[\x80-\xff]")


class OneRecord(wsgi.Response):  # type: ignore[misc]
    """A response that sends its head together with its first bytes, which saves a TLS record."""

    headers_sent: bool
    _head = b""

    def send_headers(self) -> None:
        """Store the head until the first bytes of the body are sent."""
        if not self.headers_sent:
            lines = (*self.default_headers(), *(f"{name}: {value}\r\n" for name, value in self.headers))
            self._head = f"{''.join(lines)}\r\n".encode("latin-1")
            self.headers_sent = True

    def _emit_body(self, data: bytes) -> None:
        head, self._head = self._head, b""
        if self.chunked:
            data = b"%X\r\n%s\r\n" % (len(data), data)
        first = max(0, RECORD - len(head))
        self.sock.sendall(head + data[:first])
        if len(data) > first:
            # The rest is not copied: it stays in memory as long as its client takes to read it.
            self.sock.sendall(memoryview(data)[first:])

    def close(self) -> None:
        """End the response; one without a body sends only its head."""
        self.send_headers()
        if self._head:
            self.sock.sendall(self._head)
        super().close()


class AwaitedBody:
    """The reader of a body whose client waits to be asked for it (``Expect: 100-continue``).

    gunicorn asks before anything is checked; this asks when the body is first read, so that a refused body
    is never sent. The answer to a request whose body was not asked for ends the connection, since the client
    may send it all the same.
    """

    def __init__(self, reader: Any, request: Any) -> None:
        """Take the reader of the body of ``request``."""
        self._reader = reader
        self._request: Any | None = request
        self._must_close = request.must_close
        request.force_close()

    def read(self, size: int) -> bytes:
        """Return the next bytes, after having asked for them."""
        if self._request is not None:
            request, self._request = self._request, None
            request.must_close = self._must_close
            request.unreader.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        data: bytes = self._reader.read(size)
        return data

    def refuse(self) -> None:
        """Never ask: what the client sends all the same can be read without."""
        self._request = None


class OldRequest(message.Request):  # type: ignore[misc]
    """A request whose URL may contain bytes that are not ASCII.

    LGI_filetransfer and LGI.py of LGI 1.31 do not encode the names of files in it (clients.md 1.4), and
    Apache accepts that.
    """

    _expected_100_continue: bool

    def set_body_reader(self) -> None:
        """Set the reader of the body; one that the client waits to be asked for is not asked for yet."""
        super().set_body_reader()
        if self._expected_100_continue:
            self._expected_100_continue = False
            self.body.reader = AwaitedBody(self.body.reader, self)

    def parse_request_line(self, line_bytes: bytes) -> None:
        """Parse the request line with these bytes percent-encoded."""
        method, blank, rest = bytes(line_bytes).partition(b" ")
        target, end, version = rest.partition(b" ")
        encoded = _NO_ASCII.sub(lambda found: b"%%%02X" % found[0][0], target)
        super().parse_request_line(method + blank + encoded + end + version)


def install() -> bool:
    """Replace classes of gunicorn, which has no setting for this; return whether that was done.

    An unknown version keeps its own classes: then responses cost more, and file names that old programs do
    not encode are refused.
    """
    major = gunicorn.__version__.partition(".")[0]
    if not (major.isdigit() and FIRST_VERSION <= int(major) <= LAST_VERSION):
        known = f"{FIRST_VERSION} to {LAST_VERSION}"
        log.warning(
            "gunicorn %s is not one of the versions %s: its requests and answers are left as they are",
            gunicorn.__version__,
            known,
        )
        return False
    wsgi.Response = OneRecord
    parser.RequestParser.mesg_class = OldRequest
    return True
