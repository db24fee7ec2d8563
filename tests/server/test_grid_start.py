"""LGI_setup grid --resource --start: the shortest way to a second person's job."""

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.grid import BIN, free_port, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
Result = subprocess.CompletedProcess[str]


class Machines:
    """The server's machine and that of a second person: two directories."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port, self.join_port = free_port(), free_port()
        self.home = directory / "home"
        self.home.mkdir()
        self.started: list[int] = []

    def run(self, *words: object, text: str = "") -> Result:
        """Run a command there; what it says that it has started is ended at the end."""
        done = subprocess.run(
            [BIN / str(words[0]), *map(str, words[1:])],
            cwd=self.directory,
            input=text,
            capture_output=True,
            text=True,
            timeout=250,
            env={"HOME": str(self.home), "PATH": f"{BIN}:{os.environ['PATH']}"},
        )
        self.started += [int(pid) for pid in re.findall(r"runs as process (\d+)", done.stdout)]
        return done

    def set_up(self) -> Result:
        """Make and start a grid with a resource."""
        url = f"https://localhost:{self.port}/LGI"
        words = ("--admin=mark@laptop", "--resource=desktop@example.org", f"--join-port={self.join_port}")
        return self.run("LGI_setup", "grid", f"--url={url}", *words, "--start")

    def close(self) -> None:
        """End what was started, the daemon last but one as it needs the server."""
        for pid in reversed(self.started):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        for pid in self.started:
            wait_for(lambda pid=pid: has_ended(pid))


def has_ended(pid: int) -> bool:
    """Whether a process is gone; it may be a child of nobody who waits for it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@pytest.fixture
def machines() -> Iterator[Machines]:
    """Nothing is installed on them but LGI."""
    directory = Path(tempfile.mkdtemp(prefix="lgi-start-"))
    # A daemon of root runs each job as a user of its own, who must get to its directory.
    directory.chmod(0o755)
    made = Machines(directory)
    yield made
    made.close()
    # Jobs end after their daemon, and may write until then.
    shutil.rmtree(directory, ignore_errors=True)


def test_four_commands_lead_to_the_job_of_a_second_person(machines: Machines) -> None:
    """Set-up with start and a token on the server's machine; log-in and job on the other one."""
    made = machines.set_up()
    user = ("--user", "anna@desk", "--project", "LGI", "--url", f"https://localhost:{machines.join_port}")
    token = machines.run("LGI_certificates", "token", *user)
    (word,) = re.findall(r"lgiuser1\.\S+", token.stdout)

    (machines.directory / "token").write_text(f"{word}\n")
    logged_in = machines.run(
        "LGI_login", f"https://localhost:{machines.join_port}", "--token-file", machines.directory / "token"
    )
    job = machines.run("LGI_run", "--wait", "--", "echo", "hello from anna")

    assert (made.returncode, made.stderr) == (0, "")
    assert logged_in.returncode == 0, logged_in.stderr
    assert (job.returncode, job.stdout) == (0, "hello from anna\n")


def test_a_grid_that_runs_passes_its_check_with_a_job(machines: Machines) -> None:
    """Every topic, and a job that is submitted, run and deleted."""
    machines.set_up()

    done = machines.run("LGI_setup", "check", "--job", "mark.LGI")

    assert done.stdout.endswith("ok      files\nok      test job\n"), done.stdout
    assert done.returncode == 0
    assert "hello_world" not in machines.run("LGI_qstat", "-c", "mark.LGI").stdout


def test_a_start_that_is_repeated_starts_what_does_not_run(machines: Machines) -> None:
    """As after one that was killed in the middle; here the listener has ended since."""
    first = machines.set_up()
    again = machines.set_up()
    listener = int(re.findall(r"LGI_certificates runs as process (\d+)", first.stdout)[0])
    os.kill(listener, signal.SIGTERM)
    wait_for(lambda: has_ended(listener))

    last = machines.set_up()

    for done in (first, again, last):
        assert (done.returncode, done.stderr) == (0, "")
    assert started(again) == [
        f"https://localhost:{machines.port}/LGI runs already",
        "LGI_daemon runs already",
        f"LGI_certificates listens on port {machines.join_port} already",
    ]
    assert started(last)[:2] == started(again)[:2]
    assert started(last)[2].startswith("LGI_certificates runs as process ")


def started(done: Result) -> list[str]:
    """What a set-up says that it has started."""
    return re.findall(r"^Started +: (.*)$", done.stdout, re.MULTILINE)


def test_a_program_that_has_the_port_of_the_server_is_told(machines: Machines) -> None:
    """It is not taken for the server; the next set-up starts that once the port is free."""
    with socket.create_server(("localhost", machines.port)):
        refused = machines.set_up()
    done = machines.set_up()

    assert refused.returncode == 1
    assert "something else has its port: https://localhost:" in refused.stderr
    assert "does not answer here" in refused.stderr
    assert (done.returncode, done.stderr) == (0, "")


def test_a_program_that_cannot_start_is_told_with_its_reason(machines: Machines) -> None:
    """Here the port of those who join is that of the server; what was made stays for another try."""
    machines.join_port = machines.port

    made = machines.set_up()

    assert made.returncode == 1
    assert "LGI_setup: LGI_certificates has ended at once: " in made.stderr
    assert "Address already in use" in made.stderr
    assert (machines.directory / "server" / "LGI_server.cfg").exists()
