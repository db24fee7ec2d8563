"""The health of a project server: disk, database, scheduler, servers, certificates; what to do for each.

Everything is read where it is: no call is made, and nothing waits.
"""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from lgi_protocol import expiry
from lgi_protocol.job_usage import size
from lgi_server.auth import client_certificate
from lgi_server.auth.crl import Revocation
from lgi_server.config.database import SQLiteAddress, parse_address
from lgi_server.config.model import Config
from lgi_server.db.transaction import Transaction
from lgi_server.tables import active_resources, event_queue, server_heartbeats
from lgi_server.tables.active_resources import MASTER, NO_SERVER, ResourceRow

# The part of a disk below which it is nearly full.
FEW = 0.05
# Seconds by which the scheduler may be late: it looks each second, and rests after long tasks.
LATE, TOO_LATE = 60, 600
# A database that takes longer for one row, in seconds, is slow.
SLOW = 0.5
# Slaves fetch updates from the master that often, with a reserve.
_SILENT_PERIODS = 3


class Level(StrEnum):
    """How well something is."""

    WELL = "well"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class HealthCheck:
    """What was looked at, how well it is, what was seen, and what to do; no ``advice`` when it is well."""

    subject: str
    level: Level
    text: str
    advice: str = ""


def checks(
    transaction: Transaction, config: Config, project: str, revocation: Revocation, now: int
) -> list[HealthCheck]:
    """Return all checks of a server for a project at ``now``, in seconds."""
    everyone = active_resources.everyone(transaction)
    return [
        *_database(transaction),
        *_disks(config, project),
        *_scheduler(transaction, now),
        *_servers(transaction, now),
        *_peers(everyone, config, project, now),
        *_certificates(config, now),
        *_revocation_list(revocation, now),
        *_resource_certificates(everyone, now),
    ]


def _database(transaction: Transaction) -> Iterator[HealthCheck]:
    begin = time.monotonic()
    transaction.row("SELECT version FROM schema_version")
    taken = time.monotonic() - begin
    text = f"answers in {taken * 1000:.1f} ms"
    if taken > SLOW:
        yield HealthCheck("Database", Level.WARNING, text, "look at its load and its disk")
    else:
        yield HealthCheck("Database", Level.WELL, text)


def _disks(config: Config, project: str) -> Iterator[HealthCheck]:
    if config.remote is None:
        yield _disk("Disk of the repositories", config.repository, config.disk_reserve)
    address = parse_address(config.projects[project].database)
    if isinstance(address, SQLiteAddress):
        yield _disk("Disk of the database", address.path.parent, config.disk_reserve)


def _disk(subject: str, path: Path, reserve: int) -> HealthCheck:
    try:
        disk = os.statvfs(path)
    except OSError as error:
        return HealthCheck(subject, Level.ERROR, f"cannot be read: {error.strerror}", "look at this disk")
    free, everything = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
    text, advice = f"{size(free)} of {size(everything)} are free", "remove old jobs, or take a larger disk"
    if free < min(reserve, everything // 8):
        return HealthCheck(subject, Level.ERROR, f"{text}: uploads are refused", advice)
    if free < FEW * everything or (disk.f_files and disk.f_favail < FEW * disk.f_files):
        return HealthCheck(subject, Level.WARNING, f"{text}, for {disk.f_favail} files", advice)
    return HealthCheck(subject, Level.WELL, text)


def _scheduler(transaction: Transaction, now: int) -> Iterator[HealthCheck]:
    due = event_queue.due(transaction, now)
    late = now - min(due.values(), default=now)
    if late < LATE:
        yield HealthCheck("Scheduler", Level.WELL, "does what is due")
        return
    level = Level.WARNING if late < TOO_LATE else Level.ERROR
    yield HealthCheck(
        "Scheduler", level, f"is {late} s late", "look whether LGI_scheduler runs, and at its log"
    )


def _servers(transaction: Transaction, now: int) -> Iterator[HealthCheck]:
    """Yield the front ends of this project, by their heartbeats."""
    for name, beat in sorted(server_heartbeats.all_of_them(transaction)):
        silence, subject = now - beat, f"Server {name}"
        if silence <= server_heartbeats.BREAK_SECONDS:
            yield HealthCheck(subject, Level.WELL, "is up")
        else:
            text = f"is down: its last heartbeat was {silence} s ago"
            yield HealthCheck(subject, Level.WARNING, text, "start it, unless it was stopped for good")


def _peers(everyone: list[ResourceRow], config: Config, project: str, now: int) -> Iterator[HealthCheck]:
    """Yield the slaves, which call their master; a slave cannot know how they are."""
    own = config.projects[project].server_name
    servers = [one for one in everyone if one.project_server != NO_SERVER]
    if not any(one.project_server == MASTER and one.resource_name == own for one in servers):
        return
    for one in servers:
        if one.project_server == MASTER:
            continue
        silence = now - one.last_call_time
        subject = f"Slave {one.resource_name}"
        if silence <= _SILENT_PERIODS * config.scheduler.updates_period:
            yield HealthCheck(subject, Level.WELL, f"has fetched updates {max(0, silence)} s ago")
        else:
            when = f"{silence} s ago" if one.last_call_time else "never"
            advice = "look whether it runs, and whether its scheduler does"
            yield HealthCheck(subject, Level.WARNING, f"has fetched updates {when}", advice)


def _certificates(config: Config, now: int) -> Iterator[HealthCheck]:
    behind = bool(config.front_end_header)
    files = {
        "CA": config.ca_certificate,
        "server": None if behind else config.server_certificate,
        "calls to other servers": config.peer_certificate,
        "CA of jobs": config.jobs_certificate,
    }
    for name, path in files.items():
        if path is not None and (path.exists() or name != "CA of jobs"):
            subject = f"Certificate of the {name}" if name[0] != "c" else f"Certificate for {name}"
            try:
                begin, end = expiry.validity(path)
            except (OSError, ValueError) as error:
                yield HealthCheck(subject, Level.ERROR, f"cannot be read: {error}", "LGI_setup check")
                continue
            yield _validity(subject, begin, end, now)


def _validity(subject: str, begin: datetime, end: datetime, now: int) -> HealthCheck:
    today, advice = datetime.fromtimestamp(now, UTC), "renew it with LGI_certificates renew"
    if today < begin:
        return HealthCheck(subject, Level.ERROR, expiry.not_yet_valid(begin), "set the clock of this machine")
    text = expiry.describe(end, today)
    if end < today:
        return HealthCheck(subject, Level.ERROR, text, advice)
    if end - today < expiry.WARNING:
        return HealthCheck(subject, Level.WARNING, text, advice)
    return HealthCheck(subject, Level.WELL, text)


def _revocation_list(revocation: Revocation, now: int) -> Iterator[HealthCheck]:
    if revocation.path is None:
        advice = "write crl into [certificates] of the configuration"
        yield HealthCheck("Revocation list", Level.WARNING, "there is none", advice)
    elif revocation.due < now:
        due = f"{datetime.fromtimestamp(revocation.due, UTC):%Y-%m-%d}"
        text = f"should have been replaced on {due}"
        yield HealthCheck("Revocation list", Level.WARNING, text, "run LGI_certificates crl")
    else:
        yield HealthCheck("Revocation list", Level.WELL, f"has {len(revocation.serials)} certificates")


def _resource_certificates(everyone: list[ResourceRow], now: int) -> Iterator[HealthCheck]:
    """Yield the resources whose certificates expire soon, and the number of the others."""
    well = 0
    for one in everyone:
        try:
            found = client_certificate.read(client_certificate.der_of(one.client_certificate))
        except ValueError:
            continue
        check = _validity(f"Certificate of {one.resource_name}", found.not_before, found.not_after, now)
        if check.level == Level.WELL:
            well += 1
        else:
            yield check
    yield HealthCheck("Certificates of resources", Level.WELL, f"{well} are valid for 30 days and more")
