"""The end of a running server: no new connection, and an answer to each request that it has."""

import os
import signal
import time
from pathlib import Path

_PROGRAM = "LGI_server"
# Requests in progress have 35 seconds, then the scheduler 40.
SECONDS = 90.0


class NoServerError(Exception):
    """No server of the configuration runs here, or it has not ended; the message says which."""


def drain(config: Path, seconds: float = SECONDS) -> list[int]:
    """End the servers of a configuration on this machine, and return their processes when they are gone.

    They close their sockets at once, so that a balancer takes others. Raises NoServerError, or OSError for
    the processes of another account.
    """
    found = masters(config)
    if not found:
        raise NoServerError(f"no {_PROGRAM} of {config} runs on this machine")
    for pid in found:
        os.kill(pid, signal.SIGTERM)
    end = time.monotonic() + seconds
    while left := [pid for pid in found if pid in masters(config)]:
        if time.monotonic() > end:
            raise NoServerError(f"process {left[0]} has not ended within {seconds:.0f} s")
        time.sleep(0.1)
    return found


def masters(config: Path) -> list[int]:
    """Return the processes that run a server of a configuration, without their workers."""
    wanted = config.resolve()
    pids = {int(entry.name) for entry in Path("/proc").glob("[0-9]*") if _serves(entry, wanted)}
    return sorted(pid for pid in pids if _parent(pid) not in pids)


def _serves(process: Path, config: Path) -> bool:
    """Return whether a process was started as LGI_server with a configuration."""
    try:
        words = (process / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")[:-1]
        if _PROGRAM not in {Path(word).name for word in words[:2]} or {"status", "drain"} & set(words[1:]):
            return False
        return (process / "cwd" / words[-1]).resolve() == config
    except OSError:
        # It has ended, or is of another account.
        return False


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[1])
    except OSError:
        return 0
