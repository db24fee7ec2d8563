"""What is in the projects' databases, for metrics: asked when somebody looks, remembered for a moment."""

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
from lgi_server.tables import statistics
from lgi_server.tables.statistics import LockHolder

log = logging.getLogger("lgi.metrics")
# A look reads the whole queue's index: 40 ms with 100,000 jobs.
REMEMBER_SECONDS = 5.0


@dataclass(frozen=True)
class _Found:
    """What a project's database held."""

    jobs: list[tuple[str, str, int]] = field(default_factory=list)
    seen: Mapping[str, int] = field(default_factory=dict)
    rows: Mapping[str, int] = field(default_factory=dict)
    holders: list[LockHolder] = field(default_factory=list)
    up: int = 0


class DatabaseGauges(Collector):
    """Asks each project's database."""

    def __init__(self, databases: Mapping[str, Database]) -> None:
        """Nothing is asked before somebody collects."""
        self._databases = databases
        self._found: dict[str, _Found] = {}
        self._looked = float("-inf")

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges of all projects; of one whose database is away, only that."""
        if time.monotonic() - self._looked > REMEMBER_SECONDS:
            self._found = {name: _look(name, database) for name, database in self._databases.items()}
            self._looked = time.monotonic()
        found = self._found
        up = GaugeMetricFamily("lgi_database_up", "Whether a project's database answers", labels=["project"])
        jobs = GaugeMetricFamily("lgi_jobs", "Jobs there are", labels=["project", "application", "state"])
        seen = GaugeMetricFamily(
            "lgi_resources_seen", "Resources that have called within a time", labels=["project", "within"]
        )
        rows = {
            name: GaugeMetricFamily(f"lgi_{name}", f"The {name} there are", labels=["project"])
            for name in ("locks", "sessions")
        }
        holders = GaugeMetricFamily(
            "lgi_lock_holders", "Jobs that a resource has locked", labels=["project", "resource"]
        )
        oldest = GaugeMetricFamily(
            "lgi_lock_holders_since", "Time of its oldest lock", labels=["project", "resource"]
        )
        for project, one in found.items():
            up.add_metric([project], one.up)
            for application, state, number in one.jobs:
                jobs.add_metric([project, application, state], number)
            for within, number in one.seen.items():
                seen.add_metric([project, within], number)
            for name, number in one.rows.items():
                rows[name].add_metric([project], number)
            for holder in one.holders:
                holders.add_metric([project, holder.resource_name], holder.jobs)
                oldest.add_metric([project, holder.resource_name], holder.since)
        yield from (up, jobs, seen, *rows.values(), holders, oldest)


def _look(project: str, database: Database) -> _Found:
    try:
        return database.run(partial(_ask, int(time.time())), write=False)
    except LGIError as error:
        log.warning("no numbers of project %s: %s", project, error)
        return _Found()


def _ask(now: int, transaction: Transaction) -> _Found:
    return _Found(
        statistics.jobs(transaction),
        statistics.resources_seen(transaction, now),
        statistics.rows(transaction),
        statistics.lock_holders(transaction),
        up=1,
    )
