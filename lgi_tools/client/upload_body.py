"""The body of an upload, streamed from a file."""

from collections.abc import Iterator
from typing import BinaryIO

from lgi_tools.client.progress import ProgressCallback, no_progress

CHUNK = 256 * 1024


class UnreadableError(Exception):
    """A file cannot be read to its end; the text gives the reason."""


class UploadBody:
    """A file of the size it had when it was opened, since it may be growing."""

    def __init__(self, opened: BinaryIO, size: int, watch: ProgressCallback = no_progress) -> None:
        """Send ``size`` bytes of an open file, and report the progress to ``watch``."""
        self._opened = opened
        self._watch = watch
        self._size = self._left = size

    def __len__(self) -> int:
        """Return the total number of bytes."""
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        """Yield the rest of the file in blocks."""
        while block := self.read(CHUNK):
            yield block

    def read(self, amount: int = -1) -> bytes:
        """Return the next bytes. Raises UnreadableError, also for a truncated file."""
        wanted = self._left if amount < 0 else min(amount, self._left)
        try:
            block = self._opened.read(wanted)
        except OSError as error:
            # An OSError would be taken for an error of the connection.
            raise UnreadableError((error.strerror or str(error)).lower()) from None
        self._left -= len(block)
        if wanted and not block:
            raise UnreadableError("the file was truncated while it was read")
        self._watch(self._size - self._left, self._size)
        return block
