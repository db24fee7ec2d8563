"""The files of short jobs of `command`: what the daemon does itself, and what is left to LGI_stage."""

from collections.abc import Iterator

import pytest

from lgi_protocol import job_repository, xml
from tests.acceptance.conftest import signed_up
from tests.support.grid import Grid, UserCalls, wait_for

from .test_whole_jobs import CommandDaemon, submitted

# Shell functions come before programs.
SETTINGS = (
    'echo "${0##*/}" >> "{asked}"\nstage=yes\nLGI_stage() { echo "$1" >> "{log}"; command LGI_stage "$@"; }\n'
)


class StagingDaemon(CommandDaemon):
    """A daemon that offers `command` with stage=yes; what LGI_stage was started for is in a file."""

    def __init__(self, grid: Grid) -> None:
        super().__init__(grid, "process")
        self.stages, self.asked = self.directory / "stages", self.directory / "asked"
        for log in (self.stages, self.asked):
            log.touch()
            log.chmod(0o666)
        self.settings = SETTINGS.replace("{log}", str(self.stages)).replace("{asked}", str(self.asked))
        self.configure()


@pytest.fixture
def staging(grid: Grid) -> Iterator[StagingDaemon]:
    """Such a daemon, signed up."""
    with signed_up(StagingDaemon(grid)) as made:
        yield made


def stored(grid: Grid, user: UserCalls, job_id: int) -> dict[str, bytes]:
    """What the repository of a job has."""
    reply = user.post("interface_job_state", job_id=str(job_id))
    job, content = (xml.find(reply.content, "job", *more) for more in ((), ("repository_content",)))
    assert job is not None
    assert content is not None
    url = job_repository.url_of(xml.value(job.inside, "job_specifics"))
    names = [xml.value(one.inside, "file_name") for one in xml.find_all(content.inside, "file")]
    return {name: user.client.session.get(f"{url}/{name}", timeout=30).content for name in names}


def finish(grid: Grid, job_id: int) -> None:
    """Wait for the end of a job."""
    question = "SELECT state FROM job_queue WHERE job_id = %s"
    wait_for(lambda: grid.rows(question, job_id)[0]["state"] == "finished")


def test_a_job_without_files_starts_no_program_to_stage_them(grid: Grid, staging: StagingDaemon) -> None:
    """Its streams are files of its repository all the same, whole and unchanged."""
    user = grid.user()

    job_id = submitted(user, "echo hello; printf oops >&2")
    finish(grid, job_id)

    assert staging.stages.read_text() == ""
    files = stored(grid, user, job_id)
    assert files["joblog.txt"] == b"hello\n"
    assert files["joberr.txt"] == b"oops"


@pytest.mark.slow
@pytest.mark.parametrize(
    "program",
    ["echo new > result", "mkdir folder", "ln -s /etc/passwd link", "echo mine > LGI_mine", "seq 20000"],
)
def test_a_job_with_files_or_long_streams_leaves_them_to_the_program(
    grid: Grid, staging: StagingDaemon, program: str
) -> None:
    """The files are a result, and those to report to the user: a directory, a link, a reserved name."""
    user = grid.user()

    job_id = submitted(user, program)
    finish(grid, job_id)

    assert staging.stages.read_text() == "out\n"
    assert "joblog.txt" in stored(grid, user, job_id)


def test_files_of_a_user_are_fetched_by_the_program(grid: Grid, staging: StagingDaemon) -> None:
    """The daemon asks for their number when it has taken the job."""
    user = grid.user()
    data = staging.directory / "data"
    data.write_text("some data\n")

    given = {"application": "command", "input": b"cat data".hex(), "number_of_uploaded_files": "1"}
    job_id = user.submit((data,), **given)
    finish(grid, job_id)

    assert staging.stages.read_text() == "in\nout\n"
    assert stored(grid, user, job_id)["joblog.txt"] == b"some data\n"


@pytest.mark.slow
def test_streams_that_cannot_be_stored_are_named_in_the_end_of_the_job(
    grid: Grid, staging: StagingDaemon
) -> None:
    """A full repository refuses them for good; the report is made."""
    user = grid.user()

    # A directory with the name of a stream takes no file of that name.
    job_id = submitted(user, "while [ ! -e go ]; do sleep 0.1; done; rm go; echo hello")
    wait_for(lambda: staging.jobs())
    (row,) = grid.rows("SELECT repository FROM job_queue WHERE job_id = %s", job_id)
    (place,) = grid.config.repository.glob(f"*/{row['repository']}")
    (place / "joblog.txt").mkdir()
    wait_for(lambda: any((state / "started").exists() for state in staging.states()))
    (staging.jobs()[0] / "go").touch()
    finish(grid, job_id)

    (row,) = grid.rows("SELECT end_reason FROM job_queue WHERE job_id = %s", job_id)
    assert str(row["end_reason"]).startswith("not all files were stored: ")
