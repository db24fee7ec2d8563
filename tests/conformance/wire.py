"""Sends a recorded request again, byte for byte as an old client would."""

import http.client
import mimetypes
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote_plus, urlsplit

from tests.conformance.callers import Caller
from tests.conformance.exchanges import Exchange, Field, File

BOUNDARY = "------------------------0123456789abcdef"
FORM = {
    "urlencoded": "application/x-www-form-urlencoded",
    "multipart": f"multipart/form-data; boundary={BOUNDARY}",
}
# A server may hold an interface call for 30 s while a job is locked; a busy machine takes longer.
PATIENCE = 100


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    body: str


def session_cookie(url: str, caller: Caller, path: str) -> str:
    """The cookie of a session that a page of the web interface opens."""
    connection = _connection(url, caller)
    try:
        connection.request("GET", path)
        return str(connection.getresponse().headers["Set-Cookie"]).partition(";")[0]
    finally:
        connection.close()


def _connection(url: str, caller: Caller) -> http.client.HTTPSConnection:
    server = urlsplit(url)
    return http.client.HTTPSConnection(
        str(server.hostname), server.port, timeout=PATIENCE, context=caller.context
    )


def send(url: str, caller: Caller, exchange: Exchange, body: bytes = b"", cookie: str = "") -> Answer:
    """Send a request to the server at ``url``; ``body`` is what a PUT stores."""
    connection = _connection(url, caller)
    headers = {"Accept": "*/*"} | ({"Cookie": cookie} if cookie else {})
    if exchange.encoding is not None:
        headers["Content-Type"] = FORM[exchange.encoding]
        body = encoded(exchange)
    if exchange.method != "GET":
        headers["Content-Length"] = str(len(body))
    try:
        connection.request(exchange.method, exchange.path, body or None, headers)
        answer = connection.getresponse()
        return Answer(answer.status, answer.read().decode("utf-8", "replace"))
    finally:
        connection.close()


def encoded(exchange: Exchange) -> bytes:
    """The body of a POST."""
    if exchange.encoding == "multipart":
        return multipart(exchange.fields, exchange.files)
    return "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in exchange.fields).encode()


def multipart(fields: Sequence[Field], files: Sequence[File]) -> bytes:
    """As libcurl writes it for the C++ clients: the fields, the files, and last how many files there are."""
    counts = [field for field in fields if field[0] == "number_of_uploaded_files"]
    others = [field for field in fields if field not in counts]
    parts = [_field(*field) for field in others] + [_file(*file) for file in files]
    parts += [_field(*field) for field in counts]
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def _field(name: str, value: str) -> bytes:
    return f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()


def _file(field: str, name: str, contents: str) -> bytes:
    """The contents stand in the records one byte a character."""
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    disposition = f'Content-Disposition: form-data; name="{field}"; filename="{name}"'
    head = f"--{BOUNDARY}\r\n{disposition}\r\nContent-Type: {kind}\r\n\r\n"
    return head.encode() + contents.encode("latin-1") + b"\r\n"
