"""A kept HTTPS connection of a simulated daemon, on the event loop: threads for 2000 would cost too much."""

import asyncio
import ssl
import time
from collections.abc import Callable, Mapping
from urllib.parse import urlencode, urlsplit

from lgi_protocol.errors import TransportError
from lgi_protocol.https_pool import CONNECT_SECONDS, READ_SECONDS
from lgi_protocol.reply import Reply, read_answer

_END = b"\r\n\r\n"


class Connection:
    """One call at a time; the next one after a failure is made on a new connection."""

    def __init__(self, url: str, context: ssl.SSLContext, connected: Callable[[float, str], None]) -> None:
        """Connect when a call is made; ``connected`` is told the start of each connection and its error."""
        parts = urlsplit(url)
        self._url, self._path = url, parts.path
        self._host, self._port = parts.hostname or "", parts.port or 443
        self._context = context
        self._connected = connected
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def connect(self) -> None:
        """Connect unless there is a connection; raise TransportError."""
        if self._reader is not None and not self._reader.at_eof():
            return
        self.close()
        begin, error = time.monotonic(), ""
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                self._reader, self._writer = await asyncio.open_connection(
                    self._host, self._port, ssl=self._context, limit=2**20
                )
        except (OSError, TimeoutError) as failure:
            error = type(failure).__name__
            raise TransportError(self._url, f"no connection: {failure!r}") from failure
        finally:
            self._connected(begin, error)

    async def post(self, call: str, fields: Mapping[str, str]) -> Reply:
        """Make a call as `lgi_protocol.client.Client.post`: ServerError, TransportError."""
        await self.connect()
        try:
            async with asyncio.timeout(READ_SECONDS):
                text = await self._exchange(call, urlencode(fields).encode())
            return read_answer(text)
        except (OSError, TimeoutError, EOFError, ValueError) as failure:
            self.close()
            raise TransportError(self._url, f"no answer: {type(failure).__name__}") from failure

    async def _exchange(self, call: str, body: bytes) -> str:
        reader, writer = self._reader, self._writer
        if reader is None or writer is None:
            raise ConnectionError
        head = (
            f"POST {self._path}/{call}.php HTTP/1.1\r\nHost: {self._host}:{self._port}\r\n"
            "Accept-Encoding: identity\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        lines = (await reader.readuntil(_END)).decode("latin-1").lower().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
        text = await reader.readexactly(int(headers["content-length"]))
        if headers.get("connection") == "close":
            self.close()
        return text.decode()

    def close(self) -> None:
        """Cut the connection off, with the call on it."""
        if self._writer is not None:
            self._writer.transport.abort()
        self._reader = self._writer = None
