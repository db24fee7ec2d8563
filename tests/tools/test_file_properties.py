"""Times and execute permission of files, from the user into the repository and back."""

import os
from pathlib import Path

import pytest

from lgi_tools.client import bulk_submit
from lgi_tools.client.bulk_submit import NewJob
from lgi_tools.client.interface_calls import Caller
from lgi_tools.client.repository import Repository
from lgi_tools.client.settings import Settings
from tests.support.canned_server import Answer, CannedServer
from tests.support.grid import PROJECT, Grid

from .test_filetransfer import PLACE

pytestmark = pytest.mark.one_database

THEN = 1_234_567_890_123_456_789


@pytest.fixture
def files() -> tuple[Path, Path]:
    """A program and a file that is none, both of long ago."""
    made = Path("program"), Path("data")
    for path in made:
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755 if path.name == "program" else 0o644)
        os.utime(path, ns=(THEN, THEN))
    return made


def repository(grid: Grid, url: str) -> Repository:
    """A job's files, for their user."""
    return Repository(url, grid.user().client.session)


def fetched(stored: Repository) -> dict[str, tuple[int, bool]]:
    """What both files are like, fetched to where neither is yet."""
    told = {}
    for name in ("program", "data"):
        target = Path("back", name)
        target.parent.mkdir(exist_ok=True)
        target.unlink(missing_ok=True)
        stored.download(name, target)
        told[name] = (target.stat().st_mtime_ns, os.access(target, os.X_OK))
    return told


KEPT = {"program": (THEN, True), "data": (THEN, False)}


def test_files_of_a_submit_keep_time_and_permission(grid: Grid, files: tuple[Path, Path]) -> None:
    """They come back as they went; a listing has the time too."""
    grid.resource()

    reply = grid.user().post("interface_submit_job", files, application="hello_world", target_resources="any")
    stored = repository(grid, reply.value("job", "job_specifics", "repository_url"))

    assert fetched(stored) == KEPT
    assert stored.content().count(f"<date> {THEN // 10**9}.") == 2


def test_files_of_many_submits_keep_time_and_permission(grid: Grid, files: tuple[Path, Path]) -> None:
    """Empty files do too."""
    grid.resource()
    files[1].write_text("")
    os.utime(files[1], ns=(THEN, THEN))
    issued = grid.people.user("mark@laptop", ("theor", "cyttron"))
    settings = Settings(project=PROJECT, user="mark@laptop", groups="theor")
    client = grid.client(issued)
    fields = {"application": "hello_world", "target_resources": "any"}

    (made,) = bulk_submit.submit(client, Caller(client, settings).fields, [NewJob(fields, files)])

    assert made.refused is None
    assert fetched(repository(grid, made.repository_url)) == KEPT


def test_a_stored_file_keeps_time_and_permission(grid: Grid, files: tuple[Path, Path]) -> None:
    """This applies to results; a replacing file has its own properties."""
    grid.resource()
    reply = grid.user().post("interface_submit_job", application="hello_world", target_resources="any")
    stored = repository(grid, reply.value("job", "job_specifics", "repository_url"))

    for path in files:
        stored.upload(path.name, path)
    first = fetched(stored)
    files[0].chmod(0o644)
    stored.upload("program", files[0])

    assert first == KEPT
    assert fetched(stored)["program"] == (THEN, False)


@pytest.mark.parametrize("time", ["", "now", "-1", "1e9", "1.", "9" * 30, "12 34"])
def test_an_invalid_time_of_a_file_is_ignored(grid: Grid, time: str) -> None:
    """The file is stored, as one of now."""
    grid.resource()
    reply = grid.user().post("interface_submit_job", application="hello_world", target_resources="any")
    url = reply.value("job", "job_specifics", "repository_url")
    session = grid.user().client.session

    put = session.put(f"{url}/data", b"x", headers={"LGI-File-Modified": time, "LGI-File-Executable": "yes"})
    got = session.get(f"{url}/data")

    assert put.status_code == 200
    assert got.headers["LGI-File-Executable"] == "0"
    assert float(got.headers["LGI-File-Modified"]) > 1.5e9


def test_no_condition_is_judged_by_a_date(grid: Grid, files: tuple[Path, Path]) -> None:
    """Two versions may have the same one: a download must never glue them together."""
    grid.resource()
    reply = grid.user().post("interface_submit_job", application="hello_world", target_resources="any")
    url = reply.value("job", "job_specifics", "repository_url")
    repository(grid, url).upload("data", files[1])
    session = grid.user().client.session

    date = session.get(f"{url}/data").headers["Last-Modified"]
    part = session.get(f"{url}/data", headers={"Range": "bytes=1-", "If-Range": date})
    again = session.get(f"{url}/data", headers={"If-Modified-Since": date})

    assert date == "Fri, 13 Feb 2009 23:31:30 GMT"
    assert (part.status_code, again.status_code) == (200, 200)


def test_the_date_of_an_older_server_is_the_time_of_a_file(
    server: CannedServer, home: Path, files: tuple[Path, Path]
) -> None:
    """Which says no more; what was executable here stays so."""
    date = {"Last-Modified": "Fri, 13 Feb 2009 23:31:30 GMT"}
    server.will_answer("GET", f"{PLACE}/program", Answer(b"new", headers=date))
    settings = Settings(
        key=str(home / ".LGI/privatekey"),
        certificate=str(home / ".LGI/certificate"),
        ca=str(home / ".LGI/ca_chain"),
    )

    Repository(server.url + PLACE, settings.credentials().session()).download("program", files[0])

    assert files[0].read_text() == "new"
    assert files[0].stat().st_mtime == THEN // 10**9
    assert os.access(files[0], os.X_OK)
