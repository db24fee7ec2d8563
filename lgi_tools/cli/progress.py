"""A progress bar for long transfers, on a terminal only."""

import sys
import time
from collections.abc import Callable

import click

# Seconds after which the bar appears: a shorter transfer shows none.
DELAY = 1.0


class ProgressBar:
    """A progress bar on standard error, shown on a terminal only."""

    def __init__(self, label: str, clock: Callable[[], float] = time.monotonic) -> None:
        """Use ``label``, the name of what is transferred."""
        self._label = label
        self._clock = clock
        self._began = clock()
        self._watched = sys.stderr.isatty()
        self._bar: click._termui_impl.ProgressBar[int] | None = None

    def __call__(self, done: int, total: int) -> None:
        """Show the number of bytes done."""
        if not self._watched or not total or self._clock() < self._began + DELAY:
            return
        if self._bar is None:
            self._bar = click.progressbar(
                length=total, label=self._label, file=sys.stderr, show_pos=False, width=30
            )
            self._bar.render_progress()
        self._bar.update(done - self._bar.pos)

    def close(self) -> None:
        """End the bar, also after a failed transfer."""
        if self._bar is not None:
            self._bar.render_finish()
            self._bar = None
