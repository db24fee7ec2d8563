"""When a project's database was restored from a backup, as daemons are told."""

from lgi_server.db.transaction import Transaction
from lgi_server.tables import restorations
from lgi_server.tables.restorations import RestoredBackup

# A daemon that did not hear of it for so long has forgotten the ends of its jobs.
ANNOUNCED_SECONDS = 7 * 86400


class KnownRestoration:
    """The restoration of one database, which a worker reads once: no server runs while it is restored."""

    def __init__(self) -> None:
        """Have read nothing yet."""
        self._backup: RestoredBackup | None = None
        self._is_read = False

    def recent(self, transaction: Transaction, now: int) -> RestoredBackup | None:
        """Return the backup that the database was restored from in the last days, None if there is none."""
        if not self._is_read:
            self._backup = restorations.backup_of(transaction)
            self._is_read = True
        backup = self._backup
        return backup if backup and now - backup.restored_at < ANNOUNCED_SECONDS else None
