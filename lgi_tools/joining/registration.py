"""Register a resource, or a rule for a user, with a project server on this host, by the command ManageDB."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

from lgi_tools.certificates.profiles import Kind
from lgi_tools.joining.tokens import Grant

# For all commands; the client waits a little longer.
SECONDS = 60.0


class RegistrationTimeoutError(Exception):
    """A command has not ended in time; it may be repeated."""


def command(name: str, projects: tuple[str, ...], certificate: str, config: str) -> list[list[str]]:
    """Return the commands to run at the project's master server, one per project."""
    options = ["--name", name, "--url", name, "--certificate", certificate]
    options += ["--project-server", "0", "--servers", "any"]
    return [
        ["ManageDB", "--config", config, "add", "resources", "allowed", project, *options]
        for project in projects
    ]


def rules(grant: Grant, config: str) -> list[list[str]]:
    """Return the commands that let the groups of a user submit, or the user, when the user has none."""
    kind, names = ("groups", grant.groups) if grant.groups else ("users", (grant.name,))
    options = ["--application", "any", "--limit", grant.limit, "--servers", "any"]
    # Without projects the rule is for the default project of the server.
    return [
        ["ManageDB", "--config", config, "add", kind, "allowed", *project, "--name", name, *options]
        for project in ([[name] for name in grant.projects] or [[]])
        for name in names
    ]


def register(config: Path, grant: Grant, certificate: Path) -> str:
    """Run the commands for a new resource, or a user with a limit. Returns an empty text, or the error.

    Raises RegistrationTimeoutError. What was registered before may be registered again.
    """
    if grant.kind is Kind.USER:
        commands = rules(grant, str(config)) if grant.limit else []
    else:
        commands = command(grant.name, grant.projects, str(certificate), str(config))
    return _run(commands)


def _run(commands: list[list[str]]) -> str:
    if not commands:
        return ""
    installed = Path(sys.executable).parent / "ManageDB"
    program = str(installed) if installed.exists() else shutil.which("ManageDB")
    if program is None:
        return "ManageDB is not installed here"
    deadline = time.monotonic() + SECONDS
    for words in commands:
        try:
            # Arguments without a shell; all of them come from the administrator.
            done = subprocess.run(  # noqa: S603
                [program, *words[1:]],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=max(0.0, deadline - time.monotonic()),
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise RegistrationTimeoutError(
                f"{' '.join(words)} did not end in {SECONDS:.0f} seconds"
            ) from None
        except OSError as error:
            return str(error)
        if done.returncode:
            return (done.stderr or done.stdout).strip()
    return ""
