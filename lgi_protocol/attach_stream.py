"""One end of a session of LGI_attach: sends bytes until the server has them, and receives those of the other.

Both ends call the server again and again; a call whose answer is lost is made again, and nothing comes twice.
"""

import time
from collections.abc import Callable, Mapping
from threading import Event

from lgi_protocol import hexcode
from lgi_protocol.attach_frames import MOST_DATA
from lgi_protocol.errors import ServerError, TransportError
from lgi_protocol.reply import Reply
from lgi_protocol.value_object import value_object

# Seconds: for which the server holds a call, until an unreachable server is given up, between two attempts,
# and until a full server may have room.
HELD, OUTAGE, RETRY, FULL = 15, 40.0, 1.0, 0.05

Call = Callable[[Mapping[str, str]], Reply]


class SessionEndedError(Exception):
    """The session has ended; the text says why, empty if the other end has ended it."""


@value_object
class StreamAnswer:
    """The answer of a server: ``accepted`` bytes are stored; ``data`` from byte ``offset`` on is for us."""

    accepted: int
    offset: int
    data: bytes
    has_ended: bool
    end_reason: str


def read_answer(reply: Reply) -> StreamAnswer:
    """Return an answer. Raise ValueError when its data is not hexadecimal."""
    return StreamAnswer(
        accepted=reply.number("accepted"),
        offset=reply.number("offset"),
        data=hexcode.decode(reply.value("data")),
        has_ended=reply.number("ended") > 0,
        end_reason=reply.value("end_reason"),
    )


class AttachStream:
    """One end of a session; one thread may send and another one receive."""

    def __init__(self, call: Call, session: str, outage: float = OUTAGE) -> None:
        """Make calls of this end with ``call``; an unreachable server is left after ``outage`` seconds."""
        self._call = call
        self.session = session
        self._outage = outage
        self._sent = self._received = 0
        self._closed = Event()

    def send(self, data: bytes) -> None:
        """Return when the server has all of these bytes, as it has room for them.

        Raise SessionEndedError, ServerError or TransportError.
        """
        pause = FULL
        while data:
            answer = self._post({"data": hexcode.encode(data[:MOST_DATA])})
            accepted = max(answer.accepted - self._sent, 0)
            data, self._sent = data[accepted:], self._sent + accepted
            if answer.has_ended:
                raise SessionEndedError(answer.end_reason)
            if not accepted and not self._outage:
                raise SessionEndedError("the server has no room for more data")
            pause = FULL if accepted else min(2 * pause, RETRY)
            if not accepted:
                self._closed.wait(pause)

    def receive(self) -> bytes:
        """Return the next bytes, none after some seconds. Raise as `send` does, after the last bytes."""
        answer = self._post({"wait": str(HELD)})
        new = answer.data[max(self._received - answer.offset, 0) :]
        self._received = max(self._received, answer.offset + len(answer.data))
        if answer.has_ended and not new:
            raise SessionEndedError(answer.end_reason)
        return new

    def close(self) -> None:
        """End the session, if the server can be reached."""
        if not self._closed.is_set():
            self._closed.set()
            self._attempt({"close": "1"})

    def hurry(self) -> None:
        """Repeat no call from now on."""
        self._outage = 0.0

    def abandon(self) -> None:
        """Make no more attempts: the session has ended here."""
        self._closed.set()

    def _post(self, fields: Mapping[str, str]) -> StreamAnswer:
        began = time.monotonic()
        while not self._closed.is_set():
            try:
                return self._attempt(fields)
            except TransportError:
                if time.monotonic() > began + self._outage:
                    raise
            except ServerError as error:
                if not error.back_off or time.monotonic() > began + self._outage:
                    raise
            self._closed.wait(RETRY)
        raise SessionEndedError

    def _attempt(self, fields: Mapping[str, str]) -> StreamAnswer:
        base = {"session": self.session, "offset": str(self._sent), "received": str(self._received)}
        reply = self._call(base | dict(fields))
        try:
            return read_answer(reply)
        except ValueError as error:
            raise SessionEndedError(f"the answer of the server cannot be read: {error}") from None
