"""The calls of a simulated daemon on one kept connection, with their latencies."""

import ssl
import time
from collections.abc import Mapping

from benchmarks.soak.connection import Connection
from benchmarks.soak.latencies import Latencies
from benchmarks.soak.plan import Part
from lgi_protocol import exchange_text
from lgi_protocol.errors import ServerError, TransportError
from lgi_protocol.exchange import Exchange, ExchangeAnswer
from lgi_protocol.reply import Reply
from lgi_protocol.sign_up import SignUp, read_sign_up
from tests.support.grid import CAPABILITIES

# The names of what is no usual call: how long a server holds an exchange, and takes for a connection, is no
# latency of a call.
CONNECT, HELD = "connect", "exchange, held"


class TimedCalls:
    """The calls of one daemon, which has the number ``daemon``."""

    def __init__(
        self, part: Part, daemon: str, context: ssl.SSLContext, latencies: Latencies, begin: float
    ) -> None:
        """Make no connection yet; ``begin`` is the start of the test."""
        self._project = part.project
        self._daemon = daemon
        self._latencies = latencies
        self._begin = begin
        self._signed_up: SignUp | None = None
        # Whether the last held exchange was ended by `cut`.
        self.is_cut = False
        self._connection = Connection(part.url, context, self._connected)

    def _connected(self, start: float, error: str) -> None:
        self._latencies.note_apart(CONNECT, time.monotonic() - start, error)

    async def sign_up(self) -> SignUp:
        """Sign up and off, as a daemon does where it makes exchanges: for what the server announces.

        After a sign-off that failed that alone is repeated, as a daemon does.
        """
        if self._signed_up is None:
            fields = {"project": self._project, "capabilities": CAPABILITIES, "daemon": self._daemon}
            self._signed_up = read_sign_up(await self._post("signup_resource", fields))
        session = {"project": self._project, "session_id": self._signed_up.session_id}
        await self._post("signoff_resource", session)
        return self._signed_up

    async def exchange(self, exchange: Exchange, load: int) -> ExchangeAnswer:
        """Make an exchange; errors are those of `Connection.post`."""
        return exchange_text.read(await self._post("exchange", self._fields(exchange, load, 0)))

    async def hold(self, exchange: Exchange, load: int, seconds: int) -> ExchangeAnswer:
        """Make an exchange that the server holds, perhaps until `cut`."""
        self.is_cut = False
        await self._connection.connect()
        start, error = time.monotonic(), ""
        try:
            if self.is_cut:
                raise TransportError("", "cut off before it was posted")
            reply = await self._connection.post(
                "resources/resource_exchange", self._fields(exchange, load, seconds)
            )
        except (ServerError, TransportError) as failure:
            error = "" if self.is_cut else _reason(failure)
            raise
        finally:
            self._latencies.note_apart(HELD, time.monotonic() - start, error)
        return exchange_text.read(reply)

    def cut(self) -> None:
        """End the held exchange, which fails with TransportError, and its connection."""
        self.is_cut = True
        self._connection.close()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _fields(self, exchange: Exchange, load: int, seconds: int) -> dict[str, str]:
        return {
            "project": self._project,
            "daemon": self._daemon,
            "wait": str(seconds),
            "load": str(load),
            "exchange": exchange_text.write(exchange),
        }

    async def _post(self, name: str, fields: Mapping[str, str]) -> Reply:
        await self._connection.connect()
        start, error = time.monotonic(), ""
        try:
            return await self._connection.post(f"resources/resource_{name}", fields)
        except (ServerError, TransportError) as failure:
            error = _reason(failure)
            raise
        finally:
            self._latencies.note(name, start - self._begin, time.monotonic() - start, error)


def _reason(failure: ServerError | TransportError) -> str:
    return f"LGI error {failure.number}" if isinstance(failure, ServerError) else failure.reason
