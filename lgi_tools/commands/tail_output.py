"""The output of one job, as far as it is there or until the job ends."""

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from lgi_protocol import states
from lgi_protocol.errors import TransportError
from lgi_protocol.states import State
from lgi_tools.cli import outage, terminal
from lgi_tools.commands.wait import line_of

if TYPE_CHECKING:
    # Slow to load: functions that need them import them.
    from collections.abc import Callable

    from lgi_tools.client.job import Details, Job
    from lgi_tools.client.project import Project
    from lgi_tools.client.tail import Tail

NAME = "LGI_tail"
# Seconds that the server may hold a call; other calls are held for longer.
LONGEST_HELD = 20
_TOO_OLD = "{} is too old to show the output of a running job; LGI_wait {} waits until it has ended"


def show(project: "Project", job_id: int, lines: int, seen: "Callable[[Job], object]" = id) -> int:
    """Print the last lines of a job's output; ``seen`` gets the job. Returns the exit code."""
    job = project.job(job_id)
    seen(job)
    return show_ended(project, job, lines) if job.ended else _Glance(project, job, lines).run()


def follow(project: "Project", job_id: int, lines: int = 10, seen: "Callable[[Job], object]" = id) -> int:
    """Print the output of a job until its end, as `show`, also when the server is down at first."""
    with outage.unknown_without_answer():
        job = outage.persist(NAME, project, lambda: project.job(job_id))
    seen(job)
    return show_ended(project, job, lines) if job.ended else _Follower(project, job, lines).run()


def show_ended(project: "Project", job: "Details", lines: int) -> int:
    """Print the last lines of an ended job. Returns the exit code, not 0 when they are not known."""
    from lgi_tools.cli import job_output
    from lgi_tools.client import job_end

    code = 0
    for warning in job_output.show_last_lines(project, job, lines):
        terminal.warn(NAME, warning)
        code = job_end.FAILED
    terminal.warn(NAME, f"job {line_of(job)}")
    return code


class _Glance:
    """Prints the current output of a job once."""

    # Whether it retries while the server does not answer.
    retries = False

    def __init__(self, project: "Project", job: "Details", lines: int) -> None:
        self.project = project
        self.job = job
        self.lines = lines

    def run(self) -> int:
        """Print the output. Returns the exit code."""
        from lgi_tools.cli.job_output import last_lines
        from lgi_tools.client.tail import Tail

        if self.job.state == State.QUEUED:
            terminal.warn(NAME, f"job {self.job.id} is queued")
            return 0
        try:
            nothing = Tail(self.job.state, 0, b"", False, False)
            tail = self.next(nothing, self.project.timing.first_output_seconds)
        except TimeoutError:
            self.warn_of_silence()
            return 1
        terminal.show(last_lines(tail.data, self.lines))
        return 0

    def next(self, seen: "Tail", timeout: float | None) -> "Tail":
        """Return the output after ``seen``, or a changed state. Raises TimeoutError, OutageError."""
        from lgi_tools.client.interface_calls import is_unknown_call
        from lgi_tools.client.polling import poll_until

        def is_news(tail: "Tail") -> bool:
            now, before = (tail.state, tail.live, tail.complete), (seen.state, seen.live, seen.complete)
            return bool(tail.data) or now != before

        def ask(held: int) -> "Tail":
            try:
                return self.project.tail(self.job, seen.end, held)
            except TransportError as error:
                if seen.live or not is_unknown_call(error):
                    raise
                text = _TOO_OLD.format(self.project.server, self.job.id)
                raise click.ClickException(text) from None

        return poll_until(
            ask,
            is_news,
            timeout,
            longest=LONGEST_HELD,
            answered=self.retries or seen.live,
            timing=self.project.timing,
        )

    def warn_of_silence(self) -> None:
        """Warn that the resource has sent no output, and why that may be."""
        terminal.warn(
            NAME,
            f"the resource of job {self.job.id} has sent no output yet; an older resource sends it"
            " when the job has ended",
        )


class _Follower(_Glance):
    """Prints the output of a job until the job has ended."""

    retries = True

    def run(self) -> int:
        """Print the output as it is reported. Returns the exit code."""
        from lgi_tools.client.tail import Tail

        seen = Tail(self.job.state, 0, b"", False, False)
        begun = warned = False
        while not (seen.complete or (states.has_ended(seen.state) and not seen.live)):
            silent = seen.state != State.QUEUED and not seen.live and not warned and not begun
            timing = self.project.timing
            last = timing.last_output_seconds if states.has_ended(seen.state) else None
            try:
                tail = self.next(seen, timing.first_output_seconds if silent else last)
            except TimeoutError:
                if not silent:
                    break
                warned = True
                self.warn_of_silence()
                continue
            tail = _after(tail, seen.end)
            self.show(tail, seen.end, begun)
            begun = begun or bool(tail.data)
            seen = tail
        return self.finish(seen, begun)

    def show(self, tail: "Tail", end: int, begun: bool) -> None:
        """Print new output; of the output before the start only the last lines."""
        from lgi_tools.cli.job_output import last_lines

        if begun and tail.offset > end:
            sys.stdout.flush()
            terminal.warn(NAME, f"{tail.offset - end} bytes are missing here")
        if tail.data:
            terminal.show(tail.data if begun else last_lines(tail.data, self.lines))

    def finish(self, seen: "Tail", begun: bool) -> int:
        """Print what remains when the job has ended. Returns the exit code."""
        from lgi_tools.cli import job_output
        from lgi_tools.client import job_end

        job = self.project.wait(self.job)
        missing = 0
        if not begun:
            missing = job_output.show_all(self.project, job)
        elif not seen.complete:
            missing = job_output.show_rest(self.project, job, seen.end)
        if missing:
            terminal.warn(NAME, f"{missing} bytes are missing")
        terminal.warn(NAME, f"job {line_of(job)}")
        return job_end.FAILED if missing else 0


def _after(tail: "Tail", begin: int) -> "Tail":
    """Return the tail without what is before ``begin``: a server that has lost it starts at 0 again."""
    if tail.offset >= begin:
        return tail
    return replace(tail, offset=begin, data=tail.data[begin - tail.offset :])
