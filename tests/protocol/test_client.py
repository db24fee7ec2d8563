"""Calls of a project server: answers, refusals and coming back later."""

import ssl
from http.client import RemoteDisconnected

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from urllib3 import HTTPConnectionPool
from urllib3.connection import HTTPConnection
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProtocolError, ReadTimeoutError

from lgi_protocol.client import retry_on_busy
from lgi_protocol.errors import ServerError, TransportError
from lgi_protocol.reply import Reply, leading_number, read_answer
from lgi_protocol.transport_errors import is_connection_lost, root_cause


class Clock:
    """A clock that advances only when the code sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.waits: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


class Call:
    """A call that fails with these errors, one after the other, and then answers."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.made = 0

    def __call__(self) -> str:
        self.made += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


def busy(timeout: int = 10) -> ServerError:
    """A back-off."""
    return ServerError(1, "busy", timeout)


def test_a_back_off_is_waited_for_as_long_as_the_server_asks() -> None:
    """At least that long, at most half of it longer."""
    clock, call = Clock(), Call(busy(10), busy(4))

    assert retry_on_busy(call, 100, clock.sleep, clock) == "done"

    assert call.made == 3
    assert 10 <= clock.waits[0] <= 15
    assert 4 <= clock.waits[1] <= 6


def test_many_clients_do_not_return_at_once() -> None:
    """The wait has up to 50 % of jitter."""
    waits = set()
    for _ in range(20):
        clock = Clock()
        retry_on_busy(Call(busy()), 100, clock.sleep, clock)
        waits.add(clock.waits[0])

    assert len(waits) > 15


@pytest.mark.parametrize("patience", [0, 9, 39, 100, 3600])
def test_a_refusal_is_raised_when_the_next_wait_would_exceed_the_limit(patience: float) -> None:
    """The server's last refusal is raised when the next wait would be over the limit."""
    clock, call = Clock(), Call(*[busy()] * 1000)

    with pytest.raises(ServerError, match="busy"):
        retry_on_busy(call, patience, clock.sleep, clock)

    assert sum(clock.waits) <= patience < sum(clock.waits) + 15
    assert call.made == len(clock.waits) + 1


def test_a_server_that_asks_for_too_long_a_wait_is_left_at_once() -> None:
    """No sleep that patience does not cover."""
    clock, call = Clock(), Call(busy(10**9))

    with pytest.raises(ServerError):
        retry_on_busy(call, 3600, clock.sleep, clock)

    assert clock.waits == []


@pytest.mark.parametrize(
    "error", [ServerError(2, "no"), ServerError(0, "?"), ServerError(15, "gone"), TransportError("u", "r")]
)
def test_only_a_back_off_is_repeated(error: Exception) -> None:
    """No other failure promises that nothing was done."""
    clock, call = Clock(), Call(error)

    with pytest.raises(type(error)):
        retry_on_busy(call, 100, clock.sleep, clock)

    assert (call.made, clock.waits) == (1, [])


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("7", 7),
        (" 7 ", 7),
        ("+7", 7),
        ("1350000000.1234", 1350000000),
        ("12abc", 12),
        ("12 13", 12),
        ("", 0),
        ("x7", 0),
        ("-3", 0),
        ("٣", 0),
        ("²", 0),
        ("0007", 7),
        ("9" * 30, int("9" * 30)),
    ],
)
def test_a_number_is_its_leading_digits(text: str, number: int) -> None:
    """As atoi reads a count; nothing readable is 0."""
    assert leading_number(text) == number


@pytest.mark.slow
@given(st.text())
def test_no_text_makes_a_number_fail(text: str) -> None:
    """A count is never negative and never an exception."""
    assert leading_number(text) >= 0
    assert leading_number("9" * 5000 + text) > 0


def error_answer(inside: str) -> str:
    """An LGI document with an error."""
    return f"<LGI> <response> <error> {inside} </error> </response> </LGI>"


@pytest.mark.parametrize(
    ("inside", "number", "message", "timeout"),
    [
        ("<number> 15 </number> <message> a &lt; b </message>", 15, "a < b", 10),
        ("<number> 1 </number> <message> m </message> <timeout> 3 </timeout>", 1, "m", 3),
        ("<number> 1 </number> <message> m </message> <timeout> 0 </timeout>", 1, "m", 10),
        ("<number> 1 </number> <timeout> soon </timeout>", 1, "", 10),
        ("<message> m </message>", 0, "m", 10),
        ("something", 0, "", 10),
    ],
)
def test_an_error_is_raised_as_the_server_s(inside: str, number: int, message: str, timeout: int) -> None:
    """An error element that is not empty is an error, whatever is in it."""
    with pytest.raises(ServerError) as raised:
        read_answer(error_answer(inside))

    assert (raised.value.number, raised.value.message, raised.value.timeout) == (number, message, timeout)


def test_an_empty_error_is_no_error() -> None:
    """As old clients read it: an error element without content is an answer."""
    assert read_answer(error_answer("")).value("error") == ""


@given(st.text() | st.text("<>/!-LGIresponse \"'&;?", max_size=60))
def test_garbage_is_no_answer(text: str) -> None:
    """ValueError, and nothing else, for whatever a server that is not LGI's may say."""
    with pytest.raises(ValueError, match=r"not an LGI document|DTD"):
        read_answer(text)


@given(st.text("<>/!-a \"'&;", max_size=40))
def test_any_response_is_an_answer_an_error_or_no_answer(inside: str) -> None:
    """And reading values of an answer raises ValueError at most."""
    try:
        reply = read_answer(f"<LGI> <response> {inside} </response> </LGI>")
        assert reply.content == f" {inside} "
        reply.value("a", "a")
        reply.all("a")
    except ValueError as error:
        assert "DTD" in str(error)  # noqa: PT017 - a response with a declaration in it, and no other


def test_a_reply_gives_texts_numbers_and_parts() -> None:
    """What is not there is empty, 0, or an empty list."""
    reply = Reply("<n> 2 </n> <job> <id> a&amp;b </id> </job> <job> </job>")

    assert (reply.number("n"), reply.number("x"), reply.value("job", "id"), reply.value("x")) == (
        2,
        0,
        "a&b",
        "",
    )
    assert reply.all("job") == [" <id> a&amp;b </id> ", " "]
    assert reply.all("x") == []


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("the answer is not an LGI document"), "the answer is not an LGI document"),
        (ConnectionRefusedError(111, "Connection refused"), "Connection refused"),
        (requests.ConnectionError(ConnectionResetError(104, "reset by peer")), "reset by peer"),
        (requests.ReadTimeout(), "ReadTimeout"),
    ],
)
def test_a_reason_is_the_innermost_one(error: Exception, reason: str) -> None:
    """Without the layers of libraries around it."""
    assert root_cause(error) == reason


def test_a_reason_is_found_behind_a_cause() -> None:
    """As requests and urllib3 wrap a refused connection."""
    inner = NewConnectionError(None, "no")  # type: ignore[arg-type]
    inner.__cause__ = ConnectionRefusedError(111, "Connection refused")
    layered = requests.ConnectionError(MaxRetryError(None, "/", inner))  # type: ignore[arg-type]

    assert root_cause(layered) == "Connection refused"


def test_a_message_of_openssl_is_shown_with_what_to_look_at() -> None:
    """As it says it to a caller whose CA the server does not know; other words come without its places."""
    unknown = ssl.SSLError(1, "[SSL: TLSV1_ALERT_UNKNOWN_CA] tlsv1 alert unknown ca (_ssl.c:2546)")
    other = ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:992)")

    assert root_cause(requests.exceptions.SSLError(unknown)) == (
        "tlsv1 alert unknown ca: the server does not trust the CA of the client certificate"
    )
    assert root_cause(other) == "wrong version number"


@pytest.mark.timeout(60)
def test_errors_in_a_circle_still_have_a_reason() -> None:
    """Two errors that name each other do not hang the program."""
    first, second = OSError("first"), OSError("second")
    first.__cause__, second.__cause__ = second, first

    assert root_cause(first) in {"first", "second"}


@pytest.mark.parametrize(
    ("error", "is_lost"),
    [
        (ProtocolError("Connection aborted.", ConnectionResetError(104, "reset")), True),
        (ProtocolError("Connection aborted.", RemoteDisconnected("closed without response")), True),
        (ssl.SSLEOFError(8, "EOF occurred in violation of protocol"), True),
        (ReadTimeoutError(HTTPConnectionPool("x"), "/", "Read timed out."), False),
        (NewConnectionError(HTTPConnection("x"), "refused"), False),
        (TimeoutError("timed out"), False),
    ],
)
def test_a_connection_that_was_cut_is_told_from_one_that_is_slow_or_was_never_made(
    error: Exception, is_lost: bool
) -> None:
    """Only after a cut connection a retry may succeed immediately."""
    assert is_connection_lost(requests.ConnectionError(error)) is is_lost
