"""The place of the marks of `command`: the state directory, with an older daemon the job's directory."""

import os
import shlex
import shutil
from pathlib import Path

import pytest

from tests.support.bench import Bench, until
from tests.support.uids import UID

SETTINGS = "backend=process\nstage=no\n"
CLEANUPS = [
    "find . -mindepth 1 -delete; exit 3",
    'cd ..; rm -rf "$OLDPWD"; exit 3',
    "chmod 0 .; exit 3",
    'rm -rf "$PWD" 2> /dev/null; exit 3',
]


def restore(job: Bench) -> None:
    """Restore the directory and the LGI_* files of a job, as the daemon does before it runs a script."""
    if job.directory.exists():
        job.directory.chmod(0o700)
    Bench(job.place, job.settings, job.input, uid=job.uid)


@pytest.mark.parametrize("cleanup", CLEANUPS)
def test_a_job_that_cleans_up_after_itself_ends_with_its_own_exit_code(place: Path, cleanup: str) -> None:
    """Its marks are not in its directory, so it does not look as if it had never run."""
    job = Bench(place, SETTINGS, input=cleanup.encode())
    job.begin().wait(60)
    restore(job)

    assert job.state() == "finished"
    assert job.ask("job_epilogue") == 0
    assert job.output().endswith("[LGI: exit code 3]\n")
    assert job.mark("end").split() == ["exit_code=3"]


def test_the_directory_of_a_job_holds_its_input_alone(place: Path) -> None:
    """All marks and streams are elsewhere, and no variable of the job contains the path."""
    job = Bench(place, SETTINGS, input=b"echo ${LGI_STATE_DIRECTORY:-nowhere}")

    assert job.finish() == "nowhere\n[LGI: exit code 0]\n"
    assert [path.name for path in (job.directory / ".LGI_job").iterdir()] == ["input"]


def test_the_marks_are_in_the_jobs_directory_under_an_older_daemon(place: Path) -> None:
    """Without a state directory the scripts use .LGI_job in the job's directory."""
    job = Bench(place, SETTINGS, input=b"echo hello; exit 4", has_state_directory=False)

    assert job.finish() == "hello\n[LGI: exit code 4]\n"
    assert job.own == job.directory / ".LGI_job"
    assert job.mark("stdout") == "hello"


@pytest.mark.parametrize(
    ("noted", "ending"),
    [
        ("5\n\n", "exit code 5"),
        ("124\ntime limit of 9 s exceeded\n", "exit code 124: time limit of 9 s exceeded"),
        ("-\nnot started\n", "no exit code: not started"),
    ],
)
def test_the_end_of_a_job_that_began_before_an_update_is_understood(
    place: Path, noted: str, ending: str
) -> None:
    """Its payload is of an older library, which writes the end to a file ``exit``."""
    job = Bench(place, SETTINGS, has_state_directory=False)
    job.own.mkdir(mode=0o700)
    (job.own / "started").mkdir()
    (job.own / "stdout").write_text("hello\n")
    (job.own / "exit").write_text(noted)

    assert job.state() == "finished"
    assert job.ask("job_epilogue") == 0
    assert job.output() == f"hello\n[LGI: {ending}]\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_job_with_a_user_of_its_own_cleans_up_too(place: Path) -> None:
    """Under a daemon of root it removes its own directory, and its end is known nevertheless."""
    job = Bench(place, SETTINGS, input=CLEANUPS[0].encode(), uid=UID + 50)
    job.begin().wait(60)
    restore(job)

    assert job.state() == "finished"
    assert job.ask("job_epilogue") == 0
    assert job.output() == "[LGI: exit code 3]\n"


def test_a_place_with_a_quote_in_its_name_is_no_trouble(place: Path) -> None:
    """The payload contains the quoted path of the state directory."""
    job = Bench(place, SETTINGS, input=b"exit 9")

    assert "'" in str(job.own)
    assert shlex.quote(str(job.own)) != str(job.own)
    assert job.finish() == "[LGI: exit code 9]\n"
    shutil.rmtree(job.own)


def test_a_job_that_has_deleted_its_directory_is_known_by_its_process(place: Path) -> None:
    """Its process shows that it runs, although its directory does not exist."""
    job = Bench(place, SETTINGS, input=b'rm -rf "$PWD"; sleep 60')
    run = job.begin()
    until(lambda: not job.directory.exists())
    restore(job)

    assert job.state() == "running"
    assert job.ask("job_abort") == 0
    run.wait(60)
