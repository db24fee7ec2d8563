"""Apps of the tests, in a module that workers import."""

import parsl


@parsl.python_app
def working_directory() -> str:
    """Where it is called."""
    import os

    return os.getcwd()


@parsl.python_app
def killed_once(mark: str) -> str:
    """Kill the workers of its block the first time."""
    import os
    import signal

    if not os.path.exists(mark):
        with open(mark, "w"):
            os.kill(os.getppid(), signal.SIGKILL)
    return "done"


@parsl.python_app
def failing() -> None:
    """Raise."""
    raise LookupError("no such energy")


@parsl.python_app
def waiting(seconds: float) -> float:
    """Take its time."""
    import time

    time.sleep(seconds)
    return seconds
