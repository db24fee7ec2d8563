"""Everything a running project server is made of, put together once from its configuration."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lgi_server.api.responses import ResponseBuilder
from lgi_server.auth import job_ca, trusted_proxy
from lgi_server.auth.client_certificate import TrustConfig
from lgi_server.auth.crl import Revocation
from lgi_server.background.concurrency_limiter import ConcurrencyLimiter
from lgi_server.background.long_poll_jobs import JobLongPolls, KnownJobState
from lgi_server.background.long_poll_lists import ListLongPolls
from lgi_server.background.long_poll_work import LongPollCall, WorkLongPolls
from lgi_server.background.metrics import Metrics
from lgi_server.background.timestamp_batcher import TimestampBatcher
from lgi_server.config.model import Config
from lgi_server.db import open_database
from lgi_server.db.database import Database
from lgi_server.services.access.resource_cache import ResourceCache
from lgi_server.storage.base import Limits, Store
from lgi_server.storage.local import Repositories
from lgi_server.storage.remote import RemoteRepositories


@dataclass(frozen=True)
class Runtime:
    """The parts; nothing is connected before the first call.

    ``store`` is what this server serves itself, and where uploads arrive; ``repositories`` is where the jobs
    have theirs, which is the same unless another host keeps them.
    """

    config: Config
    databases: Mapping[str, Database]
    answers: Mapping[str, ResponseBuilder]
    touches: Mapping[str, TimestampBatcher]
    directories: Mapping[str, ResourceCache]
    waiting: Mapping[str, WorkLongPolls]
    job_waiting: Mapping[str, JobLongPolls]
    list_waiting: Mapping[str, ListLongPolls]
    crowd: ConcurrencyLimiter
    store: Repositories
    repositories: Store
    trust: TrustConfig
    metrics: Metrics

    def wait(self, nothing: LongPollCall, seconds: float, has_gone: Callable[[], bool]) -> bool:
        """Whether there may be an answer now to a call that found nothing; at the latest after so long."""
        if isinstance(nothing.wish, KnownJobState):
            return self.job_waiting[nothing.project].wait(nothing.wish, seconds, has_gone)
        return self.waiting[nothing.project].wait(nothing.wish, seconds, has_gone)

    def end_waiting(self) -> None:
        """Let everybody go who waits: the worker is to end."""
        for name in self.databases:
            self.waiting[name].end()
            self.job_waiting[name].end()
            self.list_waiting[name].end()


def build_runtime(config: Config) -> Runtime:
    """The server of a configuration. Raises ValueError or OSError for a file that cannot be used."""
    store = Repositories(
        config.repository, config.max_file_size, config.max_repository_size, f"{config.url}/repository"
    )
    repositories: Store = store
    if config.remote:
        limits = Limits(config.max_file_size, config.max_repository_size)
        control = config.repository / ".ssh"
        repositories = RemoteRepositories(config.remote, limits, store.incoming, control)
    store.forget_stale(time.time())
    databases = {name: open_database(project.database) for name, project in config.projects.items()}
    return Runtime(
        config=config,
        databases=databases,
        answers={
            name: ResponseBuilder(config, project, repositories) for name, project in config.projects.items()
        },
        touches={name: TimestampBatcher(database) for name, database in databases.items()},
        directories={name: ResourceCache(config.remember) for name in databases},
        waiting={
            name: WorkLongPolls(database, there_are=config.projects[name].licences)
            for name, database in databases.items()
        },
        job_waiting={name: JobLongPolls(database) for name, database in databases.items()},
        list_waiting={name: ListLongPolls(database) for name, database in databases.items()},
        crowd=ConcurrencyLimiter(config.requests_at_once),
        store=store,
        repositories=repositories,
        trust=_trust(config),
        metrics=Metrics(),
    )


def _trust(config: Config) -> TrustConfig:
    jobs = job_ca.load_or_create(config)
    revocation = Revocation(config.crl, config.ca_certificate)
    return TrustConfig(
        revocation, jobs, trusted_proxy.from_config(config, jobs) if config.front_end_header else None
    )
