"""What commands that wait for a job say when it is held."""

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from lgi_tools.cli import terminal

if TYPE_CHECKING:
    # Slow to load: functions that need it import it.
    from lgi_tools.client.job import Job


def warning(program: str, wanted: Collection[int]) -> "Callable[[Job], None]":
    """Return the function that is called with a job that waits until somebody releases it.

    ``wanted`` are the jobs that are waited for: of one that these follow that is said.
    """

    def warn(job: "Job") -> None:
        held_by = "; ".join(one.summary for one in job.holds if one.reason == "user")
        one = f"job {next(iter(wanted))} waits" if len(wanted) == 1 else "others wait"
        what = "" if job.id in wanted else f", for which {one},"
        terminal.warn(program, f"job {job.id}{what} is held by {held_by}; LGI_release {job.id} releases it")

    return warn
