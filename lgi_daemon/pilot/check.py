"""``LGI_pilot --check``: the configuration, the batch system and the servers; nothing is submitted."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime

from lgi_daemon.cli.probes import Finding, Severity, credential_findings
from lgi_daemon.pilot.batch_system import BatchState
from lgi_daemon.pilot.demand import PilotCounts, decide
from lgi_daemon.pilot.pilot_directory import PilotDirectory
from lgi_daemon.pilot.pilot_queue import BatchSystemError, PilotQueue
from lgi_daemon.pilot.record import is_pilot_name
from lgi_daemon.pilot.settings import PilotSettings
from lgi_daemon.pilot.waiting_jobs import count_waiting
from lgi_daemon.servers.connections import connector


def run(settings: PilotSettings, directory: PilotDirectory) -> int:
    """Print what was found out; return 1 when something has to be corrected."""
    code = 0
    for finding in _findings(settings, directory):
        is_error = finding.severity is Severity.ERROR
        print(finding, file=sys.stderr if is_error else sys.stdout, flush=True)
        code |= is_error
    return code


def _findings(settings: PilotSettings, directory: PilotDirectory) -> Iterator[Finding]:
    daemon, limits = settings.daemon, settings.limits
    yield _note(f"{settings.file} is good")
    yield _note(f"a pilot runs {' '.join(daemon.command())} with {daemon.configuration}")
    yield _note(
        f"at most {limits.waiting_maximum} pilots wait in {settings.batch_system.name}, "
        f"{limits.pilot_limit} are there in all; updates are {settings.update_time} s apart"
    )
    yield from credential_findings(settings.configuration.credentials, datetime.now(UTC))
    if not daemon.program.exists():
        text = f"there is no {daemon.program}: name the program of the daemon in daemon_program"
        yield Finding(Severity.ERROR, text)
    counts = PilotCounts()
    try:
        jobs = PilotQueue(settings, directory).query()
    except BatchSystemError as error:
        yield Finding(Severity.ERROR, f"{settings.batch_system.name} does not tell its jobs: {error}")
    else:
        states = [one.state for one in jobs if is_pilot_name(one.name)]
        counts = PilotCounts(states.count(BatchState.WAITING), states.count(BatchState.RUNNING))
        text = f"{counts.waiting} pilots wait and {counts.running} run"
        yield _note(f"{settings.batch_system.name} has {len(jobs)} jobs of this user: {text}")
    waiting = count_waiting(settings.configuration, connector(settings.configuration.credentials))
    for one in waiting.jobs:
        yield _note(f"{one.number} jobs wait for {one.project}/{one.application}")
    yield from (Finding(Severity.WARNING, problem) for problem in waiting.problems)
    decision = decide(waiting.total, counts, limits)
    yield _note(f"an update would submit {decision.number} pilots {decision.reason}".rstrip())


def _note(text: str) -> Finding:
    return Finding(Severity.NOTE, text)
