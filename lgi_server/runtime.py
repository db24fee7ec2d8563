"""The parts of a running project server, created once from its configuration."""

import socket
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.auth import job_ca, trusted_proxy
from lgi_server.auth.client_certificate import ClientCertificate, TrustConfig
from lgi_server.auth.crl import Revocation
from lgi_server.auth.job_certificate import JobCertificate
from lgi_server.background import descriptors
from lgi_server.background.concurrency_limiter import ConcurrencyLimiter
from lgi_server.background.heartbeat import Heartbeat
from lgi_server.background.job_connections import JobConnections
from lgi_server.background.known_restoration import KnownRestoration
from lgi_server.background.long_poll import LongPoll
from lgi_server.background.long_poll_attach import AttachLongPolls, AttachSubscription
from lgi_server.background.long_poll_users import KnownJobState, UserLongPolls
from lgi_server.background.long_poll_work import WorkLongPolls
from lgi_server.background.machine_states import MachineStates
from lgi_server.background.metrics import Metrics
from lgi_server.background.notices import JobNotice, Notices
from lgi_server.background.timestamp_batcher import TimestampBatcher
from lgi_server.background.waiting_resources import WaitingResources, WaitingRows, worker_slots
from lgi_server.background.work_subscription import WorkSubscription
from lgi_server.config.model import Config, ProjectConfig
from lgi_server.db import open_database
from lgi_server.db.pool import Database
from lgi_server.services.access import job_principals
from lgi_server.services.access.daemons import DaemonRecorder
from lgi_server.services.access.repositories import RepositoryAccess
from lgi_server.services.access.resource_cache import ResourceCache
from lgi_server.storage import stores
from lgi_server.storage.local import Repositories
from lgi_server.storage.repository import Store


@dataclass(frozen=True)
class ProjectRuntime:
    """The parts of one worker for one project."""

    name: str
    server_name: str
    attach: bool
    licences: Mapping[str, int]
    settings: ProjectConfig
    database: Database
    timestamps: TimestampBatcher
    machines: MachineStates
    resources: ResourceCache
    daemons: DaemonRecorder
    restoration: KnownRestoration
    work_polls: WorkLongPolls
    user_polls: UserLongPolls
    attach_polls: AttachLongPolls

    def long_poll(
        self, subscription: WorkSubscription | KnownJobState | AttachSubscription, seconds: float
    ) -> LongPoll:
        """Return the long poll of a call that waits for a subscription."""
        if isinstance(subscription, WorkSubscription):
            answered = partial(self.work_polls.answered, subscription)
            return LongPoll(partial(self.work_polls.wait, subscription), seconds, answered)
        if isinstance(subscription, AttachSubscription):
            return LongPoll(partial(self.attach_polls.wait, subscription), seconds)
        return LongPoll(partial(self.user_polls.wait, subscription), seconds)

    def changed(self, notices: Sequence[JobNotice]) -> None:
        """Serve the waits for these changed jobs."""
        self.work_polls.changed(notices)
        self.user_polls.changed(notices)
        self.attach_polls.changed(notices)

    def end_long_polls(self) -> None:
        """End all waits of this project."""
        self.work_polls.end()
        self.user_polls.end()
        self.attach_polls.end()


@dataclass(frozen=True)
class Runtime:
    """The parts of one worker; nothing is connected before the first call.

    ``store`` has the repositories that this server serves, and the incoming directory. ``repositories`` has
    those of jobs: it is the same store, unless they are on another host. The limiters count calls, large
    ``bodies`` while they are received, and ``transfers``: the requests of repositories, each with an open
    file.
    """

    config: Config
    projects: Mapping[str, ProjectRuntime]
    limiter: ConcurrencyLimiter
    job_limiter: ConcurrencyLimiter
    job_connections: JobConnections
    bodies: ConcurrencyLimiter
    transfers: ConcurrencyLimiter
    store: Repositories
    repositories: Store
    trust: TrustConfig
    metrics: Metrics
    notices: Notices

    @property
    def databases(self) -> Mapping[str, Database]:
        """The database of each project."""
        return {name: project.database for name, project in self.projects.items()}

    def repository_access(
        self, who: ClientCertificate | JobCertificate, now: float, groups: tuple[str, ...] = ()
    ) -> RepositoryAccess:
        """Return the rights of a caller on repositories; LGIError CERTIFICATE, PROJECT_REFUSED for a job."""
        return RepositoryAccess(
            who, now, groups, config=self.config, databases=self.databases, trust=self.trust, store=self.store
        )

    def start_heartbeats(self) -> None:
        """Tell each project from now on that this server can be reached: the worker has started."""
        # As the server is known on this machine: its workers write one row.
        server = f"{socket.gethostname()} {self.config.listen}"[:255]
        for database in self.databases.values():
            Heartbeat(database, server).start()

    def take_slot(self, slot: int) -> None:
        """Let the other workers of the server know which resources wait in this one, which has a slot."""
        for project in self.projects.values():
            project.work_polls.resources.slot = slot

    def free_slot(self, slot: int) -> None:
        """Forget which resources have waited in a worker that has ended."""
        for project in self.projects.values():
            project.work_polls.resources.free(slot)

    def end_long_polls(self) -> None:
        """End all waits: the worker stops."""
        for project in self.projects.values():
            project.end_long_polls()


def build_runtime(config: Config) -> Runtime:
    """Return the parts of a server; ValueError or OSError for a file that cannot be used."""
    store = stores.server_store(config)
    store.pending.remove_stale(time.time())
    projects = {name: _project(project, config) for name, project in config.projects.items()}
    trust = _trust(config)
    return Runtime(
        config=config,
        projects=projects,
        limiter=ConcurrencyLimiter(config.requests_at_once),
        job_limiter=ConcurrencyLimiter(max(1, config.requests_at_once // 2)),
        job_connections=JobConnections(partial(_runs, projects, trust)),
        bodies=ConcurrencyLimiter(config.requests_at_once),
        transfers=ConcurrencyLimiter(descriptors.budget(config.requests_at_once).transfers),
        store=store,
        repositories=stores.of_repositories(config, store),
        trust=trust,
        metrics=Metrics(),
        notices=_notices(projects.values()),
    )


def _project(project: ProjectConfig, config: Config) -> ProjectRuntime:
    database = open_database(project.database)
    return ProjectRuntime(
        name=project.name,
        server_name=project.server_name,
        attach=project.attach,
        licences=project.licences,
        settings=project,
        database=database,
        timestamps=TimestampBatcher(database),
        machines=MachineStates(database),
        resources=ResourceCache(config.remember),
        daemons=DaemonRecorder(),
        restoration=KnownRestoration(),
        work_polls=WorkLongPolls(
            database,
            totals=project.licences,
            resources=WaitingResources(WaitingRows(worker_slots(config.workers))),
            most_running=project.max_running_jobs,
        ),
        user_polls=UserLongPolls(database),
        attach_polls=AttachLongPolls(database),
    )


def _notices(projects: Iterable[ProjectRuntime]) -> Notices:
    notices = Notices()
    for project in projects:
        notices.add(project.name, project.database, project.changed)
    return notices


def _runs(projects: Mapping[str, ProjectRuntime], trust: TrustConfig, who: JobCertificate) -> bool:
    """Return whether a job still is what its certificate says; LGIError BACK_OFF or DATABASE if unknown."""
    work = partial(job_principals.authenticate_job, who=who, trust=trust, now=time.time())
    try:
        projects[who.job.project].database.run(work, write=False)
    except LGIError as refused:
        if refused.number == ErrorNumber.CERTIFICATE:
            return False
        raise
    except KeyError:
        return False
    return True


def _trust(config: Config) -> TrustConfig:
    jobs = job_ca.load_or_create(config)
    revocation = Revocation(config.crl, config.ca_certificate)
    return TrustConfig(
        revocation, jobs, trusted_proxy.from_config(config, jobs) if config.front_end_header else None
    )
