"""What commands that wait for a job say when it is held."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from lgi_tools.cli import terminal

if TYPE_CHECKING:
    # Slow to load: functions that need it import it.
    from lgi_tools.client.job import Job


def warning(program: str) -> "Callable[[Job], None]":
    """Return the function that is called with a job that waits until somebody releases it."""

    def warn(job: "Job") -> None:
        held_by = "; ".join(one.summary for one in job.holds if one.reason == "user")
        terminal.warn(program, f"job {job.id} is held by {held_by}; LGI_release {job.id} releases it")

    return warn
