"""TCP ports for the servers of tests."""

import itertools
import os
import socket
from contextlib import suppress

# Of eight processes of a run, so many each; they begin anywhere, for runs beside each other.
FIRST_PORT, OF_A_WORKER = 10_000, 2_800
NUMBERS = itertools.count(os.getpid())


def free_port() -> int:
    """Return a TCP port that is unused at present.

    Until a server listens there nobody else gets it: it is below those that the system gives to connections,
    each process of the tests has a range of its own, and one after the other of it is returned.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first = FIRST_PORT + worker % 8 * OF_A_WORKER
    for number in NUMBERS:
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", first + number % OF_A_WORKER))
            return int(probe.getsockname()[1])
    raise AssertionError("numbers have no end")
