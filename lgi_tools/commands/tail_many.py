"""The output of several jobs at once, each line behind the number and name of its job."""

import time
from collections.abc import Iterator, Sequence

from lgi_protocol import states
from lgi_protocol.states import State
from lgi_tools.cli import job_streams, terminal
from lgi_tools.cli.job_output import last_lines
from lgi_tools.client.job import Details, Job
from lgi_tools.client.polling import poll_until
from lgi_tools.client.project import Project
from lgi_tools.client.result import result_of
from lgi_tools.client.tail import Tail
from lgi_tools.client.text import one_line
from lgi_tools.commands.tail_output import NAME
from lgi_tools.commands.wait import line_of

# Jobs whose output is printed at once: each costs the server a call a second.
MOST = 20
# Seconds between two rounds.
_PAUSE = 1.0


def show(project: Project, jobs: Sequence[Job], lines: int, *, follow: bool) -> int:
    """Print the last lines of the output of each job, with ``follow`` all that comes until they have ended.

    Returns the exit code: 0. Raises OutageError.
    """
    streams = [_Stream(project, job, lines) for job in jobs]
    end = time.monotonic() + project.timing.first_output_seconds
    for stream in streams:
        stream.read()
    while left := [one for one in streams if not one.is_complete and (follow or one.is_silent)]:
        if not follow and time.monotonic() >= end:
            for one in left:
                terminal.warn(NAME, f"the resource of job {one.job_id} has sent no output yet")
            break
        time.sleep(min(_PAUSE, project.timing.poll.longest))
        for stream in left:
            stream.read()
    for stream in streams:
        stream.flush()
    return 0


class _Stream:
    """The output of a job, as far as it was printed."""

    def __init__(self, project: Project, job: Job, lines: int) -> None:
        self.job_id = job.id
        self.is_complete = False
        # Running, but its resource has sent nothing yet.
        self.is_silent = job.state != State.QUEUED
        self._project, self._lines = project, lines
        self._label = one_line(f"{job.id} {job.name}".strip())
        self._seen = Tail(job.state, 0, b"", False, False)
        self._rest = b""
        self._has_begun = False

    def read(self) -> None:
        """Print what is new."""
        if states.has_ended(self._seen.state) and not self._seen.live:
            self._finish()
            return
        tail = self._ask()
        begin = max(0, self._seen.end - tail.offset)
        if self._has_begun and tail.offset > self._seen.end:
            terminal.warn(NAME, f"job {self.job_id}: {tail.offset - self._seen.end} bytes are missing here")
        data = tail.data[begin:]
        self._print(data if self._has_begun else last_lines(data, self._lines))
        self._has_begun = self._has_begun or bool(tail.data)
        end = max(tail.end, self._seen.end)
        self._seen = Tail(tail.state, end, b"", tail.live, tail.complete)
        self.is_silent = tail.state != State.QUEUED and not tail.live and not states.has_ended(tail.state)
        if tail.complete or (states.has_ended(tail.state) and not tail.live):
            self._finish()

    def _ask(self) -> Tail:
        """Return the output after what was printed; a server that was restarted is asked again."""
        return poll_until(
            lambda _held: self._project.tail(self.job_id, self._seen.end),
            lambda _tail: True,
            answered=True,
            timing=self._project.timing,
        )

    def _finish(self) -> None:
        """Print the rest of the output of a job that has ended, and how it ended."""
        job = self._project.wait(self.job_id)
        if not self._has_begun:
            self._print(last_lines(result_of(job).output, self._lines))
        elif not self._seen.complete:
            self._print_rest(job)
        self.flush()
        terminal.warn(NAME, f"job {line_of(job)}")
        self.is_complete, self.is_silent = True, False

    def _print_rest(self, job: Details) -> None:
        """Print the output after what was printed. Of two streams it is unknown how much of each that was."""
        written = [stream for stream in job_streams.reported(job) if stream.size]
        missing = sum(stream.size for stream in written) - self._seen.end
        if len(written) == 1 and written[0].is_whole:
            self._print(written[0].data[self._seen.end :])
        elif missing > 0:
            terminal.warn(NAME, f"job {self.job_id}: {missing} bytes are missing; LGI_tail {self.job_id}")

    def _print(self, data: bytes) -> None:
        *whole, self._rest = (self._rest + data).split(b"\n")
        terminal.show("".join(f"{self._label}: {line}\n" for line in _texts(whole)))

    def flush(self) -> None:
        """Print a last line that has no end."""
        if self._rest:
            self._print(b"\n")


def _texts(lines: Sequence[bytes]) -> Iterator[str]:
    return (line.decode("utf-8", "backslashreplace") for line in lines)
