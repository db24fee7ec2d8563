"""The budget of one request for posted files, checked while they are received."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

from lgi_server.storage.pending_uploads import PendingUploads
from lgi_server.storage.quota import Quota

# The files of all requests are counted once in so many bytes of one.
STEP = 256 * 1024


class UploadBudget:
    """The bytes that a request may write, as disk, account and the quota of its repository allow."""

    def __init__(self, pending: PendingUploads, account: str, repository: str = "") -> None:
        """Create the budget of a request that posts files for ``repository``, or for new ones."""
        self._pending = pending
        self._account = account
        self._repository = repository
        self._quota: Quota | None = None
        self._replaced = ""
        self._left = 0

    def limit(self, quota: Quota, name: str) -> None:
        """Limit all pending files of the repository by its quota; a file with this name is replaced."""
        self._quota, self._replaced = quota, name

    def new_file(self) -> IO[bytes]:
        """Return a new empty file in the incoming directory; its path is its ``name``."""
        return self._pending.new_file(self._account, self._repository)

    @contextmanager
    def temporary_file(self) -> Iterator[IO[bytes]]:
        """Provide a new file, which is removed at the end of the block unless it was renamed."""
        opened = self.new_file()
        try:
            yield opened
        finally:
            opened.close()
            with suppress(FileNotFoundError):
                os.unlink(opened.name)

    def announce(self, size: int) -> None:
        """Check the size of the whole request before its first byte; errors as `spend`."""
        self._pending.check_free(size)
        self._check(size)

    def spend(self, size: int) -> None:
        """Check the next bytes before they are written.

        Raises StorageFullError when the disk or the share of the account is full, LGIError UPLOAD when the
        repository is.
        """
        self._pending.check_free(size)
        self._left -= size
        if self._left < 0:
            self._check(size)
            self._left = STEP

    def _check(self, size: int) -> None:
        self._pending.check_account(self._account, size)
        if self._quota is not None:
            _, there = self._pending.sizes(self._account, self._repository)
            self._quota.check_pending(self._replaced, there + size)
