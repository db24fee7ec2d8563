"""Changed classes for the requests and responses of gunicorn."""

import logging
import re

import gunicorn
from gunicorn.http import message, parser, wsgi

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
        self.sock.sendall(head + data)

    def close(self) -> None:
        """End the response; one without a body sends only its head."""
        self.send_headers()
        if self._head:
            self.sock.sendall(self._head)
        super().close()


class OldRequest(message.Request):  # type: ignore[misc]
    """A request whose URL may contain bytes that are not ASCII.

    LGI_filetransfer and LGI.py of LGI 1.31 do not encode the names of files in it (clients.md 1.4), and
    Apache accepts that.
    """

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
