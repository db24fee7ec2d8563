"""Work that would hold up a worker's other requests, done in a thread beside it."""

import ctypes
import os
from collections.abc import Callable
from typing import IO, ParamSpec, TypeVar

import gevent

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def run_in_thread(
    work: Callable[Parameters, Result], *args: Parameters.args, **kwargs: Parameters.kwargs
) -> Result:
    """Return the result of a blocking call, waited for without blocking other greenlets."""

    def caught() -> tuple[list[Result], OSError | None]:
        """Catch OSError: gevent would print it, and a full disk is worth no traceback."""
        try:
            return [work(*args, **kwargs)], None
        except OSError as error:
            return [], error

    results, error = gevent.get_hub().threadpool.apply(caught)
    if error is not None:
        raise error
    result: Result = results[0]
    return result


def fsync_file(opened: IO[bytes]) -> None:
    """Return when what was written to a file would survive a power cut."""
    opened.flush()
    run_in_thread(os.fsync, opened.fileno())


def syncfs(descriptor: int) -> None:
    """Return when everything written to a file's file system would survive a power cut. Blocks its thread.

    One file after the other, a thousand small ones would take as many turns of the disk.
    """
    system = ctypes.CDLL(None, use_errno=True)
    if system.syncfs(descriptor):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
