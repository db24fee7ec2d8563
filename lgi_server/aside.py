"""Work that would hold up a worker's other requests, done in a thread beside it."""

import os
from collections.abc import Callable
from typing import IO, ParamSpec, TypeVar

import gevent

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def aside(work: Callable[Parameters, Result], *args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
    """The result of a blocking call, waited for without blocking other greenlets."""
    result: Result = gevent.get_hub().threadpool.apply(work, args, kwargs)
    return result


def on_the_disk(opened: IO[bytes]) -> None:
    """Return when what was written to a file would survive a power cut."""
    opened.flush()
    aside(os.fsync, opened.fileno())
