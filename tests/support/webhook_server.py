"""A web server on loopback for webhooks that keeps what it gets."""

import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class WebhookServer:
    """The paths, headers and bodies that have come; ``answer`` writes the next answers, by default 204."""

    port: int
    paths: list[str] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    answer: Callable[[BaseHTTPRequestHandler], None] | None = None

    @property
    def url(self) -> str:
        """The address of a webhook there, with a secret in its path."""
        return f"http://127.0.0.1:{self.port}/hook/SECRET?a=b"


@contextmanager
def webhook_server(context: ssl.SSLContext | None = None) -> Iterator[WebhookServer]:
    """Run a web server during a block, with a context for TLS."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            made.paths.append(self.path)
            made.headers.append(dict(self.headers))
            made.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            if made.answer:
                made.answer(self)
                return
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_words: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    made = WebhookServer(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
