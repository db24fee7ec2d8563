"""How a job ended: exit code or signal of its program, and why (wire.md 6, ours)."""

from dataclasses import dataclass
from enum import StrEnum

from lgi_protocol import xml
from lgi_protocol.common_name import has_control
from lgi_protocol.states import State, has_ended

MOST_CODE, MOST_SIGNAL = 255, 64
# Bytes of UTF-8.
MOST_REASON = 254


class Result(StrEnum):
    """What is known of a job that has ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class End:
    """The end of a job as its daemon told it: not known without code and signal. ``reason`` is one line."""

    exit_code: int | None = None
    exit_signal: int | None = None
    reason: str = ""

    def result(self, state: str) -> Result | None:
        """Whether a job in this state succeeded; None when it has not ended."""
        if not has_ended(state):
            return None
        if state == State.ABORTED or self.exit_signal is not None or self.exit_code:
            return Result.FAILED
        return Result.UNKNOWN if self.exit_code is None else Result.SUCCEEDED

    @property
    def cause(self) -> str:
        """``exit code 3``, ``killed by signal 9``, or nothing when neither is known."""
        if self.exit_signal is not None:
            return f"killed by signal {self.exit_signal}"
        return "" if self.exit_code is None else f"exit code {self.exit_code}"

    def words(self, state: str) -> str:
        """A job's state for people, and how the job ended if it has, as ``finished, exit code 3``."""
        if not has_ended(state):
            return state
        unknown = "" if state == State.ABORTED else "exit code unknown"
        return ", ".join(filter(None, (state, self.cause or unknown)))

    def text(self, state: str) -> str:
        """`words` of a job's state, and why it ended so."""
        words = self.words(state)
        return f"{words}: {self.reason}" if self.reason and has_ended(state) else words


# Of a job that goes on, or whose daemon told nothing.
NO_END = End()


def fitting(reason: str) -> str:
    """A reason as a server takes it: on one line, without control characters, not too long."""
    line = "".join(" " if has_control(char) else char for char in reason).strip()
    return line.encode("utf-8", "replace")[:MOST_REASON].decode("utf-8", "ignore").strip()


def read_end(job: str) -> End:
    """The end in the content of a ``<job>`` element; what cannot be understood is not known."""
    code, signal = _number(job, "exit_code", MOST_CODE), _number(job, "exit_signal", MOST_SIGNAL)
    return End(None if signal else code, signal or None, xml.value(job, "end_reason"))


def _number(job: str, name: str, most: int) -> int | None:
    text = xml.value(job, name)
    is_number = len(text) <= 3 and text.isascii() and text.isdigit()
    return int(text) if is_number and int(text) <= most else None
