"""The work cycle: when which servers are asked for work - the master of each project, then those it names."""

import logging
from collections.abc import Sequence
from functools import partial
from threading import Lock

from lgi_daemon.claiming.fetcher import JobFetcher, from_anywhere
from lgi_daemon.config.model import ProjectSettings
from lgi_daemon.files.disk_space import Disk
from lgi_daemon.jobs.worker_pool import KeyedWorkerPool
from lgi_daemon.servers.clock import Clock
from lgi_protocol.client import is_https

log = logging.getLogger(__name__)

# Of one project: a sign-up answer cannot send the daemon around for ever.
MOST_SERVERS = 64
# A server that its project's master answered without is not one of the project any more after so many tours.
FORGOTTEN_AFTER = 2


class WorkCycle:
    """Begins again and again; all servers are asked side by side, each once in a tour."""

    def __init__(
        self, clock: Clock, fast: float, slow: float, work: JobFetcher, callers: KeyedWorkerPool, disk: Disk
    ) -> None:
        """``slow`` seconds lie between two tours, ``fast`` when jobs were taken or have ended."""
        self.clock = clock
        self.fast = fast
        self.slow = slow
        # In the seconds of the clock.
        self.due_at = 0.0
        self._work = work
        self._callers = callers
        self._disk = disk
        self._guard = Lock()
        self._asked: dict[str, list[str]] = {}
        # Tours so far; in which of them each project's master has answered, and each server was named last.
        self._number = 0
        self._answered: dict[str, int] = {}
        self._named: dict[str, dict[str, int]] = {}
        # The projects whose list of servers was found too long or unsafe the last time.
        self._warned: set[str] = set()

    def hand_out(self) -> None:
        """Begin when it is time, unless the disk takes no more jobs."""
        if self._work.stopping() or self.clock.now < self.due_at:
            return
        # Noted first: what goes wrong here must not come again before the jobs had their turn.
        self.due_at = self.clock.now + self.slow
        self._work.took_some = self._work.left_some = False
        if not self._disk.takes_more():
            self.due_at = self._soon()
        else:
            self._number += 1
            for project in from_anywhere(self._work.configuration.projects):
                self._asked[project.name] = []
                self._ask(project, [project.master_server])

    def place_is_free(self) -> None:
        """Jobs known to wait for a place are asked for at once, others as by LGI."""
        self.due_at = self.clock.now if self._work.left_some else self._soon()

    def ask_again(self, project: ProjectSettings, server: str) -> bool:
        """Have one server asked outside of the tour; False while it is being asked already."""
        if not self._disk.takes_more():
            return True
        return self._callers.give(("work", project.name, server), partial(self._search, project, server))

    def names(self, project: str, server: str) -> bool:
        """Whether a server is one of a project: its master, or named in one of the last answers."""
        with self._guard:
            named = self._named.get(project, {}).get(server)
            return named is not None and self._answered.get(project, 0) - named < FORGOTTEN_AFTER

    def _soon(self) -> float:
        return min(self.due_at, self.clock.now + self.fast)

    def _ask(self, project: ProjectSettings, servers: Sequence[str]) -> None:
        """Have the servers of a project asked that were not yet in this tour."""
        with self._guard:
            asked = self._asked[project.name]
            fresh, left = _new(servers, asked)
            asked += fresh
            self._note(project.name, servers, asked)
            is_news = left > 0 and project.name not in self._warned
            self._warned = self._warned | {project.name} if left else self._warned
        if is_news:
            log.warning(
                "project %s: %d servers of a list are not asked: no https://, or more than %d",
                project.name,
                left,
                MOST_SERVERS,
            )
        for server in fresh:
            self._callers.give(("work", project.name, server), partial(self._search, project, server))

    def _note(self, project: str, servers: Sequence[str], asked: Sequence[str]) -> None:
        """Remember which servers were named, the last tours' ones only: a server may name others for ever."""
        oldest = self._answered.get(project, 0) - FORGOTTEN_AFTER
        kept = {server: tour for server, tour in self._named.get(project, {}).items() if tour > oldest}
        here = {server.rstrip("/") for server in servers} & set(asked)
        self._named[project] = kept | dict.fromkeys(here, self._number)

    def _found(self, project: ProjectSettings, server: str, servers: Sequence[str]) -> None:
        """A server has answered and named others."""
        if server == project.master_server.rstrip("/"):
            self._answered[project.name] = self._number
        self._ask(project, servers)

    def _search(self, project: ProjectSettings, server: str) -> None:
        self._work.search(project, server, partial(self._found, project, server))
        if self._work.took_some:
            self.due_at = self._soon()


def _new(listed: Sequence[str], known: Sequence[str]) -> tuple[list[str], int]:
    """The servers of a list that are not known yet, each once, and how many more there were.

    None without TLS, and not too many.
    """
    trimmed = [server.rstrip("/") for server in listed]
    found = [one for one in dict.fromkeys(trimmed) if one and one not in known]
    safe = [one for one in found if is_https(one)]
    fresh = safe[: max(0, MOST_SERVERS - len(known))]
    return fresh, len(found) - len(fresh)
