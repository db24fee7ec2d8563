"""Asks servers for the jobs of answers that were lost: of this daemon, or of one before that was killed.

Otherwise a daemon that takes no more jobs would leave jobs behind that are its own at their servers.
"""

from functools import partial

from lgi_daemon.claiming.fetcher import JobFetcher
from lgi_daemon.jobs.worker_pool import KeyedWorkerPool
from lgi_daemon.loop.held_exchanges import HeldExchanges
from lgi_daemon.rundir.reference_pool import ReferencePool

# A daemon that takes no more jobs ends without an answer after so many attempts.
MAX_ATTEMPTS = 3
# Seconds after an attempt in vain.
RETRY_SECONDS = 10.0
# A held exchange that was cut off is made anew with the same references, which asks for them too.
GRACE_SECONDS = 1.0


class LostAnswers:
    """The servers that may have given jobs in an answer that did not arrive."""

    def __init__(
        self,
        held_exchanges: HeldExchanges,
        fetcher: JobFetcher,
        references: ReferencePool,
        server_workers: KeyedWorkerPool,
    ) -> None:
        """Ask in ``server_workers`` for what no held exchange asks for."""
        self._fetcher = fetcher
        self._references = references
        self._held_exchanges = held_exchanges
        self._server_workers = server_workers
        self._attempts: dict[tuple[str, str], int] = {}
        self._not_before: dict[tuple[str, str], float] = {}
        # Since when the references of each server are doubtful.
        self._since: dict[tuple[str, str], float] = {}

    @property
    def pending(self) -> bool:
        """Whether a server is still to be asked."""
        return any(
            self._attempts.get(place, 0) < MAX_ATTEMPTS for place in self._references.doubtful_places()
        )

    def tick(self) -> None:
        """Ask the servers that may be called now; a sign-up of the work cycle is waited for."""
        exchange_servers, now = self._fetcher.sessions.exchange_servers, self._fetcher.servers.clock.now
        places = self._references.doubtful_places()
        self._since = {place: self._since.get(place, now) for place in places}
        for project, server in places:
            if self._is_covered(project, server, now):
                continue
            is_known = exchange_servers.is_known(project, server)
            is_due = now >= self._not_before.get((project, server), now) and self._fetcher.servers.open(
                server
            )
            if is_due and (is_known or self._fetcher.stopping()):
                task = partial(self._ask, project, server)
                self._server_workers.submit(("exchange", project, server), task)

    def _is_covered(self, project: str, server: str, now: float) -> bool:
        """Return whether a held exchange asks a server, or will in a moment; none is made without room."""
        if self._fetcher.stopping() or not self._held_exchanges.has_begun(project, server):
            return False
        doubtful = self._references.doubtful(project, server)
        is_held = self._held_exchanges.asks_for(project, server, doubtful)
        return is_held or now < self._since[project, server] + GRACE_SECONDS

    def _ask(self, project: str, server: str) -> None:
        place, exchange_servers = (project, server), self._fetcher.sessions.exchange_servers
        is_reached = self._held_exchanges.rounds.run(project, server, seeks_jobs=True)
        if is_reached and exchange_servers.announcement(project, server) is None:
            # Where there are no exchanges any more the server queues such jobs itself.
            self._references.drop(project, server)
        if place in self._references.doubtful_places():
            self._attempts[place] = self._attempts.get(place, 0) + 1
            self._not_before[place] = self._fetcher.servers.clock.now + RETRY_SECONDS
        else:
            self._attempts.pop(place, None)
            self._not_before.pop(place, None)
