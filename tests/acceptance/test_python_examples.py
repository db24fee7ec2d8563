"""docs/python.md: its examples are run, line by line, against a real project server."""

import doctest
import os
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lgi_protocol.job_description import JobDescription
from lgi_protocol.resource_api import ResourceCalls
from lgi_server.services.jobs import holds
from tests.acceptance.test_commands import home  # noqa: F401 - a fixture
from tests.support.grid import Grid

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[2] / "docs" / "python.md"
CAPABILITIES = "<hello_world> </hello_world> <command> </command>"
OUTPUTS = {"hello_world": b"Hello haydihay", "command": b""}
_EXIT = re.compile(rb"exit ([0-9]+)")


@pytest.fixture
def resource(grid: Grid, home: Path) -> Iterator[ResourceCalls]:  # noqa: F811
    """A resource that does every job in a moment, each as it comes."""
    resource = grid.resource(capabilities=CAPABILITIES)
    stopping = threading.Event()
    worker = threading.Thread(target=work, args=(grid, resource, stopping))
    worker.start()
    yield resource
    stopping.set()
    worker.join(20)


def work(grid: Grid, resource: ResourceCalls, stopping: threading.Event) -> None:
    """As a daemon: take, run, report; and as the scheduler: release what is to be tried again."""
    while not stopping.is_set():
        holds.release_due(grid.database, int(time.time()))
        for application, output in OUTPUTS.items():
            for job in resource.request_work(application, 0, 5).jobs:
                found = _EXIT.fullmatch(resource.details(job.job_id).input)
                code = int(found[1]) if found else 0
                finish(resource, job, b"[LGI: exit code %d]\n" % code if code else output, code)
        # So that the page sees its jobs as they were submitted.
        stopping.wait(0.3)


def finish(resource: ResourceCalls, job: JobDescription, output: bytes, code: int) -> None:
    """Report a job that was offered, and so is locked."""
    resource.update(job.job_id, state="running")
    resource.update(job.job_id, state="finished", output=output, exit_code=code)
    resource.unlock(job.job_id)


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
