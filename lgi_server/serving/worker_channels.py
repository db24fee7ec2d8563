"""Messages between the workers of a server: a pair of sockets for each, made before the fork."""

import os
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress

# Bytes of a message.
LONGEST = 128 * 1024


class WorkerChannels:
    """The channels of all workers, by their slots in the table of loads."""

    def __init__(self, slots: int) -> None:
        """Create them before any fork."""
        self._pairs: list[tuple[int, int]] = []
        for _slot in range(slots):
            reader, writer = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
            writer.setblocking(False)
            # A worker makes sockets of its own of them: those of its parent belong to the parent's loop.
            self._pairs.append((reader.detach(), writer.detach()))

    def of_worker(self, slot: int, others: Callable[[], Iterable[int]]) -> "WorkerChannel":
        """Return the channel of the worker that has a slot; ``others`` returns the slots of the others."""
        return WorkerChannel(self._pairs[slot][0], [writer for _reader, writer in self._pairs], others)


class WorkerChannel:
    """The channel of one worker."""

    def __init__(self, reader: int, writers: list[int], others: Callable[[], Iterable[int]]) -> None:
        """Take the descriptors of all channels."""
        self._reader = socket.socket(fileno=reader)
        self._writers = writers
        self._others = others

    def send(self, message: bytes) -> None:
        """Send a message to the others; who does not receive what came before gets none."""
        for slot in self._others():
            with suppress(OSError):
                os.write(self._writers[slot], message)

    def receive(self) -> bytes:
        """Wait for a message. Raises OSError."""
        return self._reader.recv(LONGEST)
