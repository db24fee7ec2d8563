"""The frames of a session of LGI_attach, and an end of it that calls a server."""

import pytest

from lgi_protocol.attach_frames import (
    MOST_COMMAND,
    MOST_DATA,
    Frame,
    FrameReader,
    Kind,
    Start,
    read_size,
    read_start,
    size_frame,
)
from lgi_protocol.attach_stream import AttachStream, SessionEndedError
from lgi_protocol.errors import ErrorNumber, ServerError, TransportError
from lgi_protocol.hexcode import decode, encode
from lgi_protocol.reply import Reply


def test_frames_are_read_from_bytes_however_they_are_cut() -> None:
    """Kind and content are as they were written."""
    frames = [Start(("a", "ü"), True, "xterm").frame(), Frame(Kind.DATA, bytes(range(256))), Frame(Kind.END)]
    data, reader = b"".join(one.write() for one in frames), FrameReader()

    assert [found for at in range(len(data)) for found in reader.feed(data[at : at + 1])] == frames
    assert list(FrameReader().feed(data)) == frames


@pytest.mark.parametrize(
    "data", [b"\x09\0\0\0\0", b"\0\0\0\0\0", b"\x02\xff\xff\xff\xff", b"\x02\x00\x00\x80\x01"]
)
def test_bytes_that_are_no_frame_are_refused_before_they_are_kept(data: bytes) -> None:
    """A kind that there is not, and a size beyond the limit."""
    with pytest.raises(ValueError, match=r"frame|Kind"):
        list(FrameReader().feed(data + b"x" * MOST_DATA))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        b"[" * 20000,
        b'{"command": [1], "has_terminal": true, "term": "", "columns": 1, "lines": 1}',
        b'{"command": ["a\\u0000b"], "has_terminal": true, "term": "", "columns": 1, "lines": 1}',
        b'{"command": [], "has_terminal": true, "term": "", "columns": "1", "lines": 1}',
        b'{"command": 7, "has_terminal": true, "term": "", "columns": 1, "lines": 1}',
    ],
)
def test_a_start_that_cannot_be_read_is_refused(data: bytes) -> None:
    """Whatever a user sends: the daemon reads it."""
    with pytest.raises(ValueError, match=r"."):
        read_start(Frame(Kind.START, data))


def test_a_start_is_read_as_it_was_written_within_limits() -> None:
    """A name of a terminal that is none is left out; so large a terminal there is not."""
    start = Start(("sh", "-c", "echo ü"), True, "xterm-256color", 132, 50)
    odd = Start((), True, "../../etc/passwd", 10**9, -4)

    assert read_start(start.frame()) == start
    assert read_start(odd.frame()) == Start((), True, "", 4096, 1)
    assert read_size(size_frame(80, 24)) == (80, 24)
    with pytest.raises(ValueError, match="a size cannot be read"):
        read_size(Frame(Kind.SIZE, b"x"))
    with pytest.raises(ValueError, match="at most"):
        Start(("x" * MOST_COMMAND,)).frame()


class Server:
    """A server that has room for so many bytes of an end, and whose answers may be lost."""

    def __init__(self, room: int = 10**6) -> None:
        self.room, self.came, self.waiting, self.ended = room, b"", b"", ""
        self.failures: list[Exception] = []
        self.posts = 0

    def call(self, fields: dict[str, str]) -> Reply:
        """Answer a call; the bytes are stored also when the answer is lost."""
        self.posts += 1
        new = decode(fields.get("data", ""))[max(len(self.came) - int(fields["offset"]), 0) :]
        self.came += new[: self.room]
        received = int(fields["received"])
        if self.failures:
            raise self.failures.pop()
        ended = f"<ended> {int(bool(self.ended))} </ended> <end_reason> {self.ended} </end_reason>"
        return Reply(
            f"<accepted> {len(self.came)} </accepted> <offset> {received} </offset>"
            f" <data> {encode(self.waiting[received:])} </data> {ended}",
        )


def end_at(server: Server, outage: float = 40.0) -> AttachStream:
    """An end of a session at a server."""
    return AttachStream(lambda fields: server.call(dict(fields)), "a" * 32, outage)


def test_bytes_arrive_once_though_answers_are_lost() -> None:
    """And in pieces, as there is room."""
    server = Server(room=1000)
    server.failures = [TransportError("s", "cut"), ServerError(ErrorNumber.BACK_OFF, "busy")]
    data = bytes(range(256)) * 20

    end_at(server).send(data)

    assert server.came == data


def test_an_end_that_hears_of_the_end_of_the_session_sends_no_more() -> None:
    """It receives what was on its way before."""
    server = Server()
    server.waiting, server.ended = b"last words", "the job has ended"
    stream = end_at(server)

    assert stream.receive() == b"last words"
    with pytest.raises(SessionEndedError, match="the job has ended"):
        stream.receive()
    with pytest.raises(SessionEndedError, match="the job has ended"):
        stream.send(b"x")


def test_a_server_that_cannot_be_reached_is_given_up() -> None:
    """After a while; at once when the end is in a hurry, and for an error that will not pass."""
    server = Server()
    server.failures = [TransportError("s", "down")] * 9
    stream = end_at(server, outage=0.0)

    with pytest.raises(TransportError):
        stream.receive()
    server.failures = [ServerError(ErrorNumber.NO_SESSION, "none")]
    with pytest.raises(ServerError):
        end_at(server).receive()
    stream.abandon()
    posts = server.posts
    with pytest.raises(SessionEndedError):
        stream.receive()
    stream.close()
    assert server.posts == posts
