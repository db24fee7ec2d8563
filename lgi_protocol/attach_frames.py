"""What LGI_attach and a daemon say to each other in a session: frames, which servers pass on unread.

A frame is its kind, the number of bytes that follow, and these. The program of the user begins with one START
and goes on with DATA, SIZE and END (of its input); the daemon sends DATA and ERRORS, and one EXIT or REFUSAL.
"""

import json
import re
import struct
from collections.abc import Iterator
from dataclasses import asdict
from enum import IntEnum

from lgi_protocol.value_object import value_object

# Most bytes of a frame, and of those that wait at a server in each direction.
MOST_DATA, MOST_WAITING = 32 * 1024, 64 * 1024
# Bytes of a command with its arguments; columns and lines of a terminal.
MOST_COMMAND, _MOST_CELLS = 16 * 1024, 4096
_HEAD = struct.Struct(">BI")
_SIZE = struct.Struct(">HH")
_TERM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,39}")


class Kind(IntEnum):
    """The kinds of frames; ERRORS is standard error, which a terminal does not have apart."""

    START = 1
    DATA = 2
    ERRORS = 3
    SIZE = 4
    END = 5
    EXIT = 6
    REFUSAL = 7


@value_object
class Frame:
    """A frame."""

    kind: Kind
    data: bytes = b""

    def write(self) -> bytes:
        """Return the frame as it is sent."""
        return _HEAD.pack(self.kind, len(self.data)) + self.data

    def number(self) -> int:
        """Return the exit code of an EXIT; raise ValueError when it has none."""
        return int(self.data.decode("ascii"))


@value_object
class Start:
    """What is to be run: the words of a command, or none for a shell, at a terminal or with pipes.

    ``term`` is the kind of the user's terminal, empty if that is not known.
    """

    command: tuple[str, ...] = ()
    has_terminal: bool = False
    term: str = ""
    columns: int = 80
    lines: int = 24

    def frame(self) -> Frame:
        """Return the frame of it. Raise ValueError for a command that is too long."""
        data = json.dumps(asdict(self)).encode()
        if len(data) > MOST_COMMAND:
            raise ValueError(f"the command has {len(data)} bytes, at most {MOST_COMMAND} are possible")
        return Frame(Kind.START, data)


def read_start(frame: Frame) -> Start:
    """Return what a START frame says. Raise ValueError for anything else."""
    if frame.kind is not Kind.START or len(frame.data) > MOST_COMMAND:
        raise ValueError("the session does not begin with a command")
    try:
        said = json.loads(frame.data)
        command, term = tuple(said["command"]), str(said["term"])
        known = term if _TERM.fullmatch(term) else ""
        start = Start(command, bool(said["has_terminal"]), known, *_cells(said))
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"the command cannot be read: {error!r}") from None
    if not all(isinstance(word, str) and "\0" not in word for word in command):
        raise ValueError("the command has a word that is no text")
    return start


def _cells(said: dict[str, object]) -> tuple[int, int]:
    columns, lines = said["columns"], said["lines"]
    if not (isinstance(columns, int) and isinstance(lines, int)):
        raise TypeError("columns and lines must be numbers")
    return min(max(columns, 1), _MOST_CELLS), min(max(lines, 1), _MOST_CELLS)


def size_frame(columns: int, lines: int) -> Frame:
    """Return the frame for a new size of the user's terminal."""
    return Frame(Kind.SIZE, _SIZE.pack(min(columns, _MOST_CELLS), min(lines, _MOST_CELLS)))


def read_size(frame: Frame) -> tuple[int, int]:
    """Return columns and lines of a SIZE frame. Raise ValueError when it is none."""
    try:
        columns, lines = _SIZE.unpack(frame.data)
    except struct.error as error:
        raise ValueError(f"a size cannot be read: {error}") from None
    return min(columns, _MOST_CELLS), min(lines, _MOST_CELLS)


class FrameReader:
    """Reads the frames of one direction from bytes as they come."""

    def __init__(self) -> None:
        """Wait for the first frame."""
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Yield the frames that are complete now. Raise ValueError for bytes that are none."""
        self._rest += data
        while len(self._rest) >= _HEAD.size:
            kind, size = _HEAD.unpack_from(self._rest)
            if size > MOST_DATA:
                raise ValueError(f"a frame of {size} bytes is longer than {MOST_DATA}")
            end = _HEAD.size + size
            if len(self._rest) < end:
                return
            frame = Frame(Kind(kind), self._rest[_HEAD.size : end])
            self._rest = self._rest[end:]
            yield frame
