"""LGI_daemon: the command line of the resource daemon."""

import logging
import os
import sys
import time
from pathlib import Path

import click

from lgi_daemon.cli.check import plan
from lgi_daemon.cli.logging import DaemonLog
from lgi_daemon.cli.options import Options
from lgi_daemon.cli.probes import Severity, findings
from lgi_daemon.cli.signals import Signals
from lgi_daemon.config.log_levels import LEVELS
from lgi_daemon.config.model import Configuration
from lgi_daemon.config.section import ConfigurationError
from lgi_daemon.execution import process_hiding, sandbox
from lgi_daemon.jobs.memory_control import MemoryControl
from lgi_daemon.loop.daemon import Daemon
from lgi_daemon.loop.lifetime import Lifetime
from lgi_daemon.rundir.directory_lock import DirectoryInUseError
from lgi_daemon.rundir.run_directory import RunDirectory
from lgi_protocol import LGI_VERSION

log = logging.getLogger(__name__)

TICK_SECONDS = 1.0
# A tick may use SHORT_TICK seconds of processor time; the daemon then sleeps SLEEP_FACTOR times the rest, and
# SHORTEST_PAUSE at least: what happens meanwhile is looked at together.
SLEEP_FACTOR, SHORT_TICK, SHORTEST_PAUSE = 10.0, 0.001, 0.005
# No wait of the system takes every number.
_POSITIVE = click.IntRange(1, 10**9)


@click.command(context_settings={"help_option_names": ["-h", "--help"]}, no_args_is_help=False)
@click.option("-d", "detach", is_flag=True, help="Run in the background as a daemon.")
@click.option("-q", "level", flag_value="q", help="Log critical messages only.")
@click.option(
    "-ft",
    "fast",
    type=_POSITIVE,
    default=120,
    show_default=True,
    metavar="TIME",
    help="Fast cycle in seconds: poll jobs at their servers.",
)
@click.option(
    "-st",
    "slow",
    type=_POSITIVE,
    default=600,
    show_default=True,
    metavar="TIME",
    help="Slow cycle in seconds: ask servers for jobs.",
)
@click.option("-n", "level", flag_value="n", default=True, help="Log normal messages (the default).")
@click.option("-v", "level", flag_value="v", help="Also log debug messages.")
@click.option("-vv", "level", flag_value="vv", help="Also log verbose debug messages.")
@click.option("-W", "careless", is_flag=True, help="Do not verify the host names of project servers.")
@click.option(
    "-l",
    "log_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Log to FILE instead of standard output.",
)
@click.option(
    "--at-once",
    type=_POSITIVE,
    default=32,
    show_default=True,
    metavar="N",
    help="Run scripts of at most N jobs at the same time.",
)
@click.option(
    "--idle-limit",
    type=_POSITIVE,
    metavar="TIME",
    help="Exit after TIME seconds without any job. Default: never.",
)
@click.option(
    "--life-limit",
    type=_POSITIVE,
    metavar="TIME",
    help="After TIME seconds take no more jobs, and exit after the last one. Default: never.",
)
@click.option(
    "--run-directory",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Keep jobs in DIR, as each of several daemons with one CONFIGFILE must. Default: run_directory.",
)
@click.option("--drain", is_flag=True, help="Take no jobs, and exit after the last one that is here.")
@click.option(
    "--check",
    is_flag=True,
    help="Check the configuration, credentials, scripts and servers, print a summary, and exit.",
)
@click.version_option(LGI_VERSION, message="%(prog)s %(version)s", help="Show the version and exit.")
@click.argument("configfile", type=click.Path(path_type=Path))
def parse_options(
    *,
    detach: bool,
    level: str,
    fast: int,
    slow: int,
    careless: bool,
    log_file: Path | None,
    check: bool,
    at_once: int,
    idle_limit: int | None,
    life_limit: int | None,
    drain: bool,
    run_directory: Path | None,
    configfile: Path,
) -> Options:
    """Run jobs of LGI projects on this resource, as configured in CONFIGFILE.

    SIGTERM ends the daemon and leaves jobs running; SIGHUP reloads CONFIGFILE and reopens the log; after
    SIGUSR1 it takes no more jobs, and exits after the last one.

    Example: LGI_daemon -d -ft 60 -st 300 -l LGI.log LGI.cfg
    """
    if fast >= slow:
        raise click.UsageError(
            f"the fast cycle (-ft {fast}) must be shorter than the slow cycle (-st {slow})"
        )
    lifetime = Lifetime(idle_limit or 0, life_limit or 0, drain)
    file = configfile.absolute()
    words = (file, fast, slow, detach, LEVELS[level], not careless, log_file, check, at_once, lifetime)
    return Options(*words, run_directory.absolute() if run_directory else None)


def main(arguments: list[str] | None = None) -> int:
    """Return the exit code: 0 after -h, a stop signal or a --check without errors, otherwise 1."""
    try:
        options = parse_options.main(arguments, "LGI_daemon", standalone_mode=False)
        if not isinstance(options, Options):
            return 0  # -h has printed its help
        return _run(options)
    except click.ClickException as error:
        error.show()
    except (ConfigurationError, DirectoryInUseError) as error:
        print(error, file=sys.stderr)
    except OSError as error:
        print(f"the daemon cannot start: {error}", file=sys.stderr)
    return 1


def _run(options: Options) -> int:
    """Check everything, then run jobs until a stop signal."""
    configuration = options.load()
    if options.check:
        return _check(configuration, options)
    sandboxed = os.geteuid() == 0
    run = RunDirectory(configuration.run_directory, sandboxed)
    run.claim()
    daemon_log = DaemonLog(options.log_file, options.level, sys.stdout)
    daemon = Daemon(
        configuration,
        run,
        fast=options.fast,
        slow=options.slow,
        at_once=options.at_once,
        lifetime=options.lifetime,
    )
    daemon.recover()
    if options.detach and _detach():
        os._exit(0)
    run.lock.sign()
    signals = Signals()
    log.info("daemon of %s started, pid %d, %d jobs", run.path, os.getpid(), len(daemon.jobs))
    if problem := sandbox.programs_problem(configuration.sandbox_uids.start):
        log.warning("%s", problem)
    if sandboxed and (problem := process_hiding.problem()):
        log.info("jobs see the processes of others: %s", problem)
    if not options.check_host:
        log.warning("with -W any certificate of the CA is accepted for a project server")
    memory_control = MemoryControl(daemon.jobs, daemon.scripts.cgroups, run.path)
    memory_control.start(configuration)
    _serve(daemon, signals, options, daemon_log, memory_control)
    daemon.close()
    memory_control.close()
    run.lock.release()
    return 0


def _check(configuration: Configuration, options: Options) -> int:
    """Print what would be done and what was found out; return 1 when something has to be mended."""
    print(plan(configuration, options.fast, options.slow), flush=True)
    code = 0
    for finding in findings(configuration):
        is_error = finding.severity is Severity.ERROR
        print(finding, file=sys.stderr if is_error else sys.stdout, flush=True)
        code |= is_error
    return code


def _serve(
    daemon: Daemon, signals: Signals, options: Options, daemon_log: DaemonLog, memory_control: MemoryControl
) -> None:
    daemon.set_callbacks(lambda: bool(signals.stop), signals.wake)
    while not signals.stop and not daemon.exit_reason():
        if signals.take_reload():
            daemon_log.reopen()
            _reload(daemon, options)
            memory_control.start(daemon.configuration)
        if signals.take_drain():
            daemon.lifetime_limit.drain("a SIGUSR1 was received")
        before = time.thread_time()
        daemon.tick_safely(time.monotonic())
        time.sleep(pause_after(time.thread_time() - before))
        signals.sleep(TICK_SECONDS)
    reason = f"on {signals.stop}" if signals.stop else f"by itself: {daemon.exit_reason()}"
    log.info("daemon stops %s; %d jobs are left running", reason, len(daemon.jobs))


def pause_after(used: float) -> float:
    """Return the seconds to sleep after a tick, whatever happens, by the processor time that it used.

    Workers and children wake the daemon often: even with many jobs, ticks use little of the processor.
    """
    return min(TICK_SECONDS, max(SHORTEST_PAUSE, SLEEP_FACTOR * (used - SHORT_TICK)))


def _reload(daemon: Daemon, options: Options) -> None:
    """Use the configuration file as it is now; an invalid one changes nothing."""
    try:
        daemon.reconfigure(options.load())
    except (ConfigurationError, ValueError, OSError) as error:
        log.critical("keeping the old configuration: %s", error)
    else:
        log.info("reloaded %s", options.file)


def _detach() -> bool:
    """Go into the background, in the same directory. Return True in the process that must exit."""
    sys.stdout.flush()
    if os.fork():
        return True
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    return False
