"""The checks of ``--check`` after the configuration: key, certificates, scripts, and servers."""

import stat
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path

from lgi_daemon.claiming.system_limits import SystemLimits
from lgi_daemon.cli.backend_settings import misspellings
from lgi_daemon.cli.handshake import client_certificate_fault
from lgi_daemon.config.model import ApplicationSettings, Configuration, ProjectSettings
from lgi_daemon.execution import sandbox
from lgi_daemon.execution.environment import link_programs
from lgi_daemon.execution.scripts import Scripts
from lgi_daemon.rundir import daemon_number
from lgi_daemon.servers.connections import connector
from lgi_protocol import expiry
from lgi_protocol.credentials import Credentials
from lgi_protocol.errors import ServerError, TransportError

# So many seconds all servers together have to answer.
SERVER_SECONDS = 15.0
_FOR_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class Severity(Enum):
    """The severity of a finding: ERROR keeps the resource from working until it is corrected."""

    NOTE = ""
    WARNING = "WARNING: "
    ERROR = "ERROR: "


@dataclass(frozen=True)
class Finding:
    """One thing that was found out, and how bad it is."""

    severity: Severity
    text: str

    def __str__(self) -> str:
        """Return the line that is printed."""
        return f"{self.severity.value}{self.text}"


def findings(configuration: Configuration, seconds: float = SERVER_SECONDS) -> Iterator[Finding]:
    """Try everything out; the servers have ``seconds`` to answer."""
    yield from credential_findings(configuration.credentials, datetime.now(UTC))
    if problem := sandbox.programs_problem(configuration.sandbox_uids.start):
        yield Finding(Severity.ERROR, problem)
    yield from script_findings(configuration)
    yield from server_findings(configuration, seconds)


def credential_findings(credentials: Credentials, now: datetime) -> Iterator[Finding]:
    """Look at the mode of the key and the expiry of the certificates; compare the certificate with the CA."""
    mode = stat.S_IMODE(credentials.key.stat().st_mode)
    if mode & _FOR_OTHERS:
        text = f"others may use the private key {credentials.key}, its mode is {mode:o}"
        yield Finding(Severity.WARNING, f"{text}: chmod 600 {credentials.key}")
    for warning in expiry.warnings((credentials.certificate, credentials.ca), now):
        yield Finding(Severity.WARNING, warning)
    if fault := client_certificate_fault(credentials):
        text = f"the certificate {credentials.certificate} is not accepted with the CA {credentials.ca}"
        yield Finding(Severity.ERROR, f"{text}: {fault}")


def script_findings(configuration: Configuration) -> Iterator[Finding]:
    """Ask each check_system_limits_script, and look for misspelt settings in the scripts."""
    with tempfile.TemporaryDirectory(prefix="LGI_check") as place:
        # The run directory has no links to the programs of LGI before the first start.
        programs = link_programs(Path(place))
        limits = SystemLimits(Scripts(), configuration.run_directory, programs)
        for project in configuration.projects:
            for application in project.applications:
                for script, name, close in misspellings(_scripts(application), programs / "LGI_backend"):
                    text = f"{script}: the setting {name} is unknown and ignored: did you mean {close}?"
                    yield Finding(Severity.WARNING, text)
                if reason := limits.ask(project, application).reason:
                    text = f"no jobs of {project.name}/{application.name} would be fetched now: {reason}"
                    yield Finding(Severity.WARNING, text)


def _scripts(application: ApplicationSettings) -> list[Path]:
    more = (application.capabilities_script,) if application.capabilities_script else ()
    return [application.check_system_limits_script, *application.scripts.values(), *more]


def server_findings(configuration: Configuration, seconds: float) -> Iterator[Finding]:
    """Sign up at the master server of each project and off again, at all of them at the same time."""
    results: dict[str, Finding] = {}
    # A call to a name server that does not answer cannot be interrupted: such a thread is left behind.
    threads = [
        threading.Thread(target=_sign_up, args=(configuration, project, results), daemon=True)
        for project in configuration.projects
    ]
    for thread in threads:
        thread.start()
    end = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    for project in configuration.projects:
        silent = f"{project.master_server} has not answered within {seconds:g} s, for project {project.name}"
        yield results.get(project.name, Finding(Severity.WARNING, silent))


def _sign_up(configuration: Configuration, project: ProjectSettings, results: dict[str, Finding]) -> None:
    server = project.master_server
    try:
        calls = connector(configuration.credentials)(project.name, server)
        others = calls.sign_up(daemon=daemon_number.stored(configuration.run_directory)).other_daemons
        calls.sign_off()
        finding = Finding(Severity.NOTE, f"project {project.name}: signed up at {server}")
        if others:
            text = f"{server}: {others} other daemons use the certificate of this resource: give each its own"
            finding = Finding(Severity.WARNING, text)
    except ServerError as error:
        text = f"{server} refuses the resource in project {project.name}: {error}"
        finding = Finding(Severity.WARNING if error.back_off else Severity.ERROR, text)
    except TransportError as error:
        # The daemon tries again by itself.
        text = f"{server} cannot be reached for project {project.name}: {error.reason}"
        finding = Finding(Severity.WARNING, text)
    except ValueError as error:
        finding = Finding(Severity.ERROR, f"the answer of {server} cannot be parsed: {error}")
    results[project.name] = finding
