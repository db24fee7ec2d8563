"""Everything a running project server is made of, put together once from its configuration."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lgi_server.api.responses import Answers
from lgi_server.auth import job_ca, trusted_proxy
from lgi_server.auth.client_certificate import Trust
from lgi_server.auth.crl import Revocation
from lgi_server.background.concurrency_limiter import Crowd
from lgi_server.background.long_poll_jobs import JobWaiting, Known
from lgi_server.background.long_poll_lists import ListWaiting
from lgi_server.background.long_poll_work import Nothing, Waiting
from lgi_server.background.metrics import Metrics
from lgi_server.background.timestamp_batcher import Touches
from lgi_server.config.model import Config
from lgi_server.db import open_database
from lgi_server.db.database import Database
from lgi_server.services.access.resource_cache import Directory
from lgi_server.storage.base import Limits, Store
from lgi_server.storage.local import Repositories
from lgi_server.storage.remote import RemoteRepositories


@dataclass(frozen=True)
class Server:
    """The parts; nothing is connected before the first call.

    ``store`` is what this server serves itself, and where uploads arrive; ``repositories`` is where the jobs
    have theirs, which is the same unless another host keeps them.
    """

    config: Config
    databases: Mapping[str, Database]
    answers: Mapping[str, Answers]
    touches: Mapping[str, Touches]
    directories: Mapping[str, Directory]
    waiting: Mapping[str, Waiting]
    job_waiting: Mapping[str, JobWaiting]
    list_waiting: Mapping[str, ListWaiting]
    crowd: Crowd
    store: Repositories
    repositories: Store
    trust: Trust
    metrics: Metrics

    def wait(self, nothing: Nothing, seconds: float, has_gone: Callable[[], bool]) -> bool:
        """Whether there may be an answer now to a call that found nothing; at the latest after so long."""
        if isinstance(nothing.wish, Known):
            return self.job_waiting[nothing.project].wait(nothing.wish, seconds, has_gone)
        return self.waiting[nothing.project].wait(nothing.wish, seconds, has_gone)

    def end_waiting(self) -> None:
        """Let everybody go who waits: the worker is to end."""
        for name in self.databases:
            self.waiting[name].end()
            self.job_waiting[name].end()
            self.list_waiting[name].end()


def assemble(config: Config) -> Server:
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
    return Server(
        config=config,
        databases=databases,
        answers={name: Answers(config, project, repositories) for name, project in config.projects.items()},
        touches={name: Touches(database) for name, database in databases.items()},
        directories={name: Directory(config.remember) for name in databases},
        waiting={
            name: Waiting(database, there_are=config.projects[name].licences)
            for name, database in databases.items()
        },
        job_waiting={name: JobWaiting(database) for name, database in databases.items()},
        list_waiting={name: ListWaiting(database) for name, database in databases.items()},
        crowd=Crowd(config.requests_at_once),
        store=store,
        repositories=repositories,
        trust=_trust(config),
        metrics=Metrics(),
    )


def _trust(config: Config) -> Trust:
    jobs = job_ca.of(config)
    revocation = Revocation(config.crl, config.ca_certificate)
    return Trust(revocation, jobs, trusted_proxy.of(config, jobs) if config.front_end_header else None)
