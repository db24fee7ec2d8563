"""The work cycle: when to fetch jobs from which servers: the master of each project, then those it names."""

import logging
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from threading import Lock

from lgi_daemon.claiming.fetcher import JobFetcher, rotated
from lgi_daemon.config.model import ProjectSettings
from lgi_daemon.files.disk_space import DiskSpace
from lgi_daemon.jobs.worker_pool import KeyedWorkerPool
from lgi_daemon.servers.clock import Clock
from lgi_protocol.client import is_https

log = logging.getLogger(__name__)

# Per project: a sign-up answer cannot send the daemon to servers without end.
MAX_SERVERS = 64
# A server belongs to a project no more when the master has answered this many cycles without naming it.
MAX_CYCLES_UNNAMED = 2


class WorkCycle:
    """Runs one cycle after the other; in each all servers are asked at the same time, each once."""

    def __init__(
        self,
        clock: Clock,
        fetcher: JobFetcher,
        *,
        fast: float,
        slow: float,
        server_workers: KeyedWorkerPool,
        disk: DiskSpace,
    ) -> None:
        """Run a cycle every ``slow`` seconds, and ``fast`` seconds after a job was claimed or has ended."""
        self.clock = clock
        self.fast = fast
        self.slow = slow
        # In the seconds of the clock.
        self.due_at = 0.0
        self._fetcher = fetcher
        self._server_workers = server_workers
        self._disk = disk
        self._guard = Lock()
        # The servers of each project that were asked in this cycle.
        self._asked: dict[str, list[str]] = {}
        # The number of this cycle; of the last one in which a project's master answered; per project and
        # server of the last one in which the server was named.
        self._number = 0
        self._answered: dict[str, int] = {}
        self._named: dict[str, dict[str, int]] = {}
        # Per project the servers that could not be asked: they are once they may be called again.
        self._unanswered: dict[str, set[str]] = defaultdict(set)
        # The projects whose last list of servers was too long or unsafe.
        self._warned: set[str] = set()

    def run_due(self) -> None:
        """Begin a cycle that is due, unless there is no space for more jobs on the disk."""
        if self._fetcher.stopping():
            return
        if self.clock.now < self.due_at:
            self._ask_unanswered()
            return
        # First: after an error here the jobs must be served before it can occur again.
        self.due_at = self.clock.now + self.slow
        self._fetcher.claimed_any = self._fetcher.skipped_any = False
        if not self._disk.has_space():
            self.due_at = self._at_most_fast()
        else:
            self._number += 1
            self._unanswered.clear()
            for project in rotated(self._fetcher.configuration.projects):
                self._asked[project.name] = []
                self._ask(project, [project.master_server])

    def _ask_unanswered(self) -> None:
        """Fetch from the servers that could not be asked in this cycle and may be called again."""
        for project in self._fetcher.configuration.projects:
            for server in sorted(self._unanswered[project.name]):
                if self._fetcher.servers.open(server) and self.fetch_from(project, server):
                    self._unanswered[project.name].discard(server)

    def slot_freed(self) -> None:
        """Fetch jobs at once that were skipped for lack of capacity, since a job has ended.

        As LGI: otherwise the next cycle runs after ``fast`` seconds.
        """
        self.due_at = self.clock.now if self._fetcher.skipped_any else self._at_most_fast()

    def fetch_from(self, project: ProjectSettings, server: str) -> bool:
        """Fetch from one server outside of a cycle; return False while a fetch from it is under way."""
        if not self._disk.has_space():
            return True
        return self._submit(project, server)

    def is_project_server(self, project: str, server: str) -> bool:
        """Return whether a server is the master of a project, or was named in one of the last answers."""
        with self._guard:
            named = self._named.get(project, {}).get(server)
            return named is not None and self._answered.get(project, 0) - named < MAX_CYCLES_UNNAMED

    def _at_most_fast(self) -> float:
        return min(self.due_at, self.clock.now + self.fast)

    def _submit(self, project: ProjectSettings, server: str) -> bool:
        key = ("work", project.name, server)
        return self._server_workers.submit(key, partial(self._fetch, project, server))

    def _ask(self, project: ProjectSettings, servers: Sequence[str]) -> None:
        """Fetch from those servers of a project that were not asked yet in this cycle."""
        with self._guard:
            asked = self._asked[project.name]
            new, ignored = _new_servers(servers, asked)
            asked += new
            self._record_named(project.name, servers, asked)
            is_news = ignored > 0 and project.name not in self._warned
            self._warned = self._warned | {project.name} if ignored else self._warned
        if is_news:
            log.warning(
                "project %s: ignoring %d servers of a list: not https://, or more than %d",
                project.name,
                ignored,
                MAX_SERVERS,
            )
        for server in new:
            self._submit(project, server)

    def _record_named(self, project: str, servers: Sequence[str], asked: Sequence[str]) -> None:
        """Record which servers were named, and forget those of older cycles."""
        oldest = self._answered.get(project, 0) - MAX_CYCLES_UNNAMED
        recent = {server: cycle for server, cycle in self._named.get(project, {}).items() if cycle > oldest}
        named = {server.rstrip("/") for server in servers} & set(asked)
        self._named[project] = recent | dict.fromkeys(named, self._number)

    def _servers_named(self, project: ProjectSettings, server: str, servers: Sequence[str]) -> None:
        """Handle the servers that the answer of a server has named."""
        if server == project.master_server.rstrip("/"):
            self._answered[project.name] = self._number
        self._ask(project, servers)

    def _fetch(self, project: ProjectSettings, server: str) -> None:
        if not self._fetcher.fetch(project, server, partial(self._servers_named, project, server)):
            self._unanswered[project.name].add(server)
        if self._fetcher.claimed_any:
            self.due_at = self._at_most_fast()


def _new_servers(listed: Sequence[str], known: Sequence[str]) -> tuple[list[str], int]:
    """Return the servers of a list that are not known yet, each once, and how many others were ignored.

    Ignored are those without TLS, and those beyond `MAX_SERVERS`.
    """
    trimmed = [server.rstrip("/") for server in listed]
    unknown = [one for one in dict.fromkeys(trimmed) if one and one not in known]
    safe = [one for one in unknown if is_https(one)]
    new = safe[: max(0, MAX_SERVERS - len(known))]
    return new, len(unknown) - len(new)
