"""A real TLS server on loopback that answers every request with one LGI document, or as a test tells it."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from lgi_protocol import xml
from lgi_tools.certificates.ca import Issued


@dataclass
class Listening:
    """Where a server listens, and who has come."""

    port: int
    handshakes: int = 0
    callers: list[str] = field(default_factory=list)
    passwords: list[str | None] = field(default_factory=list)
    encodings: list[str | None] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def url(self, host: str = "localhost") -> str:
        """The server's URL under one of its names."""
        return f"https://{host}:{self.port}/LGI"


Respond = Callable[[BaseHTTPRequestHandler], None]


class _Http(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *arguments: object) -> None:
        """A client that refuses the server is what some tests are about."""


@contextmanager
def listening(issued: Issued, ca: Path, respond: Respond | None = None) -> Iterator[Listening]:
    """A server with a certificate, that asks for client certificates of a CA; ``respond`` may misbehave."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=ca)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(issued.certificate, issued.key)
    made = Listening(0)
    http = _Http(("127.0.0.1", 0), _handler(made, respond))
    made.port = http.server_address[1]
    http.socket = context.wrap_socket(http.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield made
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


def _handler(made: Listening, respond: Respond | None) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 60

        def setup(self) -> None:
            self.request.do_handshake()
            made.handshakes += 1
            super().setup()

        def do_POST(self) -> None:
            subject = dict(pair for part in self.connection.getpeercert()["subject"] for pair in part)
            made.callers.append(subject["commonName"])
            made.passwords.append(self.headers["Authorization"])
            made.encodings.append(self.headers["Accept-Encoding"])
            made.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            if respond is not None:
                self.close_connection = True
                respond(self)
                return
            body = xml.envelope((xml.Element("answer", len(made.callers)),), "https://x").encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            """A test's output is not the place for an access log."""

    return Handler
