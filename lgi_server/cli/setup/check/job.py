"""A test job: submitted, run by any resource, and deleted."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

from lgi_server.cli.setup import programs
from lgi_server.cli.setup.check.finding import Finding, error
from lgi_server.services.project.recorded_changes import AdministrationError


def check(settings: Path, application: str, seconds: int) -> Iterator[Finding]:
    """Yield why a job of a user, whose settings are in a directory like ~/.LGI, does not end well."""
    user = ("-c", str(settings))
    try:
        with tempfile.NamedTemporaryFile(prefix="LGI_setup.") as file:
            file.write(b"LGI_setup check\n")
            file.flush()
            # With a file: fetching it needs programs of LGI, which jobs of a daemon may not be able to run.
            words = ("--json", "-a", application, "-i", file.name, file.name)
            answer = programs.run("LGI_qsub", *user, *words)
        job = str(json.loads(answer)["job"]["job_id"])
    except AdministrationError as why:
        yield error(
            f"no job of {application} can be submitted: {why}",
            "add a resource for it",
        )
        return
    try:
        programs.run("LGI_wait", *user, "--timeout", str(seconds), job, timeout=seconds + 60.0)
    except AdministrationError as why:
        reason = " ".join(str(why).split())
        yield error(
            f"the test job {job} has not ended well within {seconds} s: {reason}", _explanation(user, job)
        )
    finally:
        _delete(user, job)


def _explanation(user: tuple[str, str], job: str) -> str:
    """Return what the server says of a job that waits."""
    try:
        return " ".join(programs.run("LGI_explain", *user, job).split())
    except AdministrationError as why:
        return str(why)


def _delete(user: tuple[str, str], job: str) -> None:
    try:
        programs.run("LGI_qdel", *user, "--yes", job)
    except AdministrationError:
        # It is reported already that it does not end, or it is gone.
        return
