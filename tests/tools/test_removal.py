"""What removes jobs asks before results are lost, and never takes one job for another."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lgi_tools.certificates import user_directory
from lgi_tools.cli import terminal
from lgi_tools.commands.clean import main as clean
from lgi_tools.commands.qdel import main as qdel
from lgi_tools.task import record
from lgi_tools.task.command import main as task
from tests.support.grid import PROJECT, Grid

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def tool(grid: Grid, run: Run, home: Path) -> Run:
    """Runs a tool for a user of the project, who has one resource that offers `command`."""
    grid.resource("res1@cluster", "<command> </command>")
    shutil.rmtree(home / ".LGI")
    issued = grid.people.user("mark@laptop", ("theor", "cyttron"))
    user_directory.write(
        home / ".LGI",
        issued,
        grid.people.authority.ca_file,
        user="mark@laptop",
        groups=("theor",),
        server=grid.url,
        project=PROJECT,
    )
    return run


def ended(grid: Grid, output: bytes = b"", **files: str) -> int:
    """A job of the user that has ended, with these files in its repository."""
    reply = grid.user().post("interface_submit_job", application="command", target_resources="any")
    job_id = reply.number("job", "job_id")
    store(grid, reply.value("job", "job_specifics", "repository_url"), files)
    grid.set_job(job_id, state="finished", output=output)
    return job_id


def store(grid: Grid, url: str, files: dict[str, str]) -> None:
    """Put files into a repository; ``_`` stands for a point in their names."""
    for name, text in files.items():
        place = grid.config.repository / url.partition("/repository/")[2]
        (place / name.replace("_", ".")).write_text(text)


def submitted(tool: Run, *names: str) -> list[int]:
    """Folders that are jobs."""
    for name in names:
        Path(name).mkdir()
        (Path(name) / "input").write_text(name)
        assert tool(task, "submit", "-b", name, "psi4", "1.5", "psi4")[0] == 0
    return [json.loads((Path(name) / record.NAME).read_text())["job_id"] for name in names]


def jobs(grid: Grid) -> list[int]:
    """The numbers of all there are."""
    return [int(str(row["job_id"])) for row in grid.rows("SELECT job_id FROM job_queue ORDER BY job_id")]


ANOTHER = "is another one: the server has reused the job id"


@pytest.mark.parametrize("word", ["cancel", "prune", "get", "status"])
@pytest.mark.parametrize("state", ["queued", "finished"])
def test_a_number_given_out_again_destroys_no_other_job(grid: Grid, tool: Run, word: str, state: str) -> None:
    """After a restored database a folder's record names the job of another folder."""
    _, other = submitted(tool, "one", "two")
    grid.set_job(other, state=state)
    mine = record.read(Path("one"))
    assert mine is not None
    record.write(Path("one"), replace(mine, job_id=other))
    before = (Path("one") / record.NAME).read_text()

    code, out, err = tool(task, word, *(["-y"] if word == "prune" else []), "one")

    assert (code, out) == (1, "0 files into 0 folders\n" if out.startswith("0 files") else "")
    assert f"LGI_task: one: job {other} {ANOTHER}" in err
    assert (Path("one") / record.NAME).read_text() == before
    assert other in jobs(grid)


def test_a_job_without_a_tag_is_known_by_its_repository(grid: Grid, tool: Run) -> None:
    """Such a job was not submitted by LGI_task."""
    (own,) = submitted(tool, "one")
    other = ended(grid)
    mine = record.read(Path("one"))
    assert mine is not None
    record.write(Path("one"), replace(mine, job_id=other))

    assert ANOTHER in tool(task, "prune", "-y", "one")[2]
    assert jobs(grid) == [own, other]


def test_jobs_with_files_are_kept_and_named(grid: Grid, tool: Run) -> None:
    """It is unknown whether they were fetched; streams that the output has completely do not count."""
    said = ended(grid, b"hello\n[LGI: exit code 0]\n", joblog_txt="hello\n", joberr_txt="")
    cut = ended(grid, b"hel\n[LGI: cut, it has 6000 bytes]\n", joblog_txt="hello\n" * 1000)
    made = ended(grid, result="x")
    (folder,) = submitted(tool, "one")
    grid.set_job(folder, state="aborted")

    dry = tool(clean, "--dry-run")
    code, out, err = tool(clean, "--yes")
    kept = jobs(grid)
    again = tool(clean, "--yes", "--keep-failed")
    everything = tool(clean, "--yes", "--with-results")

    assert [line.split()[0] for line in dry[1].splitlines()] == [str(said)]
    assert (code, out) == (0, "1 jobs removed\n")
    assert dry[2] == err
    assert err == (
        f"LGI_clean: job {folder} is kept because it belongs to a folder of LGI_task"
        " (--with-results removes such jobs too)\n"
        f"LGI_clean: 2 jobs are kept because each has files on the server: {cut}, {made}"
        " (--with-results removes such jobs too)\n"
    )
    assert kept == [cut, made, folder]
    assert "no jobs to remove" in again[2]
    assert everything == (0, "3 jobs removed\n", "")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The questions at a terminal, to each of which the answer is no."""
    questions: list[str] = []
    monkeypatch.setattr(terminal, "is_attended", lambda: True)
    monkeypatch.setattr("click.confirm", lambda text, **_: bool(questions.append(text)))
    return questions


def test_a_deletion_asks_before_files_are_lost(grid: Grid, tool: Run, asked: list[str]) -> None:
    """It does so on a terminal; a job that has not ended, or has no files, is deleted without a question."""
    with_files, without = ended(grid, result="x"), ended(grid)
    queued = grid.user().submit(application="command")

    code, out, _ = tool(qdel, str(with_files), str(without), str(queued), "999999")

    assert asked == [
        f"Job {with_files} has ended and has files on the server: its results will be lost. Delete it?"
    ]
    assert (code, jobs(grid)) == (1, [with_files])
    assert f"Job {without} deleted" in out
    assert tool(qdel, "-y", str(with_files))[0] == 0
    assert jobs(grid) == []


def test_a_script_deletes_as_ever(grid: Grid, tool: Run) -> None:
    """# As LGI: without a terminal there is no confirmation."""
    job_id = ended(grid, result="x")

    assert tool(qdel, str(job_id))[0] == 0
    assert jobs(grid) == []
