"""The end of a job: exit code or signal of its program, and the reason (wire.md 6, our extension)."""

from collections.abc import Mapping
from enum import StrEnum

from lgi_protocol import xml
from lgi_protocol.common_name import has_control
from lgi_protocol.job_usage import NO_USAGE, JobUsage
from lgi_protocol.states import State, has_ended
from lgi_protocol.value_object import value_object

# The elements of a ``<job>`` that describe its end.
FIELDS = ("exit_code", "exit_signal", "end_reason")
MAX_CODE, MAX_SIGNAL = 255, 64
# Bytes of UTF-8.
MAX_REASON = 254


class Result(StrEnum):
    """The result of a job that has ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN = "unknown"


@value_object
class End:
    """The end of a job as its daemon reported it; unknown without code and signal. ``reason`` is one line.

    ``usage`` is what the job has used.
    """

    exit_code: int | None = None
    exit_signal: int | None = None
    reason: str = ""
    usage: JobUsage = NO_USAGE

    def result(self, state: str) -> Result | None:
        """Return the result of a job in this state; None when it has not ended."""
        if not has_ended(state):
            return None
        if state == State.ABORTED or self.exit_signal is not None or self.exit_code:
            return Result.FAILED
        return Result.UNKNOWN if self.exit_code is None else Result.SUCCEEDED

    @property
    def cause(self) -> str:
        """``exit code 3``, ``killed by signal 9``, or empty when neither is known."""
        if self.exit_signal is not None:
            return f"killed by signal {self.exit_signal}"
        return "" if self.exit_code is None else f"exit code {self.exit_code}"

    def summary(self, state: str) -> str:
        """Return state and cause as text, such as ``finished, exit code 3``."""
        if not has_ended(state):
            return state
        unknown = "" if state == State.ABORTED else "exit code unknown"
        return ", ".join(filter(None, (state, self.cause or unknown)))

    def text(self, state: str) -> str:
        """Return `summary` followed by the reason, if there is one."""
        summary = self.summary(state)
        return f"{summary}: {self.reason}" if self.reason and has_ended(state) else summary


def is_failure(cause: str) -> bool:
    """Return whether a text that begins with the cause of an end, as `End.cause`, is that of a failure."""
    cause, _, _reason = cause.partition(":")
    return cause.startswith(("killed by signal ", "exit code ")) and cause != "exit code 0"


# A job that has not ended, or whose daemon reported nothing.
NO_END = End()


def normalize_reason(reason: str) -> str:
    """Return a reason as servers accept it: one line of at most 254 bytes without control characters."""
    line = "".join(" " if has_control(char) else char for char in reason).strip()
    return line.encode("utf-8", "replace")[:MAX_REASON].decode("utf-8", "ignore").strip()


def read_end(job: str) -> End:
    """Return the end in the content of a ``<job>`` element; invalid values count as unknown."""
    return end_of(xml.values(job, *FIELDS))


def end_of(texts: Mapping[str, str]) -> End:
    """Return the end from the texts of its `FIELDS`; invalid values count as unknown."""
    code, signal = _number(texts["exit_code"], MAX_CODE), _number(texts["exit_signal"], MAX_SIGNAL)
    return End(None if signal else code, signal or None, texts["end_reason"])


def _number(text: str, limit: int) -> int | None:
    is_number = len(text) <= 3 and text.isascii() and text.isdigit()
    return int(text) if is_number and int(text) <= limit else None
