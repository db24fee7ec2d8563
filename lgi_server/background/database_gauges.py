"""Gauges of the projects' databases: queried when metrics are collected, cached for some seconds."""

import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from lgi_protocol.errors import LGIError
from lgi_server.db.pool import Database
from lgi_server.db.transaction import Transaction
from lgi_server.tables import event_queue, statistics
from lgi_server.tables.statistics import LockHolder

log = logging.getLogger("lgi.metrics")
# The query reads a whole index of the queue: 40 ms with 100,000 jobs.
CACHE_SECONDS = 5.0


@dataclass(frozen=True)
class _Numbers:
    """The numbers of a project's database; ``up`` is 0 when it could not be reached."""

    jobs: list[tuple[str, str, int]] = field(default_factory=list)
    seen: Mapping[str, int] = field(default_factory=dict)
    drained: Mapping[str, int] = field(default_factory=dict)
    rows: Mapping[str, int] = field(default_factory=dict)
    holders: list[LockHolder] = field(default_factory=list)
    # Seconds by which the first event that is due has not been handled: without a scheduler it grows.
    delay: int = 0
    up: int = 0


class DatabaseGauges(Collector):
    """A Prometheus collector of numbers from the databases of all projects."""

    def __init__(self, databases: Mapping[str, Database]) -> None:
        """Create the collector; no database is queried before `collect`."""
        self._databases = databases
        self._numbers: dict[str, _Numbers] = {}
        self._queried = float("-inf")

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges of all projects; for an unreachable database only lgi_database_up, which is 0."""
        if time.monotonic() - self._queried > CACHE_SECONDS:
            self._numbers = {name: _query(name, database) for name, database in self._databases.items()}
            self._queried = time.monotonic()
        up = GaugeMetricFamily("lgi_database_up", "Whether a project's database answers", labels=["project"])
        jobs = GaugeMetricFamily("lgi_jobs", "Number of jobs", labels=["project", "application", "state"])
        seen = GaugeMetricFamily(
            "lgi_resources_seen", "Resources that have called within a period", labels=["project", "within"]
        )
        rows = {
            name: GaugeMetricFamily(f"lgi_{name}", f"Number of {name}", labels=["project"])
            for name in ("locks", "sessions")
        }
        holders = GaugeMetricFamily(
            "lgi_lock_holders", "Jobs that a resource has locked", labels=["project", "resource"]
        )
        oldest = GaugeMetricFamily(
            "lgi_lock_holders_since", "Time of its oldest lock", labels=["project", "resource"]
        )
        drained = GaugeMetricFamily(
            "lgi_resource_drained_since", "When a resource was drained", labels=["project", "resource"]
        )
        delay = GaugeMetricFamily(
            "lgi_scheduler_delay_seconds", "How late the scheduler is with its next task", labels=["project"]
        )
        for project, one in self._numbers.items():
            if one.up:
                delay.add_metric([project], one.delay)
            up.add_metric([project], one.up)
            for application, state, number in one.jobs:
                jobs.add_metric([project, application, state], number)
            for within, number in one.seen.items():
                seen.add_metric([project, within], number)
            for name, since in one.drained.items():
                drained.add_metric([project, name], since)
            for name, number in one.rows.items():
                rows[name].add_metric([project], number)
            for holder in one.holders:
                holders.add_metric([project, holder.resource_name], holder.jobs)
                oldest.add_metric([project, holder.resource_name], holder.since)
        yield from (up, jobs, seen, *rows.values(), holders, oldest, drained, delay)


def _query(project: str, database: Database) -> _Numbers:
    try:
        return database.run(partial(_read, int(time.time())), write=False)
    except LGIError as error:
        log.warning("cannot read the metrics of project %s: %s", project, error)
        return _Numbers()


def _read(now: int, transaction: Transaction) -> _Numbers:
    due = event_queue.due(transaction, now)
    return _Numbers(
        statistics.jobs(transaction),
        statistics.resources_seen(transaction, now),
        statistics.resources_drained(transaction),
        statistics.rows(transaction),
        statistics.lock_holders(transaction),
        now - min(due.values(), default=now),
        up=1,
    )
