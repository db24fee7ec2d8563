"""docs/python.md: its examples are run, line by line, against a real project server."""

import doctest
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lgi_server.services.jobs import holds
from tests.acceptance.test_commands import home  # noqa: F401 - a fixture
from tests.support.grid import Grid
from tests.support.program_resource import ProgramResource

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[2] / "docs" / "python.md"
CAPABILITIES = "<hello_world> </hello_world> <command> </command>"


@pytest.fixture
def resource(grid: Grid, home: Path) -> Iterator[ProgramResource]:  # noqa: F811
    """A resource that does every job in a moment, each as it comes."""
    resource = ProgramResource(grid, CAPABILITIES)
    stopping = threading.Event()
    worker = threading.Thread(target=work, args=(grid, resource, stopping))
    worker.start()
    yield resource
    stopping.set()
    worker.join(60)


def work(grid: Grid, resource: ProgramResource, stopping: threading.Event) -> None:
    """As a daemon: take, run, report; and as the scheduler: release what is to be tried again."""
    while not stopping.is_set():
        holds.release_due(grid.database, int(time.time()))
        for job in resource.offered("hello_world"):
            resource.report(job, b"Hello haydihay", exit_code=0)
        for job in resource.offered("command"):
            resource.finish(job)
        # So that the page sees its jobs as they were submitted.
        stopping.wait(0.3)


@pytest.mark.usefixtures("resource")
def test_the_examples_of_the_page_run(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """Each prints what stands below it."""
    for name in [name for name in os.environ if name.startswith("LGI_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(home)
    Path("notes.txt").write_text("first notes")
    Path("results").mkdir()
    test = doctest.DocTestParser().get_doctest(PAGE.read_text(), {}, PAGE.name, str(PAGE), 0)
    said: list[str] = []

    results = doctest.DocTestRunner(verbose=False).run(test, out=said.append)

    assert results.attempted > 25
    assert results.failed == 0, "".join(said)
