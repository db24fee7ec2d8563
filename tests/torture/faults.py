"""How each kind of fault is done, and undone when its seconds are over."""

import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from tests.torture.plan import Fault, Kind
from tests.torture.resource import Resource
from tests.torture.servers import Servers

# Bytes a second on a slow link are the same; each piece is this many seconds late.
_DELAY = 0.4
# How far a clock is set, by the length of the fault: forth and back.
_HOUR = 3600
_FILLER = "torture.full"

Undo = Callable[[], None]


class Faults:
    """Faults on the servers and resources of a torture."""

    def __init__(self, servers: Servers, resources: Sequence[Resource]) -> None:
        """Nothing is broken yet."""
        self._servers = servers
        self._resources = resources

    def possible(self) -> list[Kind]:
        """Return the kinds that this machine allows."""
        impossible: set[Kind] = set()
        if not all(resource.has_disk for resource in self._resources):
            impossible.add(Kind.FULL_RUN_DISK)
        if not self._servers.has_disk:
            impossible.add(Kind.FULL_SERVER_DISK)
        if not all(resource.has_clock for resource in self._resources):
            impossible.add(Kind.DAEMON_CLOCK)
        return [kind for kind in Kind if kind not in impossible]

    def begin(self, fault: Fault) -> Undo:
        """Break something; return what mends it."""
        servers = self._servers
        match fault.kind:
            case Kind.KILL_WORKER:
                servers.kill_worker(fault.seconds % 1)
                return _nothing
            case Kind.KILL_SERVER:
                servers.kill_server()
            case Kind.KILL_SCHEDULER:
                servers.kill_scheduler()
            case Kind.KILL_DATABASE:
                servers.kill_database()
            case Kind.FULL_SERVER_DISK:
                return _full(servers.grid.config.repository)
            case _:
                return self._begin_on_daemon(fault, self._resources[fault.daemon - 1])
        return servers.start

    def _begin_on_daemon(self, fault: Fault, resource: Resource) -> Undo:
        match fault.kind:
            case Kind.KILL_DAEMON:
                resource.kill()
                return resource.start
            case Kind.STOP_DAEMON:
                resource.send(signal.SIGSTOP)
                return lambda: resource.send(signal.SIGCONT)
            case Kind.LINK_RESET:
                resource.link.reset()
                return _nothing
            case Kind.LINK_CUT:
                resource.link.is_cut = True
            case Kind.LINK_DELAY:
                resource.link.delay = _DELAY
            case Kind.FULL_RUN_DISK:
                return _full(resource.run)
            case Kind.DAEMON_CLOCK:
                resource.set_clock(_HOUR if fault.seconds * 100 % 2 < 1 else -_HOUR)
                return lambda: resource.set_clock(0)
            case other:
                raise AssertionError(f"{other} is no fault of a daemon")
        return lambda: _mend(resource)


def _mend(resource: Resource) -> None:
    resource.link.is_cut = False
    resource.link.delay = 0.0


def _nothing() -> None:
    """Mend what mends itself."""


def _full(directory: Path) -> Undo:
    """Take all the room there is on the disk of a directory."""
    filler = directory / _FILLER
    with suppress(OSError):
        descriptor = os.open(filler, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            for size in (1 << 20, 1 << 12, 1):
                _write_all(descriptor, b"\0" * size)
        finally:
            os.close(descriptor)
    return lambda: filler.unlink(missing_ok=True)


def _write_all(descriptor: int, piece: bytes) -> None:
    with suppress(OSError):
        while os.write(descriptor, piece) == len(piece):
            pass
