"""One session of LGI_attach: a program beside a job, and its bytes to and from the server.

One thread receives what the user sends, another sends what the program writes. The program ends with the job,
when the user has gone, when nothing happens for long, and at the longest time.
"""

import logging
import signal
import threading
import time
from collections.abc import Callable

from lgi_daemon.execution import session_process
from lgi_daemon.execution.session_process import SessionPlace, SessionProcess
from lgi_daemon.jobs.job import LocalJob
from lgi_protocol.attach_frames import Frame, FrameReader, Kind, Start, read_size, read_start
from lgi_protocol.attach_stream import AttachStream, SessionEndedError
from lgi_protocol.errors import ServerError, TransportError

log = logging.getLogger(__name__)

# Seconds: without any data, of a whole session, between two looks at the job, until the end of a program is
# known, and until a job that is worked on is free.
IDLE, LONGEST = 1800.0, 8 * 3600.0
LOOK_SECONDS, LAST_SECONDS, LOCK_SECONDS = 0.2, 0.5, 10.0
# Reads of what a program has written last: more than a pipe or terminal holds.
LAST_READS = 64
# As a shell: what is added to a signal for an exit code.
_SIGNALED = 128
_FAILURES = (OSError, ServerError, SessionEndedError, TransportError, ValueError)


class AttachSession:
    """A session with a job; ``problem`` returns why it may not go on, empty when it may."""

    def __init__(self, job: LocalJob, stream: AttachStream, problem: Callable[[LocalJob], str]) -> None:
        """Do nothing before `run`."""
        self.job = job
        self.stream = stream
        self._problem = problem
        self._process: SessionProcess | None = None
        self._sender: threading.Thread | None = None
        self._gone = threading.Event()
        self._began = self._used = time.monotonic()

    def run(self) -> None:
        """Serve the user until the end of the session."""
        reader = FrameReader()
        try:
            while not self._gone.is_set():
                for frame in reader.feed(self.stream.receive()):
                    self._used = time.monotonic()
                    self._take(frame)
        except _FAILURES as error:
            log.debug("%s: LGI_attach ends: %s", self.job.title, error)
            if self._process is None and isinstance(error, OSError | ValueError):
                self._refuse(f"the command cannot be started: {error}")
        finally:
            self.stop()

    def stop(self) -> None:
        """End the session, and return when its program has ended."""
        self._gone.set()
        self.stream.hurry()
        sender = self._sender
        if sender is not None and sender is not threading.current_thread():
            sender.join()
        self.stream.abandon()

    def _take(self, frame: Frame) -> None:
        if self._process is None:
            self._start(read_start(frame))
        elif frame.kind is Kind.DATA:
            data = frame.data
            while data and not self._gone.is_set():
                data = self._process.write(data, LOOK_SECONDS)
        elif frame.kind is Kind.SIZE:
            self._process.resize(*read_size(frame))
        elif frame.kind is Kind.END:
            self._process.end_input()

    def _start(self, start: Start) -> None:
        """Start the program while nobody works on the job: the end of a job ends what runs then."""
        job = self.job
        if not job.lock.acquire(timeout=LOCK_SECONDS):
            raise ValueError("the job is busy, try again")
        try:
            run, problem = job.record.run, self._problem(job)
            if problem or run is None:
                raise ValueError(problem or "the job has not started")
            job.is_quiet = job.is_intact = False
            place = SessionPlace(job.context, job.record.reference, run, job.scripts.cgroups)
            terminal = (start.columns, start.lines) if start.has_terminal else None
            self._process = session_process.start(start.command, place, terminal=terminal, term=start.term)
        finally:
            job.lock.release()
        log.info("%s: LGI_attach begins, with process %d", job.title, self._process.process.pid)
        self._sender = threading.Thread(target=self._send, args=(self._process,), daemon=True)
        self._sender.start()

    def _send(self, process: SessionProcess) -> None:
        """Send what the program writes, and then how it has ended."""
        try:
            status = self._send_output(process)
            if status is not None:
                code = status if status >= 0 else _SIGNALED - status
                self.stream.send(Frame(Kind.EXIT, b"%d" % code).write())
        except _FAILURES as error:
            log.debug("%s: LGI_attach ends: %s", self.job.title, error)
        finally:
            self._gone.set()
            process.end()
            self._close()
            log.info("%s: LGI_attach has ended after %d s", self.job.title, time.monotonic() - self._began)

    def _send_output(self, process: SessionProcess) -> int | None:
        """Return the exit status of the program; None when the session ends before it."""
        status, reads_left = None, LAST_READS
        while True:
            # A program that it has left behind may keep the output open, and write to it.
            written = process.read(LOOK_SECONDS if status is None else 0.02)
            for is_output, data in written:
                self._used = time.monotonic()
                self.stream.send(Frame(Kind.DATA if is_output else Kind.ERRORS, data).write())
            now = time.monotonic()
            if status is None:
                status = process.child.wait(0 if process.outputs else LOOK_SECONDS)
            elif not written or not process.outputs or not (reads_left := reads_left - 1):
                return status
            if self._gone.is_set():
                return None
            if status is None and (reason := self._problem(self.job) or self._time_is_over(now)):
                # The command may have ended the job, and just before it itself.
                status = process.child.wait(LAST_SECONDS)
                if status in {None, -signal.SIGKILL}:
                    self._refuse(reason)
                    return None

    def _time_is_over(self, now: float) -> str:
        if now > self._used + IDLE:
            return f"nothing was sent for {IDLE / 60:g} minutes"
        return f"a session may take {LONGEST / 3600:g} hours" if now > self._began + LONGEST else ""

    def _refuse(self, reason: str) -> None:
        refuse(self.stream, reason)

    def _close(self) -> None:
        try:
            self.stream.close()
        except _FAILURES as error:
            log.debug("%s: the server does not hear of the end of LGI_attach: %s", self.job.title, error)


def refuse(stream: AttachStream, reason: str) -> None:
    """Tell the user why there is no session any more, if the server can be reached, and end it."""
    try:
        stream.send(Frame(Kind.REFUSAL, reason.encode("utf-8", "replace")[:1000]).write())
        stream.close()
    except _FAILURES as error:
        log.debug("the refusal of LGI_attach cannot be sent: %s", error)
