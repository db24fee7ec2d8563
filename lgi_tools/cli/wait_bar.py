"""The line of LGI_wait at a terminal: how many jobs have ended, and the time that is left."""

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from lgi_protocol.errors import ServerError, TransportError
from lgi_tools.cli import progress_text
from lgi_tools.client.selection import read_numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lgi_tools.client.project import Project

# Seconds between two questions to the server.
_PAUSE = 10.0
_WIDTH = 24
# Goes to the begin of the line and clears it.
_CLEAR = "\r\033[K"


class WaitBar:
    """A line on standard error that is written again and again, on a terminal only."""

    def __init__(
        self, project: "Project", job_ids: "Sequence[int]", clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Show the progress of these jobs."""
        self._project = project
        self._job_ids = job_ids
        self._clock = clock
        self._watched = sys.stderr.isatty()
        self._asked_at = -_PAUSE
        self._left = ""

    def show(self, ended: int, failed: int) -> None:
        """Write how many of the jobs have ended, and how many of these failed."""
        if not self._watched:
            return
        if self._clock() >= self._asked_at + _PAUSE:
            self._asked_at = self._clock()
            self._left = self._ask()
        total = len(self._job_ids)
        full = "#" * (_WIDTH * ended // total)
        text = f"[{full:{_WIDTH}}] {ended}/{total}" + (f", {failed} failed" if failed else "")
        self._write(f"{_CLEAR}{text}{self._left}")

    def clear(self) -> None:
        """Remove the line, before others are printed."""
        if self._watched:
            self._write(_CLEAR)

    def _write(self, text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()

    def _ask(self) -> str:
        """Return the time that is left; empty where the server does not say."""
        try:
            found = self._project.progress(numbers=_ranges(self._job_ids))
        except (ServerError, TransportError):
            return ""
        left = progress_text.left(found)
        return f", {left} left" if left else ""


def _ranges(job_ids: "Sequence[int]") -> list[str]:
    return [f"{first}-{last}" for first, last in read_numbers(map(str, job_ids))]
