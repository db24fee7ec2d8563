"""A real HTTPS server that requests client certificates and sends the answers that a test sets."""

import ssl
import threading
from collections import defaultdict
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl

from lgi_protocol import xml
from lgi_protocol.xml import Element
from lgi_tools.certificates.ca import Authority, Issued


@dataclass(frozen=True)
class Request:
    """What a tool sent."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    caller: str

    @property
    def fields(self) -> dict[str, str]:
        """The posted fields; the content of a file for a file."""
        if not self.headers.get("content-type", "").startswith("multipart"):
            return dict(parse_qsl(self.body.decode(), keep_blank_values=True))
        head = f"Content-Type: {self.headers['content-type']}\r\n\r\n".encode()
        parts = message_from_bytes(head + self.body, policy=policy.HTTP).iter_parts()
        return {
            part.get_param("name", header="content-disposition"): part.get_payload(decode=True).decode()
            for part in parts
        }

    @property
    def file_names(self) -> list[str]:
        """The names of the posted files."""
        head = f"Content-Type: {self.headers['content-type']}\r\n\r\n".encode()
        parts = message_from_bytes(head + self.body, policy=policy.HTTP).iter_parts()
        return [part.get_filename() for part in parts if part.get_filename() is not None]


@dataclass(frozen=True)
class Answer:
    """A status, a body, and how many bytes more than that are promised."""

    body: bytes
    status: int = 200
    missing: int = 0
    headers: dict[str, str] = field(default_factory=dict)


def lgi(content: str) -> Answer:
    """An LGI document with this response."""
    head = "<LGI> <API_version> 1.31 </API_version> <LGI_version> 1.31.6 </LGI_version> "
    return Answer(f"{head}<response> {content} </response> </LGI>".encode())


def end_fields(code: int | None = None, signal: int | None = None, reason: str = "") -> str:
    """The fields of a `<job>` about its end, as far as it is known."""
    told = {"exit_code": code, "exit_signal": signal, "end_reason": reason or None}
    return "".join(f" <{name}> {one} </{name}>" for name, one in told.items() if one is not None)


def lgi_error(number: int, message: str, timeout: int = 0) -> Answer:
    """An LGI error, a back-off with its time."""
    parts = [Element("number", number), Element("message", message)]
    if timeout:
        parts.append(Element("timeout", timeout))
    return lgi(xml.write(Element("error", tuple(parts))))


class _Http(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *arguments: object) -> None:
        """A client that turns away from the server is what some tests are about: no traceback for it."""


class CannedServer:
    """Answers per ``METHOD /path``: in turn, the last one for ever; 404 for what is not foreseen."""

    def __init__(self, authority: Authority, issued: Issued) -> None:
        """Listens on a port of its own until `close`."""
        self.requests: list[Request] = []
        self.connections: set[tuple[str, int]] = set()
        self._answers: dict[str, list[Answer]] = defaultdict(list)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority.ca_file)
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(issued.certificate, issued.key)
        self.handshakes = 0
        # It is told of the name a client greets with, which it does once in each handshake.
        context.sni_callback = self._greeted
        self._http = _Http(("127.0.0.1", 0), self._handler())
        self._http.socket = context.wrap_socket(
            self._http.socket, server_side=True, do_handshake_on_connect=False
        )
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def _greeted(self, *_greeting: object) -> None:
        self.handshakes += 1

    @property
    def root(self) -> str:
        """``https://localhost:port``."""
        return f"https://localhost:{self._http.server_address[1]}"

    @property
    def url(self) -> str:
        """The project server's URL."""
        return f"{self.root}/LGI"

    def will_answer(self, method: str, path: str, *answers: Answer) -> None:
        """What a path below the project server's URL answers."""
        self._answers[f"{method} /LGI{path}"] += answers

    def will_answer_instead(self, method: str, path: str, *answers: Answer) -> None:
        """The same, in place of all that was planned."""
        self._answers[f"{method} /LGI{path}"] = list(answers)

    def will_answer_call(self, call: str, *answers: Answer) -> None:
        """What an API call answers."""
        self.will_answer("POST", f"/{call}.php", *answers)

    def answer(self, request: Request) -> Answer:
        """Notes a request and finds its answer."""
        self.requests.append(request)
        planned = self._answers.get(
            f"{request.method} {request.path}", [Answer(b"<html>not here</html>", 404)]
        )
        return planned.pop(0) if len(planned) > 1 else planned[0]

    def close(self) -> None:
        """Stop listening."""
        self._http.shutdown()
        self._http.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        canned = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 60

            def answer(self) -> None:
                canned.connections.add(self.client_address)
                subject = dict(pair for part in self.connection.getpeercert()["subject"] for pair in part)
                headers = {name.lower(): value for name, value in self.headers.items()}
                body = self.rfile.read(int(headers.get("content-length", 0)))
                request = Request(self.command, self.path, headers, body, subject["commonName"])
                answer = canned.answer(request)
                self.send_response(answer.status)
                self.send_header("Content-Length", str(len(answer.body) + answer.missing))
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer.body)
                self.close_connection = bool(answer.missing)

            do_GET = do_POST = do_PUT = do_DELETE = answer

            def log_message(self, *arguments: object) -> None:
                """A test's output is not the place for an access log."""

        return Handler
