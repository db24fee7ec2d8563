"""What --check tries out: the key, the certificate, the scripts and the servers of a configuration."""

import shutil
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lgi_daemon.cli import probes
from lgi_daemon.cli.main import main
from lgi_daemon.cli.probes import Severity, findings
from lgi_daemon.config.model import Configuration, load
from lgi_daemon.execution import sandbox
from lgi_tools.certificates.ca import Authority
from lgi_tools.certificates.entity import Issued
from tests.support.canned_server import CannedServer, lgi, lgi_error

from .test_configuration import edit

NOTE, WARNING, ERROR = Severity.NOTE, Severity.WARNING, Severity.ERROR
SIGN_UP, SIGN_OFF = "resources/resource_signup_resource", "resources/resource_signoff_resource"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The CA of the project."""
    return Authority.create(tmp_path_factory.mktemp("authority") / "certificates")


@pytest.fixture(scope="module")
def laptop(authority: Authority) -> Issued:
    """The resource's certificate."""
    return authority.issue_resource("laptop@test", ("LGI",))


@pytest.fixture
def server(authority: Authority) -> Iterator[CannedServer]:
    """The project server."""
    stem = authority.directory / "localhost"
    issued = Issued(stem.with_suffix(".crt"), stem.with_suffix(".key"), None)
    started = CannedServer(authority, issued if issued.key.exists() else authority.issue_server("localhost"))
    yield started
    started.close()


@pytest.fixture
def configuration(file: Path, authority: Authority, laptop: Issued, server: CannedServer) -> Configuration:
    """The shipped example with the files of that project, and its server."""
    folder = file.parents[2] / "certificates"
    shutil.copy(authority.ca_file, folder / "LGI+CA.crt")
    shutil.copy(laptop.certificate, folder / "laptop.crt")
    shutil.copy(laptop.key, folder / "laptop.key")
    edit(file, "https://localhost/LGI", server.url)
    return load(file, as_root=False)


def found(configuration: Configuration, *severities: Severity) -> list[str]:
    """What is found, of some severities."""
    return [one.text for one in findings(configuration, 60.0) if one.severity in severities]


def accepting(server: CannedServer) -> None:
    """Let the server know the resource."""
    server.will_answer_call(SIGN_UP, lgi("<session_id> 7 </session_id>"))
    server.will_answer_call(SIGN_OFF, lgi("<session_id> 7 </session_id>"))


def test_a_configuration_that_works_is_told_with_its_server(
    configuration: Configuration, server: CannedServer
) -> None:
    """It is signed up and off again, and what the project knows of the resource stays as it is."""
    accepting(server)

    assert found(configuration, NOTE) == [f"project LGI: signed up at {server.url}"]
    assert found(configuration, WARNING, ERROR) == []
    assert "capabilities" not in server.requests[0].fields
    assert server.requests[1].fields["session_id"] == "7"


def test_a_key_that_others_may_read_is_a_warning(configuration: Configuration, server: CannedServer) -> None:
    """Any reader of the key can act as the resource."""
    accepting(server)
    key = configuration.credentials.key
    key.chmod(0o640)

    assert found(configuration, WARNING, ERROR) == [
        f"others may use the private key {key}, its mode is 640: chmod 600 {key}"
    ]


def test_a_certificate_of_another_ca_is_an_error(
    configuration: Configuration, server: CannedServer, tmp_path: Path
) -> None:
    """No server of the project would accept it, and the daemon would only say that it is refused."""
    stranger = Authority.create(tmp_path / "other").issue_resource("laptop@test", ("LGI",))
    credentials = replace(configuration.credentials, certificate=stranger.certificate, key=stranger.key)

    told = found(replace(configuration, credentials=credentials), ERROR)

    assert told == [
        f"the certificate {stranger.certificate} is not accepted with the CA {credentials.ca}: "
        "unable to get local issuer certificate"
    ]


def test_a_certificate_that_expires_is_a_warning(configuration: Configuration) -> None:
    """The daemon's log repeats it every day."""
    soon = datetime.now(UTC) + timedelta(days=3640)

    told = [str(one) for one in probes.credential_findings(configuration.credentials, soon)]

    assert len(told) == 2
    assert all(line.startswith("WARNING: the certificate ") for line in told)


def test_a_server_that_refuses_the_resource_is_an_error(
    configuration: Configuration, server: CannedServer
) -> None:
    """With its number and what it says."""
    server.will_answer_call(SIGN_UP, lgi_error(5, "That resource is not known to the project"))

    (told,) = found(configuration, ERROR)

    assert told.startswith(f"{server.url} refuses the resource in project LGI: ")
    assert "That resource is not known to the project" in told


def test_an_error_ends_the_command_with_1(
    configuration: Configuration, server: CannedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is on standard error, and the summary is printed all the same."""
    server.will_answer_call(SIGN_UP, lgi_error(5, "not known"))

    code = main(["--check", str(configuration.file)])

    out, err = capsys.readouterr()
    assert code == 1
    assert "jobs are checked every 120 s" in out
    assert err.startswith(f"ERROR: {server.url} refuses the resource in project LGI")


def test_a_busy_server_is_a_warning(configuration: Configuration, server: CannedServer) -> None:
    """The daemon comes back later."""
    server.will_answer_call(SIGN_UP, lgi_error(1, "busy", timeout=10))

    (told,) = found(configuration, WARNING)

    assert "busy" in told


def test_a_server_that_cannot_be_reached_is_a_warning_with_the_reason(
    configuration: Configuration, server: CannedServer
) -> None:
    """The daemon tries again by itself."""
    server.close()

    (told,) = found(configuration, WARNING)

    assert told.startswith(f"{server.url} cannot be reached for project LGI: ")
    assert "refused" in told


def test_servers_that_do_not_answer_have_one_deadline_together(configuration: Configuration) -> None:
    """Two that accept connections and say nothing cost as much as one."""
    (project,) = configuration.projects
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/LGI"
        both = (replace(project, master_server=url), replace(project, name="Two", master_server=url))
        began = time.monotonic()

        told = list(probes.server_findings(replace(configuration, projects=both), 0.5))

        assert time.monotonic() - began < 30
    assert [one.severity for one in told] == [WARNING, WARNING]
    assert told[1].text == f"{url} has not answered within 0.5 s, for project Two"


def test_a_script_that_says_no_is_a_warning_with_what_it_says(
    configuration: Configuration, server: CannedServer
) -> None:
    """It finds the programs of LGI, as it does under the daemon, and leaves nothing behind."""
    accepting(server)
    script = configuration.projects[0].applications[0].check_system_limits_script
    script.write_text("#!/bin/sh\nLGI_csv -e 1 'no squeue, here' >&2\nexit 4\n")

    assert found(configuration, WARNING, ERROR) == [
        "no jobs of LGI/hello_world would be fetched now: check_system_limits_script exits with 4: no squeue"
    ]
    assert list(configuration.run_directory.iterdir()) == []


def test_programs_that_jobs_cannot_run_are_an_error(
    configuration: Configuration, server: CannedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Jobs with files would all fail: the exit code says so."""
    accepting(server)
    monkeypatch.setattr(sandbox, "programs_problem", lambda uid: f"jobs of uid {uid} cannot")

    assert found(configuration, ERROR) == [f"jobs of uid {configuration.sandbox_uids.start} cannot"]
