"""LGI_setup check: each fault is one line, which says what is wrong and how to mend it."""

import re
import shutil
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from lgi_tools.certificates.ca import Authority
from tests.support.grid import BIN
from tests.support.project_directory import ProjectDirectory

pytestmark = pytest.mark.slow
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> ProjectDirectory:
    """One for all tests, whose server does not run."""
    made = ProjectDirectory(tmp_path_factory.mktemp("project"))
    made.keep()
    return made


@pytest.fixture
def project(kept: ProjectDirectory) -> ProjectDirectory:
    """The project as LGI_setup has made it."""
    kept.renew()
    return kept


@pytest.fixture(scope="module")
def before(kept: ProjectDirectory) -> subprocess.CompletedProcess[str]:
    """What a check says of the project without a fault."""
    kept.renew()
    return kept.check()


def of_another_host(project: ProjectDirectory) -> None:
    now = datetime.now(UTC)
    project.issue("lgi.example.org", now - DAY, now + 100 * DAY)


def expired(project: ProjectDirectory) -> None:
    now = datetime.now(UTC)
    project.issue("localhost", now - 9 * DAY, now - DAY)


def soon_expired(project: ProjectDirectory) -> None:
    now = datetime.now(UTC)
    project.issue("localhost", now - DAY, now + 9 * DAY)


def not_yet_valid(project: ProjectDirectory) -> None:
    now = datetime.now(UTC)
    project.issue("localhost", now + DAY, now + 9 * DAY)


def blank_in_url(project: ProjectDirectory) -> None:
    project.change(url=project.url.replace("localhost", "local host"))


def of_another_key(project: ProjectDirectory) -> None:
    shutil.copy(project.authority / "LGI@localhost.key", project.authority / "localhost.key")


def of_another_authority(project: ProjectDirectory) -> None:
    other = Authority.create(project.directory / "other").issue_resource("LGI@localhost")
    for file in (other.certificate, other.key):
        shutil.copy(file, project.authority)


def readable_key(project: ProjectDirectory) -> None:
    (project.authority / "localhost.key").chmod(0o644)


def revoked(project: ProjectDirectory) -> None:
    Authority.open(project.authority).revoke("localhost")


def broken_list(project: ProjectDirectory) -> None:
    (project.authority / "ca.crl").write_text("-----BEGIN X509 CRL-----\n")


def no_list(project: ProjectDirectory) -> None:
    text = project.config.read_text()
    project.config.write_text(re.sub(r"(?m)^crl = .*\n", "", text))


def low_port(project: ProjectDirectory) -> None:
    project.change(listen="127.0.0.1:1")


def no_such_address(project: ProjectDirectory) -> None:
    project.change(listen="192.0.2.1:8443")


def no_database(project: ProjectDirectory) -> None:
    (project.config.parent / "LGI.sqlite").unlink()


def older_database(project: ProjectDirectory) -> None:
    project.sql("UPDATE schema_version SET version = 2")


def public_database(project: ProjectDirectory) -> None:
    (project.config.parent / "LGI.sqlite").chmod(0o644)


def late_event(project: ProjectDirectory) -> None:
    project.sql("REPLACE INTO event_queue (event_time_stamp, event) VALUES (%s, 'x')", int(time.time()) - 600)


def future_heartbeat(project: ProjectDirectory) -> None:
    later = int(time.time()) + 600
    project.sql(
        "REPLACE INTO server_heartbeats (server, reachable_since, last_beat) VALUES ('x', 1, %s)", later
    )


def closed_repository(project: ProjectDirectory) -> None:
    (project.config.parent / "repository").chmod(0o500)


def misspelt(project: ProjectDirectory) -> None:
    project.config.write_text(project.config.read_text().replace("\nlisten =", "\nlistten ="))


FAULTS: dict[Callable[[ProjectDirectory], None], str] = {
    of_another_host: "certificates: .*localhost.crt is for lgi.example.org, and the url for localhost:"
    " clients refuse it; LGI_certificates server lgi.example.org --also localhost --force",
    expired: "certificates: .*localhost.crt expired on .*; LGI_certificates renew localhost",
    soon_expired: "certificates: .*localhost.crt expires on .* \\(in 8 days\\); LGI_certificates renew",
    not_yet_valid: "certificates: .*localhost.crt is not yet valid, .*; set the clock of this machine",
    of_another_key: "certificates: .*localhost.key is not the key of .*localhost.crt; LGI_certificates renew",
    of_another_authority: "certificates: .*LGI@localhost.crt was not signed by .*ca.crt; correct",
    readable_key: "certificates: .*localhost.key can be read by others than its owner; chmod 600",
    revoked: "certificates: .*localhost.crt is revoked; make another one: LGI_certificates",
    broken_list: "certificates: .*ca.crl: .*; LGI_certificates crl writes it again",
    no_list: "certificates: revoked certificates are accepted; write crl = .*ca.crl into \\[certificates\\]",
    low_port: "address: no server can listen on 127.0.0.1:1; Permission denied: ports below 1024 are",
    no_such_address: "address: no server can listen on 192.0.2.1:8443; Cannot assign requested address",
    no_database: "database: the database file .*LGI.sqlite does not exist: restore it",
    older_database: "database: .* is of version 2, and this program needs .*: LGI_setup upgrade",
    public_database: "files: .*LGI.sqlite can be read by others than its owner; chmod 600 .*LGI.sqlite",
    late_event: "database: project LGI: no scheduler has run for 10 minutes; LGI_server starts it, unless",
    future_heartbeat: "database: project LGI: a server has written the time .* s ahead of this machine's",
    closed_repository: "files: .*repository cannot be written to by this account; give it to the server's",
    misspelt: "configuration: .*line .*: \\[server\\] listten: .* did you mean 'listen'\\?; correct it, then",
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_fault_is_one_line_with_a_remedy(
    before: subprocess.CompletedProcess[str],
    project: ProjectDirectory,
    fault: Callable[[ProjectDirectory], None],
) -> None:
    """It is not there before the fault is, and the exit code is that of an error or a warning."""
    line = re.compile(f"^(ERROR|WARNING) +{FAULTS[fault]}", re.MULTILINE)

    fault(project)
    after = project.check()

    assert not line.search(before.stdout)
    assert line.search(after.stdout), after.stdout + after.stderr
    assert (after.returncode, after.stderr) == (2, "")


@pytest.mark.parametrize(
    ("fault", "line"),
    [
        (expired, "localhost.crt expired on .*; LGI_certificates renew localhost"),
        (not_yet_valid, "localhost.crt is not yet valid, .*; set the clock of this machine"),
        (blank_in_url, r"\[server\] url = .*: write an address without blanks, such as https://"),
    ],
)
def test_a_server_is_not_called_good_with_what_clients_refuse(
    project: ProjectDirectory, fault: Callable[[ProjectDirectory], None], line: str
) -> None:
    """LGI_server --check says so too, with the same remedy, and its exit code is 1."""
    command = [BIN / "LGI_server", "--check", project.config]
    before = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    fault(project)
    after = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert (before.returncode, before.stderr) == (0, "")
    assert (after.returncode, after.stdout) == (1, "")
    assert re.search(line, after.stderr), after.stderr
