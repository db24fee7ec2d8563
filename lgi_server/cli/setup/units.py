"""The unit with which systemd runs a project server that LGI_setup has made."""

import re
import sys
from pathlib import Path

from lgi_server.cli.setup import programs
from lgi_server.config.model import Config

UNIT = "lgi-server.service"
# Where systemd looks, and where it runs.
SYSTEM = Path("/etc/systemd/system")
PACKAGED = Path("/usr/lib/systemd/system") / UNIT
RUNNING = Path("/run/systemd/system")
# In a checkout, and where pip puts a package's data files.
_PLACES = (Path(__file__).parents[3] / "specs", Path(sys.prefix) / "share" / "lgi" / "units")
# Where the packages' unit has its files.
_PACKAGED = "/var/lib/lgi/server"


def text(config: Config, user: str, data: Path) -> str:
    """Return the unit for a configuration, an account and the directory that the server writes to."""
    source = next((place / UNIT for place in _PLACES if (place / UNIT).is_file()), None)
    if source is None:
        raise FileNotFoundError(f"{UNIT} is in none of {', '.join(map(str, _PLACES))}")
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
    lines = source.read_text("utf-8")
    for name, value in changes.items():
        line = f"{name}={value}\n" if value else ""
        lines = re.sub(rf"(?m)^{name}=.*\n", line.replace("\\", r"\\"), lines)
    return lines


def _quoted(path: Path) -> str:
    """Return a path as systemd reads it in a unit."""
    name = str(path).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{name}"' if re.search(r"""[\s"']""", name) else name


def start() -> None:
    """Have systemd start the server now and with the machine; AdministrationError when it fails."""
    programs.run("systemctl", "daemon-reload")
    programs.run("systemctl", "enable", "--now", UNIT)
