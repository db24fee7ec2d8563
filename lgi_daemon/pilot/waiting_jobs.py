"""Counts the jobs that wait for the applications of a resource, at all servers of its projects."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from lgi_daemon.claiming.limits import Level, owners_filter
from lgi_daemon.config.model import ApplicationSettings, Configuration, ProjectSettings
from lgi_daemon.servers.connections import Connect
from lgi_protocol.errors import ServerError, TransportError
from lgi_protocol.resource_api import ResourceCalls
from lgi_protocol.sign_up import SignUp

log = logging.getLogger(__name__)
# A server may name others in its answer: no more of one project are asked.
MOST_SERVERS = 16
# No server has more: a number beyond it is as good as this one.
MOST_JOBS = 10**9
_LONGEST = 1000


@dataclass(frozen=True)
class WaitingJobs:
    """The jobs that wait for one application of a project, at all of its servers together."""

    project: str
    application: str
    number: int


@dataclass(frozen=True)
class WaitingCount:
    """The counts of all applications, and one line for each server that was not counted."""

    jobs: tuple[WaitingJobs, ...]
    problems: tuple[str, ...]

    @property
    def total(self) -> int:
        """The number of all waiting jobs."""
        return sum(one.number for one in self.jobs)


def count_waiting(configuration: Configuration, connect: Connect, announces: bool = False) -> WaitingCount:
    """Return how many jobs the servers would offer to this resource; nothing is locked there.

    With ``announces`` the servers get the capabilities of the configuration: they accept jobs only for
    applications that a resource offers, and without a pilot no daemon tells them.

    A server that does not answer counts as one without jobs, with its problem.
    """
    jobs: list[WaitingJobs] = []
    problems: list[str] = []
    for project in configuration.projects:
        counts = dict.fromkeys((one.name for one in project.applications), 0)
        servers = [project.master_server]
        # It grows while it is read, by the servers that an answer names.
        for server in servers:
            try:
                calls = connect(project.name, server)
                answer = calls.sign_up(project.capabilities if announces else "")
                _add_servers(answer, servers)
                _count_at(calls, project, configuration, counts)
            except (ServerError, TransportError, ValueError) as error:
                problem = f"{server} does not tell what waits in project {project.name}: {error}"
                # It is printed, and the server may have said anything.
                problems.append("".join(char if char.isprintable() else "?" for char in problem[:_LONGEST]))
        jobs += [WaitingJobs(project.name, name, number) for name, number in counts.items()]
    return WaitingCount(tuple(jobs), tuple(problems))


def _add_servers(answer: SignUp, servers: list[str]) -> None:
    for url in (answer.master_server, *answer.slave_servers):
        if url and url.rstrip("/") not in servers and len(servers) < MOST_SERVERS:
            servers.append(url.rstrip("/"))


def _count_at(
    calls: ResourceCalls, project: ProjectSettings, configuration: Configuration, counts: dict[str, int]
) -> None:
    """Add the jobs at one server to ``counts``, and end the session."""
    try:
        for application in project.applications:
            owners = owners_filter(_levels(configuration, project, application))
            counts[application.name] += min(calls.count_work(application.name, owners), MOST_JOBS)
    finally:
        _sign_off(calls)


def _levels(
    configuration: Configuration, project: ProjectSettings, application: ApplicationSettings
) -> Sequence[Level]:
    rules = (configuration.rules, project.rules, application.rules)
    return [Level("pilot", one, ()) for one in rules]


def _sign_off(calls: ResourceCalls) -> None:
    try:
        calls.sign_off()
    except (ServerError, TransportError) as error:
        # It has no locks, and ends by itself.
        log.debug("sign-off failed: %s", error)
