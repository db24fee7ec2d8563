"""gunicorn's requests and answers, as this server needs them."""

import logging
import re

import gunicorn
from gunicorn.http import message, parser, wsgi

log = logging.getLogger("lgi.serve")
# The versions whose answers are known to be made as `OneRecord` takes them.
FIRST_VERSION, LAST_VERSION = 22, 27
_NO_ASCII = re.compile(rb"[\x80-\xff]")


class OneRecord(wsgi.Response):  # type: ignore[misc]
    """An answer whose head travels with its first bytes: one more record of TLS costs as much as it."""

    headers_sent: bool
    _head = b""

    def send_headers(self) -> None:
        """Keep the head until there is something to send it with."""
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
        """End the answer: an answer without a body is only a head."""
        self.send_headers()
        if self._head:
            self.sock.sendall(self._head)
        super().close()


class OldRequest(message.Request):  # type: ignore[misc]
    """A request whose address may hold bytes that are no ASCII.

    LGI_filetransfer and LGI.py of LGI 1.31 write the names of files into it as they are (clients.md 1.4), and
    Apache took them.
    """

    def parse_request_line(self, line_bytes: bytes) -> None:
        """Percent signs stand for such bytes, as everybody else writes them."""
        method, blank, rest = bytes(line_bytes).partition(b" ")
        target, end, version = rest.partition(b" ")
        encoded = _NO_ASCII.sub(lambda found: b"%%%02X" % found[0][0], target)
        super().parse_request_line(method + blank + encoded + end + version)


def install() -> bool:
    """Have gunicorn, which has no setting for it, use `OldRequest` and `OneRecord`; whether that was done.

    An unknown version keeps its own: its answers cost more, and it refuses file names that old programs
    do not encode.
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
