"""Servers that were restored from a backup: each is told once the ends of jobs that it may have lost."""

import logging

from lgi_daemon.claiming.returned_jobs import ReturnedJobs
from lgi_daemon.rundir.end_journal import EndJournal
from lgi_protocol.exchange import ExchangeAnswer

log = logging.getLogger(__name__)

# Seconds between the clocks of a server and a daemon.
CLOCKS_DIFFER = 3600


class RestoredServers:
    """Which restorations servers have announced."""

    def __init__(self, ended: EndJournal, returned_jobs: ReturnedJobs) -> None:
        """Know of none; ends are from ``ended``, and reported by ``returned_jobs``."""
        self._ended, self._returned_jobs = ended, returned_jobs
        self._restored: dict[tuple[str, str], int] = {}

    def tell_ends(self, project: str, server: str, answer: ExchangeAnswer) -> None:
        """Report the ends of jobs again, once, to a server that was restored from an older backup."""
        if answer.restored_at and self._restored.get((project, server)) != answer.restored_at:
            self._restored[project, server] = answer.restored_at
            ends = self._ended.ends(project, server, answer.backup_made_at - CLOCKS_DIFFER)
            log.info("%s was restored from a backup: it is told %d ends again", server, len(ends))
            self._returned_jobs.tell_ends(project, server, ends)
