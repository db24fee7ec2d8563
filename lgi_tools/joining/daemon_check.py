"""Check the configuration of a new resource by ``LGI_daemon --check``, where the daemon is installed."""

import shutil
import subprocess
import sys
from pathlib import Path

# The daemon allows each script of the site one minute.
SECONDS = 600.0
WARNING = "WARNING: "


def warnings(configuration: Path) -> list[str]:
    """Return the daemon's warnings about the configuration and this machine, for the user of this process.

    Its errors are warnings here, because another user may start the daemon, or change the file before.
    """
    installed = Path(sys.executable).parent / "LGI_daemon"
    program = str(installed) if installed.exists() else shutil.which("LGI_daemon")
    if program is None:
        return ["LGI_daemon is not installed here, so that the scripts were not checked"]
    try:
        # A list of arguments, not a shell command.
        done = subprocess.run(  # noqa: S603
            [program, "--check", str(configuration)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return [f"LGI_daemon --check: {error}"]
    found = [line for line in done.stdout.splitlines() if line.startswith(WARNING)]
    return [line.removeprefix(WARNING) for line in found] + done.stderr.splitlines()
