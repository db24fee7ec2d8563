"""The enrolment server: HTTPS without client certificates, run while resources and users join.

``GET /ca.crt``, ``POST /join`` and ``POST /renew``, one request per connection, all sizes and times limited.
It uses the standard library's server so that the machine with the CA key runs as little code as possible.
"""

import json
import logging
import socket
import ssl
import sys
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingTCPServer
from typing import Any

from lgi_protocol import common_name
from lgi_tools.joining import tokens
from lgi_tools.joining.client_limiter import ClientLimiter
from lgi_tools.joining.issuer import Issuer, JoinAnswer, RefusedRenewalError
from lgi_tools.joining.join_request import BadRequestError, read_renewal, read_request
from lgi_tools.joining.registration import RegistrationTimeoutError

log = logging.getLogger(__name__)

# In bytes: of a request, and of what is read and ignored of a longer one.
LARGEST_BODY = 16 * 1024
LARGEST_IGNORED = 1024 * 1024
# For a connection from its handshake to its request, and for the answer; the registration has its own limit.
CONNECTION_SECONDS = 15.0


class EnrolmentServer(ThreadingTCPServer):
    """Serves until it is shut down. Raises OSError when the address is in use."""

    allow_reuse_address = True
    daemon_threads = True
    # The end of the server does not wait for connections: they last seconds.
    block_on_close = False
    request_queue_size = 64

    def __init__(
        self,
        address: tuple[str, int],
        tls: ssl.SSLContext,
        issuer: Issuer,
        connection_seconds: float = CONNECTION_SECONDS,
    ) -> None:
        """Use ``tls`` with the certificate of this host's name; limit each connection in time."""
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.tls = tls
        self.issuer = issuer
        self.limiter = ClientLimiter()
        self.connection_seconds = connection_seconds
        super().__init__(address, RequestHandler)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Make room for a connection, or reject it above the limits."""
        return self.limiter.enter(request, client_address[0])

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Handle a connection from its handshake to its end."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.limiter.leave(request)

    def handle_error(self, _request: Any, client_address: Any) -> None:
        """Ignore a lost connection, which any client can cause, and log any other error."""
        if isinstance(sys.exception(), OSError):
            log.debug("%s: the connection was lost", client_address[0])
        else:
            log.error("internal error (please report)", exc_info=True)


class RequestHandler(BaseHTTPRequestHandler):
    """The handler of one connection with one request."""

    server: EnrolmentServer
    server_version, sys_version = "LGI_certificates", ""
    protocol_version = "HTTP/1.0"

    def setup(self) -> None:
        """Do the handshake within the time limit of the connection."""
        seconds = self.server.connection_seconds
        self._accepted = self.request
        # A second descriptor of the same connection: its shutdown ends any wait on the first one.
        self._end = self.request.dup()
        self._end.settimeout(seconds)
        self._start_timer()
        try:
            self.request.settimeout(seconds)
            self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        except OSError:
            self._stop_timer()
            raise
        super().setup()

    def finish(self) -> None:
        """Close the connection after reading the rest of the request, so that the answer is not lost."""
        try:
            super().finish()
            self._end.shutdown(socket.SHUT_WR)
            left = LARGEST_IGNORED
            while left > 0 and (ignored := self._end.recv(64 * 1024)):
                left -= len(ignored)
        finally:
            self._stop_timer()
            self.request.close()

    def _start_timer(self) -> None:
        self._timer = threading.Timer(self.server.connection_seconds, self._cut)
        self._timer.daemon = True
        self._timer.start()

    def _cut(self) -> None:
        try:
            self._end.shutdown(socket.SHUT_RDWR)
        except OSError:
            return

    def _stop_timer(self) -> None:
        self._timer.cancel()
        self._end.close()

    def do_GET(self) -> None:
        """Answer with the CA certificate, which the token authenticates."""
        self.server.limiter.has_request(self._accepted)
        if self.path == "/ca.crt":
            self._answer(200, self.server.issuer.authority.ca_file.read_bytes(), "application/x-pem-file")
        else:
            self._refuse(404, "not found: only /ca.crt can be read")

    def do_POST(self) -> None:
        """Answer a request to join, or to renew a certificate, with a certificate."""
        if self.path not in {"/join", "/renew"}:
            self._refuse(404, "not found: requests are posted to /join or /renew")
        elif (body := self._body()) is not None:
            self.server.limiter.has_request(self._accepted)
            self._issue(body, self.client_address[0])

    def _body(self) -> bytes | None:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit() and len(length) < 10):
            self._refuse(411, "the request has no valid Content-Length")
        elif int(length) > LARGEST_BODY:
            self._refuse(413, f"the request is longer than {LARGEST_BODY} bytes")
        else:
            return self.rfile.read(int(length))
        return None

    def _issue(self, body: bytes, address: str) -> None:
        is_join = self.path == "/join"
        # The client has sent all, and now waits for the registration.
        self._timer.cancel()
        try:
            answer = self._answer_of(body, is_join)
        except (tokens.InvalidTokenError, RefusedRenewalError) as refused:
            self._refuse(403, str(refused))
        except BadRequestError as malformed:
            self._refuse(400, str(malformed))
        except RegistrationTimeoutError as late:
            log.error("the registration is not done: %s", late)
            self._refuse(
                503,
                "the registration at the project server takes too long: give the same command"
                " again; the token stays valid for this key until it expires",
            )
        except (OSError, ValueError) as error:
            log.error("the certificate could not be issued: %s", error)
            self._refuse(500, "the certificate could not be issued; see the log of LGI_certificates listen")
        else:
            lists = (", ".join(answer["groups"]), ", ".join(answer["projects"]))
            whom = "; ".join(filter(None, (answer["name"], *lists)))
            log.info("%s: %s certificate for %s", address, "issued a" if is_join else "sent the", whom)
            self._answer(200, json.dumps(answer).encode(), "application/json")

    def _answer_of(self, body: bytes, is_join: bool) -> JoinAnswer:
        """Return the answer to a request; the time limit of the connection begins anew when it is found."""
        issuer = self.server.issuer
        try:
            return issuer.join(read_request(body)) if is_join else issuer.renew(read_renewal(body))
        finally:
            self._start_timer()

    def _refuse(self, status: int, why: str) -> None:
        if self._is_muted():
            status, why = 429, "too many refused requests: try again in a minute"
        else:
            log.info("%s: refused with %d: %s", self.client_address[0], status, why)
        self._answer(status, json.dumps({"error": why}).encode(), "application/json")

    def _is_muted(self) -> bool:
        """Return whether the refusal of this request is one too many of its network, and count it."""
        address = self.client_address[0]
        is_muted = self.server.limiter.is_muted(address)
        if not is_muted:
            self.server.limiter.count_refused(address)
        return is_muted

    def _answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Log the standard library's message of a malformed request; requests are logged elsewhere."""
        text = format % arguments
        if not text.startswith('"') and not self._is_muted():
            shown = "".join("?" if common_name.has_control(char) else char for char in text)
            log.info("%s: %s", self.client_address[0], shown[:200])


def tls_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return a TLS context for 1.2 or newer, without client certificates. Raises ValueError, OSError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key)
    except ssl.SSLError as error:
        raise ValueError(f"cannot use {certificate} with {key}: {error}") from None
    return context


def serve(listener: EnrolmentServer, minutes: float | None) -> None:
    """Serve for some minutes, or until interrupted."""
    if minutes:
        timer = threading.Timer(minutes * 60, listener.shutdown)
        timer.daemon = True
        timer.start()
    tokens.remove_expired(listener.issuer.authority.directory, datetime.now(UTC))
    with listener:
        listener.serve_forever(poll_interval=0.2)
