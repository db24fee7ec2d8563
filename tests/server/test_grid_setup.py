"""LGI_setup grid: a whole project by one command, or nothing of it."""

import json
import os
import pty
import pwd
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lgi_server.cli.setup import grid_options, owner
from lgi_server.config import parser as configuration
from tests.support.grid import BIN, free_port, wait_for

pytestmark = pytest.mark.slow
Result = subprocess.CompletedProcess[str]
URL = "https://localhost:8443/LGI"
EVERYTHING = {"certificates", "server", "mark.LGI"}


def set_up(directory: Path, *words: str, url: str = URL) -> Result:
    """Run LGI_setup grid in a directory; the exit code and what it prints."""
    command = [
        BIN / "LGI_setup",
        "grid",
        "--directory",
        directory,
        f"--url={url}",
        "--admin=mark@laptop",
        *words,
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def killed_set_up(parent: Path, last: str) -> Path:
    """A directory in which LGI_setup grid was killed once a file was there: before its end, or once more."""
    for number in range(50):
        directory = parent / str(number)
        command = [BIN / "LGI_setup", "grid", "--directory", directory, f"--url={URL}", "--admin=mark@laptop"]
        killed = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
        while killed.poll() is None and not (directory / last).exists():
            continue
        if killed.poll() is None:
            os.killpg(killed.pid, signal.SIGKILL)
            killed.wait(60)
        if (directory / ".LGI_setup").exists():
            return directory
    raise AssertionError(f"LGI_setup ended each time before it was killed at {last}")


@contextmanager
def stopped_set_up(parent: Path) -> Iterator[tuple[Path, subprocess.Popen[bytes]]]:
    """A directory, and LGI_setup grid that stands still there in the middle: before its end, or once more."""
    for number in range(50):
        directory = parent / str(number)
        command = [BIN / "LGI_setup", "grid", "--directory", directory, f"--url={URL}", "--admin=mark@laptop"]
        stopped = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        while stopped.poll() is None and not (directory / "certificates").exists():
            continue
        if stopped.poll() is None:
            os.kill(stopped.pid, signal.SIGSTOP)
            # Until it has stopped or ended; the end can still be waited for.
            os.waitid(os.P_PID, stopped.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        try:
            if (directory / ".LGI_setup").exists():
                yield directory, stopped
                return
        finally:
            stopped.send_signal(signal.SIGCONT)
            stopped.wait(60)
    raise AssertionError("LGI_setup ended each time before it was stopped")


def contents(directory: Path) -> dict[str, tuple[int, bytes]]:
    """Every file of a directory with its time of change and its bytes."""
    files = [path for path in directory.rglob("*") if path.is_file()]
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def names(directory: Path) -> set[str]:
    """What is in a directory; nothing when there is none."""
    return {path.name for path in directory.iterdir()} if directory.exists() else set()


def listens(port: int) -> bool:
    """Whether a program accepts connections."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_grid_that_one_command_has_made_answers_its_administrator(tmp_path: Path) -> None:
    """The server starts with what was made, and knows the administrator by the settings made for him."""
    port = free_port()

    made = set_up(tmp_path, url=f"https://localhost:{port}/LGI")

    assert (made.returncode, made.stderr) == (0, "")
    with (tmp_path / "log").open("wb") as log:
        command = [BIN / "LGI_server", tmp_path / "server" / "LGI_server.cfg"]
        server = subprocess.Popen(command, stdout=log, stderr=log)
    asked = [BIN / "LGI_qstat", "-c", tmp_path / "mark.LGI", "-L"]
    try:
        # One that finds no server waits half a minute for it.
        wait_for(lambda: listens(port))
        wait_for(lambda: subprocess.run(asked, capture_output=True, check=False).returncode == 0)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(60)


def test_the_next_steps_are_five_lines_at_most(tmp_path: Path) -> None:
    """Each of them is a command, and the password of the browser's certificate is that of the file."""
    made = set_up(tmp_path)

    steps = made.stdout.partition("Next:\n")[2].splitlines()
    assert 0 < len(steps) <= 5
    assert all(re.match(r"  (LGI_|systemctl )", step) for step in steps)
    password = re.search(r"the password (\S+) ", made.stdout)
    assert password is not None
    p12 = ["openssl", "pkcs12", "-in", tmp_path / "certificates" / "mark@laptop.p12", "-nokeys"]
    opened = subprocess.run([*p12, "-passin", f"pass:{password[1]}"], capture_output=True, check=False)
    assert opened.returncode == 0


def test_a_grid_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    """The second run names what there is, and changes no file."""
    set_up(tmp_path)
    before = contents(tmp_path)

    again = set_up(tmp_path)

    assert again.returncode == 0
    assert again.stdout.count("(there already)") == 6
    assert "Nothing was changed." in again.stdout
    assert contents(tmp_path) == before


def test_a_grid_of_another_address_is_not_taken_for_this_one(tmp_path: Path) -> None:
    """The message names both addresses, and the files of a wrong try are gone."""
    set_up(tmp_path)
    before = contents(tmp_path)

    other = set_up(tmp_path, url="https://lgi.example.org/LGI")

    assert other.returncode == 1
    assert f"is of {URL}, not of https://lgi.example.org/LGI: choose another --directory" in other.stderr
    assert contents(tmp_path) == before


def test_a_user_may_submit_a_hundred_jobs_and_an_administrator_any_number(tmp_path: Path) -> None:
    """No rule has to be added for a new user."""
    set_up(tmp_path)
    command = [BIN / "ManageDB", "--config", tmp_path / "server" / "LGI_server.cfg", "list"]

    found = [
        json.loads(subprocess.check_output([*command, kind, "allowed", "--format=json"]))
        for kind in ("users", "groups")
    ]

    assert found == [
        [{"user_name": "any", "application": "any", "job_limit": -100}],
        [{"group_name": "admin", "application": "any", "job_limit": 0}],
    ]


@pytest.mark.parametrize(
    "last", ["certificates/ca.crt", "certificates/localhost.crt", "server/LGI_server.cfg", "mark.LGI"]
)
def test_a_set_up_that_was_killed_is_made_anew(tmp_path: Path, last: str) -> None:
    """The next one removes what there is of it, says so, and leaves a whole grid."""
    directory = killed_set_up(tmp_path, last)

    made = set_up(directory)

    assert (made.returncode, made.stderr) == (0, "")
    assert "What an interrupted LGI_setup had made was removed." in made.stdout
    assert "there already" not in made.stdout
    assert names(directory) == EVERYTHING


def test_two_set_ups_of_one_directory_do_not_meet(tmp_path: Path) -> None:
    """The second one is refused while the first one runs, and the first one ends well."""
    with stopped_set_up(tmp_path) as (directory, first):
        second = set_up(directory)

    assert second.returncode == 1
    assert second.stderr == (
        f"LGI_setup: another LGI_setup is at work in {directory}: wait until it has ended\n"
    )
    assert first.returncode == 0
    assert names(directory) == EVERYTHING


def test_a_file_of_others_in_the_way_undoes_the_whole_set_up(tmp_path: Path) -> None:
    """It is the last step that fails here; the file itself stays."""
    directory = tmp_path / "grid"
    (directory / "mark.LGI").mkdir(parents=True)
    (directory / "mark.LGI" / "user").write_text("someone\n")

    made = set_up(directory)

    assert made.returncode == 1
    assert "mark.LGI/user already exists" in made.stderr
    assert names(directory) == {"mark.LGI"}
    assert names(directory / "mark.LGI") == {"user"}


def test_a_directory_that_a_failed_set_up_has_made_is_removed(tmp_path: Path) -> None:
    """So is everything in it; the message says what was wrong."""
    made = set_up(tmp_path / "grid", "--database=mariadb://lgi@localhost/LGI?socket=/nowhere/sock")

    assert made.returncode == 1
    assert "/nowhere/sock" in made.stderr
    assert not (tmp_path / "grid").exists()


def test_answers_are_read_from_a_file(tmp_path: Path) -> None:
    """Each line is an option; the command line is stronger."""
    answers = tmp_path / "answers"
    answers.write_text(
        f"# of the first server\nurl = {URL}\nadmin = eve@desk\nproject = Theory\nalso = 127.0.0.1, lgi\n"
    )

    command = [
        BIN / "LGI_setup",
        "grid",
        "--directory",
        tmp_path,
        "--answers",
        answers,
        "--admin=mark@laptop",
    ]
    made = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert (made.returncode, made.stderr) == (0, "")
    assert list(configuration.load(tmp_path / "server" / "LGI_server.cfg").projects) == ["Theory"]
    assert names(tmp_path) == EVERYTHING | {"answers"}
    certificate = tmp_path / "certificates" / "localhost.crt"
    shown = subprocess.run(
        ["openssl", "x509", "-in", certificate, "-noout", "-ext", "subjectAltName"],
        capture_output=True,
        text=True,
    )
    assert "DNS:localhost, IP Address:127.0.0.1, DNS:lgi" in shown.stdout


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("urll = x\n", "line 1: there is no option 'urll'; did you mean 'url'?"),
        ("\nurl\n", "line 2: 'url' is not 'option = value'"),
        ("admin = a\nadmin = b\n", "line 2: admin is answered a second time"),
    ],
)
def test_a_wrong_answer_is_told_with_its_line(tmp_path: Path, text: str, why: str) -> None:
    """Nothing is made."""
    answers = tmp_path / "answers"
    answers.write_text(text)

    made = set_up(tmp_path / "grid", "--answers", str(answers))

    assert made.returncode == 1
    assert made.stderr == f"LGI_setup: {answers}, {why}\n"
    assert not (tmp_path / "grid").exists()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--url=https://lgi.example.org",), "has no path: write https://lgi.example.org/LGI"),
        (("--url=http://lgi.example.org/LGI",), "write an address such as https://lgi.example.org/LGI"),
        (("--user=nobody-of-this-name",), "there is no such account: make it with useradd --system"),
        (("--database-admin=sqlite:x",), "is not of MariaDB: mariadb://USER@HOST"),
    ],
)
def test_a_wrong_option_is_refused_before_anything_is_made(
    tmp_path: Path, words: tuple[str, ...], why: str
) -> None:
    """The message says what to write."""
    made = set_up(tmp_path / "grid", *words)

    assert made.returncode == 1
    assert why in made.stderr
    assert not (tmp_path / "grid").exists()


def test_a_person_at_a_terminal_is_asked(tmp_path: Path) -> None:
    """An empty line takes the default, which is shown; without a terminal the option is asked for."""
    ours, theirs = pty.openpty()
    command = [BIN / "LGI_setup", "grid", "--directory", tmp_path, "--admin=mark@laptop"]
    asked = subprocess.Popen(command, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    os.write(ours, f"{URL}\nTheory\n\n\n".encode())

    printed, questions = asked.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    without = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)

    assert asked.returncode == 0, questions
    assert "Name of the first administrator [mark@laptop]" in questions
    assert "Theory.sqlite" in printed
    assert without.stderr == "LGI_setup: give the server's address: --url https://lgi.example.org/LGI\n"


def test_a_unit_of_systemd_has_the_places_of_this_grid(tmp_path: Path) -> None:
    """It starts this configuration, and may write to the directory of the server only."""
    made = set_up(tmp_path, f"--units={tmp_path / 'units'}")

    unit = (tmp_path / "units" / "lgi-server.service").read_text().splitlines()
    assert (made.returncode, made.stderr) == (0, "")
    assert f"ExecStart={BIN / 'LGI_server'} {tmp_path / 'server' / 'LGI_server.cfg'}" in unit
    assert f"ReadWritePaths={tmp_path / 'server'}" in unit
    assert not [line for line in unit if line.startswith("StateDirectory")]


def test_the_first_resource_has_a_unit_too(tmp_path: Path) -> None:
    """Its daemon may write to its own directory, where its jobs are, even below /etc."""
    made = set_up(tmp_path, f"--units={tmp_path / 'units'}", "--resource=desktop@example.org")

    place = tmp_path / "desktop"
    unit = (tmp_path / "units" / "lgi-daemon.service").read_text().splitlines()
    assert (made.returncode, made.stderr) == (0, "")
    assert f"ExecStart={BIN / 'LGI_daemon'} {place / 'LGI.cfg'}" in unit
    assert f"ConditionPathExists={place / 'LGI.cfg'}" in unit
    assert f"ReadWritePaths={place}" in unit
    assert not [line for line in unit if line.startswith("StateDirectory")]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to another account")
def test_the_account_of_the_server_gets_its_files_from_root(tmp_path: Path) -> None:
    """Configuration, data and the server's keys, and never the key of the authority."""
    made = set_up(tmp_path, "--user=nobody", f"--data={tmp_path / 'data'}")

    assert (made.returncode, made.stderr) == (0, "")
    nobody = pwd.getpwnam("nobody").pw_uid
    theirs = {path.name for path in tmp_path.rglob("*") if path.stat().st_uid == nobody}
    assert theirs == {
        *("server", "LGI_server.cfg", "data", "LGI.sqlite", "repository", "jobs.crt", "jobs.key"),
        *("localhost.key", "LGI@localhost.key"),
    }
    assert (tmp_path / "certificates").stat().st_mode & 0o777 == 0o710


def test_an_account_without_a_name_has_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in containers; it can set up a grid all the same."""
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    monkeypatch.setattr(os, "getuid", lambda: 54321)

    assert owner.account(None) == "uid54321"
    assert grid_options.default_admin().startswith("uid54321@")
