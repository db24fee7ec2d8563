"""Bounds of the numbers that options take: without one, a huge number would end in a traceback."""

import math
from typing import Any

import click

MOST = 10**9
COUNT = click.IntRange(1, MOST)
# `lgi_protocol.retry_rule`, and below `lgi_protocol.job_priority`, which are not loaded for it.
RETRIES = click.IntRange(1, 100)
PRIORITY = click.IntRange(-100, 100)


class Seconds(click.FloatRange):
    """A number of seconds, at most 30 years, and not "nan", which no comparison refuses."""

    def __init__(self) -> None:
        """Set the bounds."""
        super().__init__(0, MOST)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Convert the text of an option; called by click."""
        seconds = float(super().convert(value, param, ctx))
        if math.isnan(seconds):
            self.fail(f"{value!r} is not a number of seconds", param, ctx)
        return seconds
