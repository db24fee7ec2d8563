"""A file as a part of a form; it is opened when it is read, so that many files can be sent in one form."""

import os
from pathlib import Path
from typing import IO


class UploadError(Exception):
    """A file could not be read completely while it was sent; ``error`` is the OSError."""

    def __init__(self, error: OSError) -> None:
        """Set the error of the system call."""
        super().__init__(str(error))
        self.error = error


class Upload:
    """The content of a file up to its size at the start, since it may be growing.

    ``source`` is a path, or an open file without a name: it is read from its start and stays open.
    """

    def __init__(self, source: Path | IO[bytes]) -> None:
        """Record size and properties; raise OSError when the file cannot be opened."""
        self._source = source
        self._opened: IO[bytes] | None = None
        self.name = source.name if isinstance(source, Path) else "contents"
        with self._open() as opened:
            self.status = os.fstat(opened.fileno())
        # Bytes left to read; the name is required by requests-toolbelt.
        self.len = self.status.st_size

    def _open(self) -> IO[bytes]:
        if isinstance(self._source, Path):
            return self._source.open("rb")
        copy = os.fdopen(os.dup(self._source.fileno()), "rb")
        copy.seek(0)
        return copy

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes; raise UploadError, as an OSError would look like one of the connection."""
        amount = self.len if size < 0 else min(size, self.len)
        try:
            if self._opened is None:
                self._opened = self._open()
            block = self._opened.read(amount)
        except OSError as error:
            raise UploadError(error) from None
        if amount and not block:
            raise UploadError(OSError(None, "the file was truncated while it was read", str(self._source)))
        self.len -= len(block)
        if self.len == 0:
            self.close()
        return block

    def close(self) -> None:
        """Close the file, if it is open."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None
