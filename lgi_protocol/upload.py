"""A file as the part of a form: open while it is read, so that any number of files can be sent at once."""

import os
from pathlib import Path
from typing import BinaryIO


class UploadError(Exception):
    """A file could not be read to its end while it was sent. ``error`` says why, as OSError."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error


class Upload:
    """As many bytes of a file as it had at first: it may be growing. OSError when it cannot be opened.

    ``source`` is a path, or an open file that has none: it is read from its start and stays open.
    """

    def __init__(self, source: Path | BinaryIO) -> None:
        self._source = source
        self._opened: BinaryIO | None = None
        self.name = source.name if isinstance(source, Path) else "contents"
        with self._open() as opened:
            self.status = os.fstat(opened.fileno())
        # What is left to read; requests-toolbelt asks for it under this name.
        self.len = self.status.st_size

    def _open(self) -> BinaryIO:
        if isinstance(self._source, Path):
            return self._source.open("rb")
        copy = os.fdopen(os.dup(self._source.fileno()), "rb")
        copy.seek(0)
        return copy

    def read(self, size: int = -1) -> bytes:
        """The next bytes. UploadError, since an OSError would pass for one of the connection."""
        wanted = self.len if size < 0 else min(size, self.len)
        try:
            if self._opened is None:
                self._opened = self._open()
            block = self._opened.read(wanted)
        except OSError as error:
            raise UploadError(error) from None
        if wanted and not block:
            raise UploadError(OSError(None, "the file became shorter while it was read", str(self._source)))
        self.len -= len(block)
        if self.len == 0:
            self.close()
        return block

    def close(self) -> None:
        """Close the file, if it is open."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None
