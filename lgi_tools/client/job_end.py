"""How a job ended, and the exit codes of commands that end as a job did."""

from typing import Self

from lgi_protocol import xml
from lgi_protocol.job_end import End, read_end
from lgi_protocol.job_end import Result as Outcome
from lgi_protocol.value_object import value_object

__all__ = ["JobEnd", "Outcome"]
# The exit codes for a failure without exit code, and for a finished job whose exit code is unknown.
FAILED, UNKNOWN = 1, 3
# The exit codes for a server that does not answer while the job continues (EX_TEMPFAIL of sysexits), for a
# timeout as that of timeout(1), and for an interrupt as that of the shell.
OUTAGE, TIMED_OUT, INTERRUPTED = 75, 124, 130
# A shell's exit code for a killed program is this number plus that of the signal.
KILLED = 128


@value_object
class JobEnd:
    """The end of a job: its state, finished or aborted, and the result its resource has reported.

    ``exit_code`` and ``exit_signal`` are None when they are unknown. ``reason`` is a line with the cause of
    the end or a remark for the owner; it does not turn a success into a failure.
    """

    state: str
    exit_code: int | None = None
    reason: str = ""
    exit_signal: int | None = None

    @classmethod
    def of(cls, text: str) -> Self:
        """Return the end of the job in a ``<job>`` element."""
        end = read_end(text)
        return cls(xml.value(text, "state"), end.exit_code, end.reason, end.exit_signal)

    @property
    def _end(self) -> End:
        return End(self.exit_code, self.exit_signal, self.reason)

    @property
    def outcome(self) -> Outcome | None:
        """Whether the job succeeded, failed, or its result is unknown; None while it has not ended."""
        return self._end.result(self.state)

    @property
    def code(self) -> int:
        """The exit code of a command that ends as the job did."""
        if self.exit_signal:
            return KILLED + self.exit_signal
        if self.outcome is Outcome.FAILED:
            return self.exit_code or FAILED
        return 0 if self.outcome is Outcome.SUCCEEDED else UNKNOWN

    @property
    def cause(self) -> str:
        """The text ``exit code 3``, ``killed by signal 9`` or ``exit code unknown``; empty when aborted."""
        return self._end.cause or ("exit code unknown" if self.outcome is Outcome.UNKNOWN else "")

    @property
    def text(self) -> str:
        """The complete text, as ``finished, exit code 124: time limit of 100 s exceeded``."""
        return self._end.text(self.state)
