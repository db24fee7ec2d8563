"""The configuration of LGI_pilot: the daemon's own, the batch system, and the bounds of the pilots."""

import difflib
import shlex
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from lgi_daemon.config.model import Configuration, load
from lgi_daemon.config.section import ConfigurationError, Section, read_root
from lgi_daemon.pilot.batch_system import BatchSystem
from lgi_daemon.pilot.batch_systems import BATCH_SYSTEMS
from lgi_daemon.pilot.demand import PilotLimits
from lgi_protocol import common_name

_MOST_PILOTS, _MOST_SECONDS = 10_000, 10**8
_TAGS = (
    *("daemon_configuration", "daemon_program", "daemon_options", "pilot_directory", "batch_system"),
    *("submit_options", "waiting_minimum", "waiting_maximum", "pilot_limit", "update_time"),
    *("idle_limit", "life_limit"),
)


@dataclass(frozen=True)
class PilotDaemon:
    """The daemon that a pilot runs: program, configuration file, options, and limits in seconds.

    ``life_limit`` 0 is none.
    """

    program: Path
    configuration: Path
    options: tuple[str, ...]
    idle_limit: int
    life_limit: int

    def command(self) -> list[str]:
        """Return its command line, without what is different for each pilot."""
        life = ["--life-limit", str(self.life_limit)] if self.life_limit else []
        return [str(self.program), *self.options, "--idle-limit", str(self.idle_limit), *life]


@dataclass(frozen=True)
class PilotSettings:
    """The configuration file of LGI_pilot. ``update_time`` is in seconds."""

    file: Path
    configuration: Configuration
    daemon: PilotDaemon
    directory: Path
    batch_system: BatchSystem
    submit_options: tuple[str, ...]
    limits: PilotLimits
    update_time: int


def read_settings(file: Path, as_root: bool) -> PilotSettings:
    """Read and check the file, and the daemon's configuration that it names.

    Raise ConfigurationError, in one line: tag, value and what to do.
    """
    section = read_root(file).section("pilots")
    _check_tags(section)
    configuration_file = section.file("daemon_configuration")
    daemon = PilotDaemon(
        _program(section),
        configuration_file,
        _words(section, "daemon_options") or ("-ft", "20", "-st", "120"),
        section.number("idle_limit", _MOST_SECONDS),
        section.optional_number("life_limit", _MOST_SECONDS),
    )
    directory = section.folder("pilot_directory")
    for path in (daemon.program, configuration_file, directory):
        if common_name.has_control(str(path)):
            raise ConfigurationError(f"the path {str(path)!r} has a control character: move the file")
    return PilotSettings(
        file=file.absolute(),
        configuration=load(configuration_file, as_root),
        daemon=daemon,
        directory=directory,
        batch_system=_batch_system(section),
        submit_options=_words(section, "submit_options"),
        limits=_limits(section),
        update_time=section.number("update_time", 86_400) if section.optional("update_time") else 60,
    )


def _limits(section: Section) -> PilotLimits:
    limits = PilotLimits(
        section.optional_number("waiting_minimum", _MOST_PILOTS),
        section.number("waiting_maximum", _MOST_PILOTS),
        section.number("pilot_limit", _MOST_PILOTS),
    )
    if limits.waiting_minimum > limits.waiting_maximum:
        raise ConfigurationError(
            f"{section.path}/waiting_minimum is {limits.waiting_minimum}, above waiting_maximum, "
            f"{limits.waiting_maximum}: correct one of them"
        )
    return limits


def _batch_system(section: Section) -> BatchSystem:
    name = section.value("batch_system")
    if name not in BATCH_SYSTEMS:
        known = ", ".join(sorted(BATCH_SYSTEMS))
        raise ConfigurationError(f"{section.path}/batch_system is {name[:40]!r}: it must be one of {known}")
    return BATCH_SYSTEMS[name]


def _program(section: Section) -> Path:
    if section.optional("daemon_program"):
        return section.file("daemon_program", executable=True)
    return Path(sysconfig.get_path("scripts")) / "LGI_daemon"


def _words(section: Section, name: str) -> tuple[str, ...]:
    text = section.optional(name)
    if common_name.has_control(text):
        raise ConfigurationError(f"{section.path}/{name} has a control character: write it on one line")
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise ConfigurationError(f"{section.path}/{name} is {text!r}: {error}: close the quote") from None


def _check_tags(section: Section) -> None:
    """Raise ConfigurationError for a tag that would be ignored, or that occurs twice."""
    names = [name for name, _inside in section.children()]
    for name in names:
        if name not in _TAGS:
            close = difflib.get_close_matches(name.lower(), _TAGS, n=1)
            guess = f"did you mean <{close[0]}>?" if close else "remove it"
            raise ConfigurationError(f"{section.path} has the unknown tag <{name}>: {guess}")
        if names.count(name) > 1:
            raise ConfigurationError(f"{section.path}/{name} occurs twice: keep one <{name}>")
    if section.unread:
        raise ConfigurationError(f"{section.path}: what follows is ignored{section.unread}")
