"""The units with which systemd runs a project server and a daemon that LGI_setup has made."""

import re
import sys
from pathlib import Path

from lgi_server.cli.setup import programs
from lgi_server.config.model import Config
from lgi_server.services.project.recorded_changes import AdministrationError

UNIT, DAEMON_UNIT = "lgi-server.service", "lgi-daemon.service"
# Where systemd looks, and where it runs.
SYSTEM = Path("/etc/systemd/system")
PACKAGED = Path("/usr/lib/systemd/system") / UNIT
RUNNING = Path("/run/systemd/system")
# In a checkout, and where pip puts a package's data files.
_PLACES = (Path(__file__).parents[3] / "specs", Path(sys.prefix) / "share" / "lgi" / "units")
# Where the packages' unit has its files.
_PACKAGED = "/var/lib/lgi/server"


def is_installed() -> bool:
    """Return whether systemd runs here and has a unit of the server."""
    return RUNNING.is_dir() and ((SYSTEM / UNIT).exists() or PACKAGED.exists())


def text(config: Config, user: str, data: Path) -> str:
    """Return the unit for a configuration, an account and the directory that the server writes to."""
    changes = {
        "User": user,
        "Group": "",
        "ExecStart": f"{programs.path_of('LGI_server')} {_quoted(config.path)}",
    }
    if str(data) != _PACKAGED:
        changes |= {
            "StateDirectory": "",
            "LogsDirectory": "",
            "StateDirectoryMode": "",
            "ProtectHome": "read-only",
        }
        changes["ProtectSystem"] = f"strict\nReadWritePaths={_quoted(data)}"
    return _changed(UNIT, changes)


def daemon_text(file: Path) -> str:
    """Return the unit for the configuration of a daemon, whose directory has its jobs."""
    place = file.absolute()
    return _changed(
        DAEMON_UNIT,
        {
            "ConditionPathExists": str(place).replace("%", "%%"),
            "ExecStart": f"{programs.path_of('LGI_daemon')} {_quoted(place)}",
            "StateDirectory": "",
            "StateDirectoryMode": "",
            "LogsDirectory": "",
            "LogsDirectoryMode": "",
            "ProtectSystem": f"full\nReadWritePaths={_quoted(place.parent)}",
        },
    )


def _changed(name: str, changes: dict[str, str]) -> str:
    """Return the packages' unit of a name with other values; a setting without a value is left out."""
    source = next((place / name for place in _PLACES if (place / name).is_file()), None)
    if source is None:
        raise FileNotFoundError(f"{name} is in none of {', '.join(map(str, _PLACES))}")
    lines = source.read_text("utf-8")
    for setting, value in changes.items():
        line = f"{setting}={value}\n" if value else ""
        lines = re.sub(rf"(?m)^{setting}=.*\n", line.replace("\\", r"\\"), lines)
    return lines


def _quoted(path: Path) -> str:
    """Return a path as systemd reads it in a unit."""
    name = str(path).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{name}"' if re.search(r"""[\s"']""", name) else name


def are_used(place: Path | None) -> bool:
    """Whether systemd is to run the programs: it runs, and units are its own or those of the packages."""
    return RUNNING.is_dir() and place in {None, SYSTEM}


def start(unit: str) -> str:
    """Have systemd start a unit now and with the machine; AdministrationError with its log when it fails."""
    programs.run("systemctl", "daemon-reload")
    try:
        programs.run("systemctl", "enable", "--now", unit)
    except AdministrationError as error:
        raise AdministrationError(f"{error}\n{_last_words(unit)}") from None
    return f"systemd has started {unit}"


def _last_words(unit: str) -> str:
    """Return the last lines that a unit has logged, or why there are none."""
    try:
        return programs.run("journalctl", "--unit", unit, "--lines", "8", "--output", "cat").strip()
    except AdministrationError as error:
        return str(error)
