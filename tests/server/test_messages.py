"""Faults that an administrator or user meets: each message says what is wrong and what to do."""

import os
import pty
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.capabilities import without_capability
from tests.support.grid import BIN
from tests.support.project_directory import ProjectDirectory
from tests.support.settings import changed

pytestmark = pytest.mark.slow
Result = subprocess.CompletedProcess[str]
# Without root's right to pass over the modes of files, and to use low ports.
LIMITS = ("dac_override", "dac_read_search", "net_bind_service")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProjectDirectory]:
    """A project whose server runs."""
    made = ProjectDirectory(tmp_path_factory.mktemp("project"))
    with made.running():
        yield made


def run(*command: object) -> Result:
    """Run a program as an ordinary user would."""
    words = [*without_capability(*LIMITS), BIN / str(command[0]), *map(str, command[1:])]
    return subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


def with_settings(project: ProjectDirectory, **settings: str) -> Path:
    """Another configuration of the project, with other settings."""
    path = project.config.with_name("other.cfg")
    path.write_text(changed(project.config.read_text(), settings))
    return path


def with_database(project: ProjectDirectory, address: str) -> Path:
    """Another configuration of the project, with another database."""
    path = project.config.with_name("other.cfg")
    path.write_text(re.sub(r"(?m)^database = .*$", f"database = {address}", project.config.read_text()))
    return path


def mariadb_down(project: ProjectDirectory) -> Result:
    address = "mariadb://lgi:SECRET@localhost/LGI?socket=/nowhere/socket"
    return run(
        "LGI_setup",
        project.directory / "new",
        f"--certificates={project.authority}",
        f"--url={project.url}",
        f"--database={address}",
    )


def mariadb_down_for_manage_db(project: ProjectDirectory) -> Result:
    address = "mariadb://lgi:SECRET@localhost/LGI?socket=/nowhere/socket"
    return run("ManageDB", "--config", with_database(project, address), "list", "users", "allowed")


def mariadb_down_for_the_server(project: ProjectDirectory) -> Result:
    address = "mariadb://lgi:SECRET@localhost/LGI?socket=/nowhere/socket"
    return run("LGI_server", "--check", with_database(project, address))


def port_in_use(project: ProjectDirectory) -> Result:
    return run("LGI_server", project.config)


def low_port(project: ProjectDirectory) -> Result:
    return run("LGI_server", with_settings(project, listen="127.0.0.1:1"))


def misspelt_setting(project: ProjectDirectory) -> Result:
    path = with_settings(project)
    path.write_text(path.read_text().replace("\nlisten =", "\nlissten ="))
    return run("LGI_server", path)


def no_database(project: ProjectDirectory) -> Result:
    return run("LGI_server", with_database(project, "sqlite:gone.sqlite"))


def read_only_database(project: ProjectDirectory) -> Result:
    file = project.config.with_name("read-only.sqlite")
    file.touch(0o400)
    return run("LGI_server", with_database(project, f"sqlite:{file.name}"))


def other_host(project: ProjectDirectory) -> Result:
    return run(
        "LGI_qstat", "-c", project.directory / "mark.LGI", "-S", project.url.replace("localhost", "127.0.0.1")
    )


def no_path(project: ProjectDirectory) -> Result:
    return run("LGI_qstat", "-c", project.directory / "mark.LGI", "-S", project.url.removesuffix("/LGI"))


def closed_key(project: ProjectDirectory) -> Result:
    key = project.directory / "mark.LGI" / "privatekey"
    key.chmod(0)
    try:
        return run("LGI_qstat", "-c", key.parent)
    finally:
        key.chmod(0o600)


def last_administrator(project: ProjectDirectory) -> Result:
    return run("LGI_certificates", "--directory", project.authority, "revoke", "mark@laptop")


DOWN = r"the database mariadb://lgi:\.\.\.@localhost/LGI\?socket=/nowhere/socket cannot be reached: .*;"
DOWN = f"{DOWN} is MariaDB running, and are host, port and socket right\\?"
MESSAGES: dict[Callable[[ProjectDirectory], Result], str] = {
    mariadb_down: f"LGI_setup: {DOWN}",
    mariadb_down_for_manage_db: f"ManageDB: {DOWN}",
    mariadb_down_for_the_server: f"LGI_server: project LGI: {DOWN}",
    port_in_use: r"LGI_server: listen = .*: Address already in use: another program has this port",
    low_port: r"LGI_server: listen = .*: Permission denied: ports below 1024 are for root",
    misspelt_setting: r"LGI_server: .*other.cfg, line \d+: \[server\] lissten: .* did you mean 'listen'\?",
    no_database: r"LGI_server: the database file .*gone.sqlite does not exist: restore it, or",
    read_only_database: r"LGI_server: the database file .*: Permission denied; the server's user must",
    other_host: r"Error posting to server .*: certificate verify failed: IP address mismatch, .*, only for"
    r" localhost: write one of these into the URL.* LGI_certificates server localhost --also 127.0.0.1",
    no_path: r"Error posting to server .*\(HTTP 404\): it has no project server at this path; is its",
    closed_key: r"LGI_qstat: cannot use .*privatekey: Permission denied: it belongs to \w+ and has",
    last_administrator: r"LGI_certificates: mark@laptop is the last administrator: .*; issue one first, or",
}


@pytest.mark.parametrize("fault", MESSAGES, ids=lambda fault: fault.__name__)
def test_a_fault_is_told_with_what_to_do(
    project: ProjectDirectory, fault: Callable[[ProjectDirectory], Result]
) -> None:
    """In one line, without a password and without a traceback."""
    done = fault(project)

    told = done.stdout + done.stderr
    assert re.search(f"^{MESSAGES[fault]}", told, re.MULTILINE), told
    assert "SECRET" not in told
    assert "Traceback" not in told
    assert done.returncode != 0 or fault is mariadb_down_for_the_server


def test_the_last_administrator_is_revoked_after_a_question(tmp_path: Path) -> None:
    """No keeps the certificate, yes revokes it; one of two administrators is revoked without a question."""
    place = tmp_path / "certificates"
    certificates = [BIN / "LGI_certificates", "--directory", place]
    subprocess.run([*certificates, "init"], check=True, capture_output=True)
    for name in ("mark@laptop", "eve@desk"):
        subprocess.run([*certificates, "user", name, "--group", "admin"], check=True, capture_output=True)

    unasked = subprocess.run(
        [*certificates, "revoke", "eve@desk"], stdin=subprocess.DEVNULL, capture_output=True
    )
    answers = [answered([*certificates, "revoke", "mark@laptop"], answer) for answer in ("n\n", "y\n")]

    assert unasked.returncode == 0
    assert answers == [1, 0]


def answered(command: list[object], answer: str) -> int:
    """The exit code of a command whose question is answered at a terminal."""
    ours, theirs = pty.openpty()
    asked = subprocess.Popen(
        map(str, command), stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    os.write(ours, answer.encode())
    printed, _ = asked.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert b"Revoke it? [y/N]" in printed
    return asked.returncode


@pytest.mark.parametrize(
    ("projects", "is_told"), [(("Other",), True), (("Other", "LGI"), False), ((), False)]
)
def test_a_resource_whose_certificate_excludes_the_project_is_told_of(
    project: ProjectDirectory, projects: tuple[str, ...], is_told: bool
) -> None:
    """It is registered, as it may get another certificate; the command that makes one is in the warning."""
    name = f"node{len(projects)}@{'x' if is_told else 'y'}.example.org"
    words = [word for one in projects for word in ("--project", one)]
    run("LGI_certificates", "--directory", project.authority, "resource", name, *words)

    added = run(
        *(
            "ManageDB",
            "--config",
            project.config,
            "add",
            "resources",
            "allowed",
            "--name",
            name,
            "--url",
            name,
        ),
        *("--certificate", project.authority / f"{name}.crt", "--project-server", "0", "--servers", "any"),
    )

    warning = (
        "Warning: the certificate is for Other, not for LGI, whose server will refuse it. Make one for all:"
        f" LGI_certificates resource {name} --force --project Other --project LGI\n"
    )
    assert added.returncode == 0
    assert (warning in added.stdout) == is_told
