"""LGI_pilot: the command line."""

import json
import logging
import os
import sys
from pathlib import Path

import click

from lgi_daemon.cli.logging import DaemonLog
from lgi_daemon.cli.signals import Signals
from lgi_daemon.config.log_levels import LEVELS
from lgi_daemon.config.section import ConfigurationError
from lgi_daemon.pilot import check, status
from lgi_daemon.pilot.archive import pack
from lgi_daemon.pilot.pilot_directory import PilotDirectory
from lgi_daemon.pilot.pilot_manager import PilotManager
from lgi_daemon.pilot.settings import PilotSettings, read_settings
from lgi_daemon.rundir.directory_lock import DirectoryInUseError
from lgi_protocol import LGI_VERSION

log = logging.getLogger(__name__)


@click.command(context_settings={"help_option_names": ["-h", "--help"]}, no_args_is_help=True)
@click.option("--once", "mode", flag_value="once", help="Make one update, print the status, and exit.")
@click.option(
    "--check",
    "mode",
    flag_value="check",
    help="Check the configuration, batch system and servers, say what would be submitted, and exit.",
)
@click.option("--status", "mode", flag_value="status", help="Print the status of the last update, and exit.")
@click.option(
    "--pack",
    "archive_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the daemon with all it needs into one FILE, for daemon_program, and exit.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the status as JSON.")
@click.option("-q", "level", flag_value="q", help="Log critical messages only.")
@click.option("-n", "level", flag_value="n", default=True, help="Log normal messages (the default).")
@click.option("-v", "level", flag_value="v", help="Also log debug messages.")
@click.option(
    "-l",
    "log_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Log to FILE instead of standard error.",
)
@click.version_option(LGI_VERSION, message="%(prog)s %(version)s", help="Show the version and exit.")
@click.argument("configfile", type=click.Path(path_type=Path), required=False)
def command(
    *,
    mode: str | None,
    archive_file: Path | None,
    as_json: bool,
    level: str,
    log_file: Path | None,
    configfile: Path | None,
) -> int:
    """Submit daemons (pilots) to a batch system while jobs wait for them, as configured in CONFIGFILE.

    SIGTERM ends it and leaves the pilots; SIGHUP reloads CONFIGFILE and reopens the log. The next LGI_pilot
    takes the pilots over.

    Example: LGI_pilot -l pilot.log LGI_pilot.cfg
    """
    if archive_file is not None:
        pack(archive_file)
        return 0
    if configfile is None:
        raise click.UsageError("CONFIGFILE is missing")
    settings = read_settings(configfile, os.geteuid() == 0)
    directory = PilotDirectory(settings.directory, 0o711 if os.geteuid() == 0 else 0o700)
    if mode == "status":
        return _show_stored(directory, as_json)
    daemon_log = DaemonLog(log_file, LEVELS[level], sys.stderr)
    if mode == "check":
        return check.run(settings, directory)
    directory.claim()
    try:
        manager = PilotManager(settings, directory)
        if mode == "once":
            _show(manager.update().values(), as_json)
            return 0
        _serve(manager, settings, directory, daemon_log)
    finally:
        directory.lock.release()
    return 0


def _show(values: dict[str, object], as_json: bool) -> None:
    print(json.dumps(values, indent=2) if as_json else "\n".join(status.lines(values)))


def _show_stored(directory: PilotDirectory, as_json: bool) -> int:
    values = directory.read_json(status.STATUS)
    if not values:
        raise click.ClickException(f"{directory.path} has no status: no LGI_pilot has made an update there")
    try:
        _show(values, as_json)
    except (KeyError, TypeError):
        raise click.ClickException(f"{directory.path / status.STATUS} is none of LGI_pilot's") from None
    return 0


def _serve(
    manager: PilotManager, settings: PilotSettings, directory: PilotDirectory, daemon_log: DaemonLog
) -> None:
    signals = Signals()
    log.info("LGI_pilot of %s started, pid %d", directory.path, os.getpid())
    while not signals.stop:
        if signals.take_reload():
            daemon_log.reopen()
            settings, manager = _reloaded(settings, manager, directory)
        try:
            manager.update()
        except OSError as error:
            log.critical("cannot write %s: %s; trying again later", directory.path, error)
        signals.rest(settings.update_time)
    log.info("LGI_pilot stops on %s; the pilots stay", signals.stop)


def _reloaded(
    settings: PilotSettings, manager: PilotManager, directory: PilotDirectory
) -> tuple[PilotSettings, PilotManager]:
    """Use the configuration file as it is now; an invalid one changes nothing."""
    try:
        fresh = read_settings(settings.file, os.geteuid() == 0)
        if fresh.directory != settings.directory:
            raise ConfigurationError("pilot_directory cannot change while LGI_pilot runs: restart it")
        manager = PilotManager(fresh, directory)
    except (ConfigurationError, OSError) as error:
        log.critical("keeping the old configuration: %s", error)
        return settings, manager
    log.info("reloaded %s", settings.file)
    return fresh, manager


def main(arguments: list[str] | None = None) -> int:
    """Return the exit code: 0 after -h, a stop signal, an update or a --check without errors, else 1."""
    try:
        return command.main(arguments, "LGI_pilot", standalone_mode=False) or 0
    except click.ClickException as error:
        error.show()
    except (ConfigurationError, DirectoryInUseError) as error:
        print(error, file=sys.stderr)
    except OSError as error:
        print(f"LGI_pilot cannot go on: {error}", file=sys.stderr)
    return 1
