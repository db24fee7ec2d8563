"""A warning of job numbers that mean the first element of an array, where the whole may be meant."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Protocol

from lgi_protocol.errors import LGIError
from lgi_tools.cli import terminal
from lgi_tools.cli.program import CallError

if TYPE_CHECKING:
    # Slow to load: only its methods are called.
    from lgi_protocol.reply import Reply

# Numbers of one command that are looked up.
MOST = 8


class Calls(Protocol):
    """Makes calls as a user: `UserCalls`, and `Project`."""

    def call(self, name: str, fields: dict[str, str], /) -> "Reply":
        """Make one call of ``interfaces/interface_<name>``."""


def warn(program: str, calls: Calls, numbers: Iterable[int]) -> None:
    """Print a line for each of these job numbers that an array of several jobs has too.

    Not for one beside the next number: then the other elements are named as well.
    """
    given = dict.fromkeys(numbers)
    for number in [one for one in given if one + 1 not in given][:MOST]:
        size = _size(calls, number)
        if size > 1:
            what = f"{number} is the first element of an array of {size}"
            terminal.warn(program, f"{what}: {number}[] means the whole")


def warn_of_followed(program: str, calls: Calls, fields: Mapping[str, str]) -> None:
    """Print such a line for each number in the fields ``after`` and ``after_any`` of a submit."""
    texts = [fields.get(name, "") for name in ("after", "after_any")]
    words = [word.strip() for text in texts for word in text.split(",")]
    plain = [word for word in words if word.isascii() and word.isdigit() and len(word) < 10]
    warn(program, calls, map(int, plain))


def _size(calls: Calls, array_id: int) -> int:
    """Return how many jobs an array has; 0 for none, or where that cannot be known."""
    try:
        # With limit 0 a server counts, and lists nothing.
        reply = calls.call("job_state", {"array_id": str(array_id), "start": "0", "limit": "0"})
    except (CallError, LGIError):
        # The command itself reports what is wrong.
        return 0
    # An older server reads over the filter, and counts all jobs.
    return reply.number("number_of_jobs") if reply.value("array_id") else 0
