"""Register a resource with a project server on this host, by the command ManageDB."""

import shutil
import subprocess
import sys
from pathlib import Path

from lgi_tools.joining.tokens import Grant

SECONDS = 60.0


def command(name: str, projects: tuple[str, ...], certificate: str, config: str) -> list[list[str]]:
    """Return the commands to run at the project's master server, one per project."""
    options = ["--name", name, "--url", name, "--certificate", certificate]
    options += ["--project-server", "0", "--servers", "any"]
    return [
        ["ManageDB", "--config", config, "add", "resources", "allowed", project, *options]
        for project in projects
    ]


def register(config: Path, grant: Grant, certificate: Path) -> str:
    """Run the commands here. Returns an empty text, or the error."""
    installed = Path(sys.executable).parent / "ManageDB"
    program = str(installed) if installed.exists() else shutil.which("ManageDB")
    if program is None:
        return "ManageDB is not installed here"
    for words in command(grant.name, grant.projects, str(certificate), str(config)):
        try:
            # Arguments without a shell; all of them come from the administrator.
            done = subprocess.run(  # noqa: S603
                [program, *words[1:]],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        if done.returncode:
            return (done.stderr or done.stdout).strip()
    return ""
