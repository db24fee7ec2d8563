"""The work cycle: asks every server of every project for jobs this resource may take."""

import logging
import random
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from lgi_daemon import acceptance
from lgi_daemon.acceptance import Offered
from lgi_daemon.configuration import Application, Configuration, Project
from lgi_daemon.jobs import Jobs
from lgi_daemon.limits import Level, full_level, owners_wanted, refusal
from lgi_daemon.reports import unlock
from lgi_daemon.run_directory import RunDirectory
from lgi_daemon.scripts import NoAnswer, Place, Scripts
from lgi_daemon.servers import NotNow, Round, Servers
from lgi_protocol.client import Unreachable, is_safe
from lgi_protocol.errors import ServerError
from lgi_protocol.resource_api import ResourceCalls, SignUp, is_job_id

log = logging.getLogger(__name__)

_One = TypeVar("_One")
PAGES = 16
# Of one project: a sign-up answer cannot send the daemon around for ever.
MOST_SERVERS = 64


class Work:
    """Fetches jobs for one configuration; jobs taken are added to ``jobs``."""

    def __init__(
        self,
        configuration: Configuration,
        run: RunDirectory,
        jobs: Jobs,
        servers: Servers,
        scripts: Scripts,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        """Nothing is asked before `cycle`."""
        self.configuration = configuration
        self.run = run
        self.jobs = jobs
        self.servers = servers
        self.scripts = scripts
        self.stopping = stopping
        # Whether jobs wait, or may wait, that the last cycle had no room for.
        self.left_some = False

    def cycle(self, now: float) -> int:
        """Ask for work everywhere once; how many jobs were taken. A dead server holds up no other."""
        before = len(self.jobs)
        self.left_some = False
        for project in _from_anywhere(self.configuration.projects):
            self._project(project, now)
        return len(self.jobs) - before

    def _project(self, project: Project, now: float) -> None:
        """The master first, which knows the other servers of the project, then those."""
        servers = [project.master_server]
        for server in servers:
            if self.stopping() or self._is_full(project):
                return
            with Round(self.servers, now) as round_:
                try:
                    with self.servers.watching(server, now):
                        calls, told = round_.session(project.name, server, project.capabilities)
                        # As LGI: slaves in reverse order, the reported master last.
                        listed = (*reversed(told.slave_servers), told.master_server)
                        servers += _new(listed, servers)
                        self._server(project, server, calls, told)
                except NotNow as reason:
                    log.debug("%s", reason)
                except ServerError as error:
                    log.warning("%s gives no work for project %s: %s", server, project.name, error)
                except Unreachable as error:
                    log.debug("%s: %s", server, error.reason)
                except OSError as error:
                    log.critical(
                        "no more work is taken from %s: the disk does not take it: %s", server, error
                    )
                except (ArithmeticError, AttributeError, LookupError, TypeError):
                    # The other servers are asked all the same.
                    log.critical("a mistake in the daemon with %s, please report it", server, exc_info=True)

    def _is_full(self, project: Project) -> bool:
        everywhere, here = self._levels(project, project.applications[0])[:2]
        full = full_level((everywhere, here))
        if full:
            self.left_some = True
            log.debug("no work is asked for: %s is full", full)
        return bool(full)

    def _server(self, project: Project, server: str, calls: ResourceCalls, told: SignUp) -> None:
        for application in _from_anywhere(project.applications):
            full = full_level(self._levels(project, application))
            if self.stopping():
                return
            if full:
                self.left_some = True
                log.debug("no %s is asked for: %s is full", application.name, full)
            elif self._system_allows(application):
                self._application(project, application, server, calls, told)

    def _system_allows(self, application: Application) -> bool:
        """What check_system_limits_script says, in the run directory."""
        # As LGI: it runs as the daemon's own user; only the administrator can change it.
        script = application.check_system_limits_script
        try:
            status = self.scripts.status(script, Place(self.run.path))
        except NoAnswer as error:
            log.warning("no %s is asked for: %s", application.name, error)
            return False
        if status != 0:
            log.debug("no %s is asked for: %s answered %d", application.name, script.name, status)
        return status == 0

    def _application(
        self, project: Project, application: Application, server: str, calls: ResourceCalls, told: SignUp
    ) -> None:
        """Page after page while many jobs are offered and none is taken."""
        limit = min(256, max(32, 4 * application.rules.job_limit))
        for page in range(PAGES):
            owners = owners_wanted(self._levels(project, application))
            offer = calls.request_work(application.name, page * limit, limit, owners)
            log.debug("%s offers %d jobs of %s", server, len(offer.jobs), application.name)
            taken = 0
            for job in offer.jobs:
                offered = Offered(
                    told=job,
                    project=project,
                    application=application,
                    server=server,
                    master_server=told.master_server or project.master_server,
                    resource=offer.resource,
                    max_field_size=told.max_field_size,
                )
                taken += self._consider(offered, calls)
            if taken or len(offer.jobs) <= limit // 2 or self.stopping():
                return

    def _consider(self, offer: Offered, calls: ResourceCalls) -> bool:
        """Take one offered job or not, and unlock it either way."""
        try:
            if not is_job_id(offer.told.job_id):
                log.warning("%s offers a job without a number: %.100r", offer.server, offer.told.job_id)
                return False
            why_not = refusal(self._levels(offer.project, offer.application), offer.told.owners)
            if why_not or self.stopping():
                self.left_some = True
                log.debug("job %s is not taken: %s", offer.told.job_id, why_not or "the daemon stops")
                return False
            return self._take(offer, calls)
        finally:
            if offer.told.job_id:
                unlock(calls, offer.told.job_id)

    def _take(self, offer: Offered, calls: ResourceCalls) -> bool:
        uids = [job.record.uid for job in self.jobs]
        # One that others are to share, now or later, is no job's own.
        uids += [one.sandbox_uid for each in self.configuration.projects for one in each.applications]
        job = acceptance.prepare(offer, self.configuration, self.run, self.scripts, uids)
        if job is None:
            return False
        self.jobs.add(job)
        taken = acceptance.claim(job, offer.resource, calls)
        if not taken:
            self.jobs.forget(job)
        return taken

    def _levels(self, project: Project, application: Application) -> tuple[Level, Level, Level]:
        """The three levels as full as they are now."""
        records = [job.record for job in self.jobs]
        here = [one for one in records if one.project == project.name]
        same = [one for one in here if one.application == application.name]
        return (
            Level("the resource", self.configuration.rules, tuple(one.owners for one in records)),
            Level(f"project {project.name}", project.rules, tuple(one.owners for one in here)),
            Level(f"application {application.name}", application.rules, tuple(one.owners for one in same)),
        )


def _from_anywhere(things: Sequence[_One]) -> Iterator[_One]:
    """All things once, from a random one on, so that none is always first."""
    start = random.randrange(len(things))  # noqa: S311 - fairness, not a secret
    yield from things[start:]
    yield from things[:start]


def _new(listed: Sequence[str], known: Sequence[str]) -> list[str]:
    """The servers of a list that are not known yet, each once: none without TLS, and not too many."""
    trimmed = [server.rstrip("/") for server in listed]
    found = [one for one in dict.fromkeys(trimmed) if one and one not in known]
    safe = [one for one in found if is_safe(one)]
    room = max(0, MOST_SERVERS - len(known))
    if len(found) > len(safe[:room]):
        log.warning(
            "%d servers of a list are not asked: no https://, or too many", len(found) - len(safe[:room])
        )
    return safe[:room]
