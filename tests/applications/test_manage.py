"""The application `manage`: four words by which an administrator manages the daemon of a pilot."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lgi_daemon.config.model import load
from tests.support.bench import APPLICATIONS
from tests.support.grid import wait_for

MANAGE = APPLICATIONS / "manage"
# A daemon as far as `manage` sees one: its name, its environment, and what it does at a signal.
DAEMON = """#!/bin/sh
trap 'echo drained > drained; exit' USR1
echo $$ > ready
while :; do sleep 0.1; done
"""


class Pilot:
    """The directory of a pilot with a daemon, and of a job with an input."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.job = place / "run" / "LGI" / "manage" / "JOB_1"
        self.job.mkdir(parents=True)
        (place / "log").write_text("x" * 9000 + "\nthe last line\n")
        program = place / "LGI_daemon"
        program.write_text(DAEMON)
        self.process = subprocess.Popen(
            ["/bin/sh", program],
            cwd=place,
            env={
                **{"PATH": os.environ["PATH"], "A": "1", "SLURM_JOB_ID": "42", "MY_TOKEN": "s3cret"},
                **{"MY_KEY": "begin\ns3cret", "https_proxy": "s3cret", "STORE": "http://me:s3cret@store/"},
            },
        )
        wait_for(lambda: (place / "ready").exists() and (place / "ready").read_text().strip())
        self.sign(self.process.pid)

    def sign(self, pid: int) -> None:
        """Write the lock file of the run directory."""
        (self.place / "run" / ".lock").write_text(f"host node7, boot b, pid {pid}\n")

    def script(self, name: str, word: str) -> int:
        """Run a script for a job with this input."""
        (self.job / "LGI_input").write_text(word)
        return subprocess.run([MANAGE / name], cwd=self.job, timeout=60, check=False).returncode

    def output(self, word: str) -> str:
        """What a job with this input prints."""
        self.script("job_run_script", word)
        assert self.script("job_check_finished_script", word) == 0
        return (self.job / "LGI_output").read_text()


@pytest.fixture
def pilot(place: Path) -> Iterator[Pilot]:
    """A pilot whose daemon runs."""
    made = Pilot(place)
    yield made
    made.process.kill()
    made.process.wait(60)


@pytest.mark.parametrize(
    ("word", "is_taken"),
    [(":id", True), (":log\n", True), (":kill", True), ("", False), (":kill 1", False), ("$(id)", False)],
)
def test_a_job_with_another_input_is_not_taken(pilot: Pilot, word: str, is_taken: bool) -> None:
    """Nothing of a job is run."""
    assert (pilot.script("job_check_limits_script", word) == 0) == is_taken


def test_the_words_tell_of_the_daemon(pilot: Pilot) -> None:
    """Its host and directory, its environment without secrets, and the end of its log."""
    assert "host node7, boot b" in pilot.output(":id")
    assert f"run directory {pilot.place}/run\nSLURM_JOB_ID=42\n" in pilot.output(":id")
    assert "A=1\n" in pilot.output(":env")
    assert "s3cret" not in pilot.output(":env")
    assert pilot.output(":log").endswith("\nthe last line\n")
    assert len(pilot.output(":log")) == 3500
    assert pilot.output("$(touch x)") == "the input must be :id, :env, :log or :kill\n"


def test_a_daemon_that_is_to_end_is_drained(pilot: Pilot) -> None:
    """The job that says so is reported first."""
    said = pilot.output(":kill")
    pilot.process.wait(60)

    assert (
        said == f"the daemon, process {pilot.process.pid}, takes no more jobs, and ends after its last one\n"
    )
    assert (pilot.place / "drained").exists()


def test_a_process_that_is_no_daemon_is_left_alone(pilot: Pilot) -> None:
    """The number of an ended daemon may be that of another process; a word is no number."""
    other = subprocess.Popen(["sleep", "600"])
    try:
        for pid in (str(other.pid), "1; touch x", "-1"):
            (pilot.place / "run" / ".lock").write_text(f"host node7, boot b, pid {pid}\n")
            assert "cannot be ended" in pilot.output(":kill")
        assert other.poll() is None
    finally:
        other.kill()
        other.wait(60)


def test_the_example_is_for_administrators_alone(tmp_path: Path, certificate_files: Path) -> None:
    """Users who are not named get nothing; the scripts are those of hello_world but for two."""
    shutil.copytree(MANAGE, tmp_path / "manage")
    text = (MANAGE / "LGI.cfg.example").read_text()
    text = text.replace("../../certificates/LGI+CA.crt", str(certificate_files / "ca.crt"))
    text = text.replace("../../certificates/", f"{certificate_files}/").replace("./runhere", str(tmp_path))
    file = tmp_path / "manage" / "LGI.cfg"
    file.write_text(text)
    (application,) = load(file, as_root=False).projects[0].applications

    assert application.rules.owner_allow == {"any": 0, "admin": 1}
    for path in MANAGE.glob("*_script"):
        is_own = path.name in {"job_run_script", "job_check_limits_script"}
        same = (APPLICATIONS / "hello_world" / path.name).read_bytes() == path.read_bytes()
        assert same != is_own
