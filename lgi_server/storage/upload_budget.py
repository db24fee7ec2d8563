"""What one request may write on its way into a repository, asked for while it comes."""

from typing import IO

from lgi_server.storage.pending_uploads import PendingUploads
from lgi_server.storage.quota import Room

# The files of all requests are looked at once in so many bytes of one.
STEP = 256 * 1024


class UploadBudget:
    """The bytes of one request: counted for its account, and against what its repository may hold."""

    def __init__(self, pending: PendingUploads, account: str, repository: str = "") -> None:
        """Create the budget of a request that brings files for ``repository``, or for new ones."""
        self._pending = pending
        self._account = account
        self._repository = repository
        self._room: Room | None = None
        self._replaced = ""
        self._left = 0

    def limit(self, room: Room, name: str) -> None:
        """Have what is on its way into the repository fit into it; a file of this name is replaced."""
        self._room, self._replaced = room, name

    def new_file(self) -> IO[bytes]:
        """Return a new empty file in the incoming directory; its path is its ``name``."""
        return self._pending.new_file(self._account, self._repository)

    def announce(self, size: int) -> None:
        """Check all bytes that are to come, before the first one does; errors as `spend`."""
        self._pending.check_free(size)
        self._check(size)

    def spend(self, size: int) -> None:
        """Check the next bytes before they are written.

        Raises StorageFullError when the disk has no room, or the account no more of it, and LGIError UPLOAD
        when the repository has none.
        """
        self._pending.check_free(size)
        self._left -= size
        if self._left < 0:
            self._check(size)
            self._left = STEP

    def _check(self, size: int) -> None:
        self._pending.check_account(self._account, size)
        if self._room is not None:
            _, there = self._pending.sizes(self._account, self._repository)
            self._room.check_pending(self._replaced, there + size)
