"""Blocking work, done in a thread so that other requests of the worker go on."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, ParamSpec, TypeVar

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def run_in_thread(
    work: Callable[Parameters, Result], *args: Parameters.args, **kwargs: Parameters.kwargs
) -> Result:
    """Run a blocking function in a thread and return its result; other greenlets go on meanwhile."""

    def caught() -> tuple[list[Result], OSError | None]:
        """Catch OSError, since gevent would print a traceback."""
        try:
            return [work(*args, **kwargs)], None
        except OSError as error:
            return [], error

    # Late: the scheduler and the commands store files, and have no event loop.
    import gevent

    results, error = gevent.get_hub().threadpool.apply(caught)
    if error is not None:
        raise error
    result: Result = results[0]
    return result


def fsync_file(opened: IO[bytes]) -> None:
    """Sync a file to disk in a thread."""
    opened.flush()
    run_in_thread(os.fsync, opened.fileno())


def syncfs(directory: Path) -> None:
    """Sync the file system of a directory to disk; blocks the thread. Raises OSError.

    This is much faster than an fsync for each of a thousand small files.
    """
    import ctypes

    system = ctypes.CDLL(None, use_errno=True)
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if system.syncfs(descriptor):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
    finally:
        os.close(descriptor)
