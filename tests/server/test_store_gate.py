"""An object store that hangs keeps few requests waiting, and each of them for a bounded time."""

import io
import socket
import time
from collections.abc import Iterator
from typing import cast

import pytest
from urllib3 import BaseHTTPResponse

from lgi_protocol import s3_requests
from lgi_protocol.s3_bucket import ObjectHead, S3Bucket
from lgi_protocol.s3_errors import S3Error, S3MissingError, S3UnavailableError
from lgi_protocol.s3_requests import S3Place, S3Requests
from lgi_protocol.s3_signature import S3Credentials
from lgi_server.storage import store_gate
from lgi_server.storage.object_reader import ObjectReader
from lgi_server.storage.store_gate import PAUSE, SILENCE, StoreGate


class Clock:
    """A clock that is set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def ask(gate: StoreGate, clock: Clock, seconds: float = 0.0, error: S3Error | None = None) -> str:
    """Make a request that takes so many seconds; return what became of it."""
    try:
        with gate.request():
            clock.now += seconds
            if error is not None:
                raise error
    except S3Error as why:
        return str(why)
    return "answered"


LOST = S3UnavailableError("no answer")


def test_a_store_that_hangs_is_left_alone_and_tried_by_one_request_at_a_time() -> None:
    """The first answer opens the gate again."""
    clock = Clock()
    gate = StoreGate(8, clock)

    silent = ask(gate, clock, SILENCE, LOST)
    refused = ask(gate, clock)
    clock.now += PAUSE
    with gate.request():
        others = ask(gate, clock)
    again = ask(gate, clock)

    assert silent == "no answer"
    assert refused == others == "the store did not answer a short time ago"
    assert again == "answered"


def test_a_store_that_still_hangs_is_left_alone_again() -> None:
    """However fast the request that has tried it has failed."""
    clock = Clock()
    gate = StoreGate(8, clock)

    ask(gate, clock, SILENCE, LOST)
    clock.now += PAUSE

    assert ask(gate, clock, 0.0, LOST) == "no answer"
    assert ask(gate, clock) == "the store did not answer a short time ago"


@pytest.mark.parametrize(
    ("seconds", "error"),
    [
        (0.0, LOST),
        (60.0, S3UnavailableError("no answer", 503)),
        (60.0, S3MissingError("no answer", 404)),
        (60.0, None),
    ],
)
def test_a_store_that_answers_or_refuses_connections_is_asked_by_all(
    seconds: float, error: S3Error | None
) -> None:
    """A request that fails at once keeps nobody waiting."""
    clock = Clock()
    gate = StoreGate(8, clock)

    ask(gate, clock, seconds, error)

    assert ask(gate, clock) == "answered"


def test_a_bounded_number_of_requests_waits_for_a_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """One more waits for its turn, and not for long."""
    monkeypatch.setattr(store_gate, "WAIT_SECONDS", 0.05)
    gate = StoreGate(2)

    with gate.request(), gate.request():
        refused = ask(gate, Clock())

    assert refused == "too many requests wait for the store"
    assert ask(gate, Clock()) == "answered"


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A store that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as made:
        made.settimeout(0)
        yield made


def test_a_hundred_requests_to_a_store_that_hangs_take_the_time_of_one(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Removals of jobs, one after the other, would otherwise take a minute each."""
    monkeypatch.setattr(s3_requests, "READ_SECONDS", 0.2)
    monkeypatch.setattr(store_gate, "SILENCE", 0.1)
    monkeypatch.setattr(store_gate, "PAUSE", 1000.0)
    place = S3Place(f"http://127.0.0.1:{listener.getsockname()[1]}", "bucket")
    bucket = S3Bucket(S3Requests(place, S3Credentials("a", "b"), gate=StoreGate(8).request))

    errors = []
    for number in range(100):
        with pytest.raises(S3UnavailableError) as error:
            bucket.put("x", io.BytesIO(b"1"), 1, {}) if number % 2 else bucket.head("x")
        errors.append(str(error.value))

    assert errors[0] == "look at an object: ReadTimeoutError"
    assert set(errors[1:]) == {"the store did not answer a short time ago"}
    listener.accept()[0].close()
    with pytest.raises(BlockingIOError):
        listener.accept()


class Slow:
    """The answer of a store that sends a byte each half minute."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def read1(self, size: int, decode_content: bool = True) -> bytes:
        """Return the next byte."""
        self.clock.now += 30.0
        return b"x"[:size]

    def read(self, size: int, decode_content: bool = True) -> bytes:
        """Return so many bytes, when they are there."""
        return b"".join(self.read1(1, decode_content) for _ in range(size))

    def close(self) -> None:
        """End."""


def test_an_object_that_comes_byte_by_byte_is_given_up_in_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte is in time, and all of them would take days."""
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock)
    answer = cast("BaseHTTPResponse", Slow(clock))
    reader = ObjectReader(cast("S3Bucket", None), "x", ObjectHead(10_000, "", 0, {}), answer)

    with pytest.raises(OSError, match="does not give the whole file"):
        io.BufferedReader(reader, 2**16).read(5000)

    assert clock.now - 1000.0 < 300
