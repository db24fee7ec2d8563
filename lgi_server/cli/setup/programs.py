"""Other programs that LGI_setup runs: LGI_certificates, which makes the authority, and systemctl."""

import shutil
import subprocess
import sys
from pathlib import Path

from lgi_server.services.project.recorded_changes import AdministrationError

SECONDS = 120.0


def path_of(name: str) -> Path:
    """Return the path of an installed program: that beside this one, or one of PATH; AdministrationError."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise AdministrationError(f"{name} is not installed here")
    return Path(found)


def run(name: str, *words: str, timeout: float = SECONDS) -> str:
    """Run a program and return what it prints; AdministrationError with its own message when it fails."""
    try:
        # A list of arguments without a shell; all of them come from the administrator.
        done = subprocess.run(  # noqa: S603
            [path_of(name), *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise AdministrationError(f"{name} has not ended within {timeout:.0f} s") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip()
        raise AdministrationError(said if said.startswith(name) else f"{name}: {said}")
    return done.stdout
