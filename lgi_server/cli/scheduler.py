"""LGI_scheduler CONFIG: runs the periodic tasks of each project, beside the server or on another machine."""

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import click

from lgi_protocol.backoff import Backoff
from lgi_protocol.errors import LGIError
from lgi_server.cli import configuration, logs
from lgi_server.config.model import Config
from lgi_server.config.source import ConfigError
from lgi_server.db import open_database, schema
from lgi_server.db.pool import Database
from lgi_server.services.jobs import array_limits, attach_sessions, dependencies, exclusions, holds, licences
from lgi_server.services.notifications import outbox_upkeep
from lgi_server.services.project import orphans, peers
from lgi_server.services.scheduling import accounting, ordering, queue_history, reaper, retention
from lgi_server.services.scheduling.ordering import Rule
from lgi_server.services.scheduling.periodic_tasks import PeriodicTask, Schedule
from lgi_server.storage import stores
from lgi_server.storage.local import Repositories
from lgi_server.tables import event_queue, job_arrays, resource_machines, server_heartbeats

log = logging.getLogger("lgi.scheduler")
# Seconds between two queries for due events, each of which reads one row of an index.
LOOK_SECONDS = 0.9
# Delays while the database cannot be reached.
BACKOFF = Backoff(2 * LOOK_SECONDS, longest=10.0)
# The longest pause after tasks have run: nine times as long as they took, then four times.
LONG_REST, LONGEST_REST = 10.0, 30.0
# A master server that did not answer is asked again after so many seconds.
RETRY_SECONDS = 60
# The search for lost jobs is postponed when its event is so many seconds late, as after an outage; daemons
# call every two minutes.
PULSE_MAX_DELAY = 300
# The tasks are queued again after so many seconds, in case the table of events was emptied.
BEGIN_SECONDS = 60.0
# Seconds between two searches for holds that end, and for dependents of ended jobs, that have no event.
HOLDS_PERIOD = 60
# What a resource has not said of its machine for so many seconds is forgotten; daemons say it once an hour.
MACHINE_AGE = 30 * 86_400


class ProjectScheduler:
    """The schedule of a project, in its own thread: an unreachable database delays no other project."""

    def __init__(self, name: str, schedule: Schedule, end: threading.Event) -> None:
        """Nothing runs before `keep`."""
        self._name = name
        self._schedule = schedule
        self._end = end
        self._begun: float | None = None

    def keep(self) -> None:
        """Run due tasks until the end, also while the database comes and goes."""
        pause, failures = LOOK_SECONDS, 0
        while not self._end.wait(pause):
            try:
                begin = time.monotonic()
                self._run_due()
                pause, failures = pause_after(time.monotonic() - begin), 0
            except LGIError as error:
                log.warning("project %s: %s", self._name, error)
                pause, failures = BACKOFF.next_delay(failures), failures + 1

    def _run_due(self) -> None:
        if self._begun is None:
            # The scheduler may not have run for a long time.
            self._schedule.ask(event_queue.CHECK_UPDATES, int(time.time()))
        if self._begun is None or time.monotonic() - self._begun >= BEGIN_SECONDS:
            self._schedule.begin(int(time.time()))
            self._begun = time.monotonic()
        for event in self._schedule.run_due(int(time.time())):
            log.debug("project %s: %s", self._name, event)


def pause_after(seconds: float) -> float:
    """Return the pause, in seconds, after tasks that took so long: the database is idle most of the time.

    Usually it is for nine tenths of the time; long tasks may take a fifth, so that the order of the queue
    does not wait for a minute.
    """
    return max(LOOK_SECONDS, min(9 * seconds, LONG_REST), min(4 * seconds, LONGEST_REST))


def periodic_tasks(
    config: Config, project: str, databases: Mapping[str, Database], store: Repositories, rule: Rule
) -> dict[str, PeriodicTask]:
    """Return the periodic tasks of a project by the names of their events (wire.md 8)."""
    settings, database = config.scheduler, databases[project]
    removal = stores.of_repositories(config, store)

    def sessions(now: int) -> None:
        limit = settings.session_limit
        ended = reaper.end_idle_sessions(database, limit, now), reaper.free_stale_locks(database, limit, now)
        holds.repair(database)
        database.run(partial(attach_sessions.upkeep, now=now))
        if any(ended):
            log.info("project %s: %d sessions ended, %d locks freed", project, *ended)

    def lost_jobs(now: int) -> None:
        reachable = database.run(partial(server_heartbeats.reachable, now=now), write=False)
        if reachable is None:
            log.warning("project %s: no server can be reached, no job is declared lost", project)
            return
        reaper.requeue_lost_jobs(database, settings, now, reachable)

    def repositories(now: int) -> None:
        # The repositories of all projects lie together; with one on another host there are none here.
        orphans.write_resource_list(store.root, databases.values())
        if settings.orphan_age and config.remote is None:
            part = now // settings.upkeep_period
            orphans.remove_orphans(store, list(databases.values()), settings.orphan_age, part, now)

    def updates(now: int) -> None:
        try:
            fetched = peers.fetch_updates(config, database, project)
        except LGIError:
            # The master may be starting too, as after a power failure.
            retry = now + min(settings.updates_period, RETRY_SECONDS)
            database.run(partial(event_queue.insert, event=event_queue.CHECK_UPDATES, when=retry))
            raise
        if fetched:
            log.info("project %s: %d updates fetched", project, fetched)

    def order(now: int) -> None:
        if changed := ordering.order_queue(database, rule, settings.share_half_life, now):
            log.debug("project %s: %d jobs have another priority", project, changed)
        # Each change of a job is followed by a cycle within a second.
        if released := array_limits.release_due(database, now):
            log.debug("project %s: %d elements of arrays are released", project, released)

    def release(now: int) -> None:
        if released := holds.release_due(database, now):
            log.info("project %s: the holds of %d jobs have ended", project, released)
        if released := exclusions.release_due(database, now):
            log.info("project %s: %d jobs may go again where they have failed", project, released)

    def settle(now: int) -> None:
        if settled := dependencies.settle_left(database, now):
            log.info("project %s: %d jobs followed others that have ended", project, settled)

    def old_jobs(now: int) -> None:
        keep = config.projects[project].keep_finished
        if keep and (deleted := retention.delete_old(database, removal, keep, now)):
            log.info("project %s: deleted %d jobs that ended long ago", project, deleted)

    def old_history(now: int) -> None:
        if settings.history_age:
            accounting.forget_old(database, now - settings.history_age)
        licences.remove_unused_requests(database)
        outbox_upkeep.give_up_old(database, now)
        database.run(job_arrays.remove_empty)
        database.run(partial(queue_history.forget_old, now=now))
        database.run(partial(resource_machines.remove_older, oldest=now - MACHINE_AGE))

    return {
        event_queue.SCHEDULE_CYCLE: PeriodicTask(settings.schedule_period, order),
        event_queue.RELEASE_HOLDS: PeriodicTask(HOLDS_PERIOD, release),
        event_queue.SETTLE_DEPENDENTS: PeriodicTask(HOLDS_PERIOD, settle),
        event_queue.CHECK_UPDATES: PeriodicTask(settings.updates_period, updates),
        "jobs_without_pulse": PeriodicTask(
            settings.pulse_period,
            lost_jobs,
            PULSE_MAX_DELAY,
        ),
        "inactive_resources": PeriodicTask(settings.session_period, sessions),
        "queue_history": PeriodicTask(
            queue_history.LOOK_SECONDS, partial(queue_history.count_queue, database)
        ),
        "history_upkeep": PeriodicTask(settings.history_period, old_history),
        "old_jobs": PeriodicTask(settings.history_period, old_jobs),
        "repository_upkeep": PeriodicTask(settings.upkeep_period, repositories),
    }


def run(config: Config, end: threading.Event) -> None:
    """Run the schedules of all projects until ``end`` is set."""
    databases = {name: open_database(project.database) for name, project in config.projects.items()}
    rule = ordering.load(config.scheduler.share_order)
    store = stores.server_store(config)
    keepers = [
        ProjectScheduler(name, Schedule(database, periodic_tasks(config, name, databases, store, rule)), end)
        for name, database in databases.items()
    ]
    work = [keeper.keep for keeper in keepers]
    if config.notifications.is_on:
        # With HTTP, TLS and mail.
        from lgi_server.cli import notification_sender

        work += notification_sender.of_projects(config, databases, end)
    threads = [threading.Thread(target=one) for one in work]
    for thread in threads:
        thread.start()
    log.info("the scheduler of %s has started", ", ".join(databases))
    for thread in threads:
        thread.join()
    log.info("the scheduler has ended")


def _end_with(parent: int, end: threading.Event) -> None:
    """Set ``end`` when the process that has started this one is gone, as after SIGKILL."""
    while not end.wait(LOOK_SECONDS):
        if os.getppid() != parent:
            log.info("the server has ended")
            end.set()


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("config", type=click.Path(dir_okay=False, readable=False, path_type=Path))
def main(config: Path) -> None:
    """Do what is due in the projects of the configuration file CONFIG, until SIGTERM.

    LGI_server starts one beside itself. Several may run on the same databases, on one machine or many: each
    event is done by one of them.
    """
    logs.start(None)
    sys.exit(serve(config))


def serve(config: Path, parent: int | None = None) -> int:
    """Run the scheduler of a configuration file until SIGTERM, and return the exit status of its process.

    It ends also with the process ``parent``, which has started it.
    """
    logs.ignore_rotation()
    end = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: end.set())
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent, end), daemon=True).start()
    try:
        loaded = configuration.load("LGI_scheduler", config)
        logs.start(loaded.log_file)
        for project in loaded.projects.values():
            schema.check(project.name, project.database)
        run(loaded, end)
    except (ConfigError, OSError, ValueError) as error:
        click.echo(f"LGI_scheduler: {error}", err=True)
        return 1
    return 0


if __name__ == "__main__":
    main()
