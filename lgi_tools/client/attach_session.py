"""The user's end of a session of LGI_attach: input goes to a program beside a job, output comes from it."""

import os
import select
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress

from lgi_protocol.attach_frames import Frame, FrameReader, Kind, Start, size_frame
from lgi_protocol.attach_stream import AttachStream, Call, SessionEndedError
from lgi_protocol.errors import ServerError, TransportError
from lgi_protocol.reply import Reply
from lgi_tools.client.job import AnyJob, id_of

# Bytes of one read of the input.
_BLOCK = 16 * 1024
# Closes the session at the begin of a line of a terminal, as in ssh.
_ESCAPE = b"~."


class RefusedSessionError(Exception):
    """The resource gives no session, or none any more; the text says why."""


class AttachSession:
    """A session with a job; `run` serves it."""

    def __init__(self, call: "Callable[[str, Mapping[str, str]], Reply]", job: AnyJob) -> None:
        """Begin a session by calls with the name of one and its fields. Raises the errors of a call."""
        session = call("attach_job", {"job_id": str(id_of(job))}).value("session")
        streams: Call = lambda fields: call("attach_stream", fields)  # noqa: E731 - it has a type
        self._stream = AttachStream(streams, session)
        self._guard = threading.Lock()
        self._done = threading.Event()
        self._waker, self._wake = os.pipe()
        self._code: int | None = None
        self._error: Exception | None = None

    def run(self, start: Start, source: int, write: Callable[[bool, bytes], object]) -> int:
        """Run a command, with input from the descriptor ``source``, and return its exit code.

        ``write`` gets whether it is standard output, and the bytes. Raises RefusedSessionError, ServerError,
        TransportError or SessionEndedError; the session ends with the call.
        """
        self._send(start.frame())
        receiver = threading.Thread(target=self._receive, args=(write,), daemon=True)
        receiver.start()
        try:
            self._send_input(source, start.has_terminal)
            self._done.wait()
        finally:
            self.close()
        if self._error is not None:
            raise self._error
        if self._code is None:
            raise SessionEndedError
        return self._code

    def resize(self, columns: int, lines: int) -> None:
        """Tell the program another size of the terminal, in a thread of its own: a signal must not wait."""
        frame = size_frame(columns, lines)
        threading.Thread(target=self._send_quietly, args=(frame,), daemon=True).start()

    def close(self) -> None:
        """End the session, if the server can be reached."""
        with suppress(ServerError, TransportError):
            self._stream.close()

    def _send(self, frame: Frame) -> None:
        with self._guard:
            self._stream.send(frame.write())

    def _send_quietly(self, frame: Frame) -> None:
        # Whatever is wrong, the receiver finds it too.
        with suppress(ServerError, SessionEndedError, TransportError):
            self._send(frame)

    def _send_input(self, source: int, has_terminal: bool) -> None:
        """Send the input until it or the session ends."""
        last = b"\r"
        while not self._done.is_set():
            if source not in select.select([source, self._waker], [], [])[0]:
                return
            try:
                data = os.read(source, _BLOCK)
            except OSError:
                # The terminal has gone.
                data = b""
            if has_terminal and (not data or _escapes(last + data)):
                self._finish(None)
                return
            last = (last + data)[-len(_ESCAPE) :]
            self._send_quietly(Frame(Kind.DATA, data) if data else Frame(Kind.END))
            if not data:
                return

    def _receive(self, write: Callable[[bool, bytes], object]) -> None:
        reader = FrameReader()
        try:
            while not self._done.is_set():
                for frame in reader.feed(self._stream.receive()):
                    self._take(frame, write)
        except SessionEndedError as error:
            self._finish(RefusedSessionError(str(error)) if str(error) else None)
        except (OSError, ServerError, TransportError, ValueError) as error:
            self._finish(error)

    def _take(self, frame: Frame, write: Callable[[bool, bytes], object]) -> None:
        if frame.kind in {Kind.DATA, Kind.ERRORS}:
            write(frame.kind is Kind.DATA, frame.data)
        elif frame.kind is Kind.EXIT:
            self._code = frame.number()
            self._finish(None)
        elif frame.kind is Kind.REFUSAL:
            self._finish(RefusedSessionError(frame.data.decode("utf-8", "replace")))

    def _finish(self, error: Exception | None) -> None:
        if not self._done.is_set():
            self._error = error
            self._done.set()
            os.write(self._wake, b".")


def _escapes(data: bytes) -> bool:
    """Return whether a line begins with the escape; it is typed, so all of it may come at once or not."""
    return any(line_end + _ESCAPE in data for line_end in (b"\r", b"\n"))
