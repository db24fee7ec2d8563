"""One Project in several threads, over real TLS."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from lgi_tools import Project
from tests.support.grid import Grid

from .test_executor import project  # noqa: F401 - a fixture

pytestmark = pytest.mark.one_database
THREADS, ROUNDS = 6, 3


def test_a_project_is_used_by_several_threads(grid: Grid, project: Project) -> None:  # noqa: F811
    """Each gets the answers to its own calls: of jobs, of lists, and of files that are sent and fetched."""
    grid.resource()
    start = Barrier(THREADS)

    def use(thread: int) -> list[int]:
        start.wait(60)
        made = []
        for number in range(ROUNDS):
            mine = f"thread {thread}, round {number}"
            job = project.submit("hello_world", input=mine, name=mine)
            sent = Path(f"sent{thread}")
            sent.write_text(mine)
            project.files(job).upload(sent, "notes.txt")
            assert project.files(job.id).read("notes.txt") == mine.encode()
            assert project.job(job.id).input == mine.encode()
            assert [one.id for one in project.jobs(name=mine)] == [job.id]
            made.append(job.id)
        return made

    with ThreadPoolExecutor(THREADS) as threads:
        made = [job_id for each in threads.map(use, range(THREADS)) for job_id in each]

    assert len(set(made)) == THREADS * ROUNDS
    assert {job.id for job in project.jobs()} == set(made)


def test_a_download_does_not_set_the_umask(
    grid: Grid,
    project: Project,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It belongs to all threads of a process: others would make files in between that anybody can write."""
    grid.resource()
    Path("notes.txt").write_text("x")
    job = project.submit("hello_world", files=["notes.txt"])
    before = os.umask(0o027)
    try:
        with monkeypatch.context() as patched:
            patched.setattr(os, "umask", None)
            target = project.files(job).download("notes.txt", "fetched.txt")
    finally:
        os.umask(before)

    assert target.stat().st_mode & 0o777 == 0o640
