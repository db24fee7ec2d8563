"""LGI_stage: which failures are worth another try."""

import os
from functools import partial
from pathlib import Path

import pytest

from lgi_protocol.credentials import Credentials
from lgi_tools.certificates.ca import Authority, Issued
from lgi_tools.client.repository import Repository
from lgi_tools.staging.fetch import fetch
from lgi_tools.staging.outcome import NEVER, PERMANENT, RETRY, UNREACHABLE, transfer
from lgi_tools.staging.store import store
from tests.support.canned_server import Answer, CannedServer

from .test_filetransfer import LISTING, PLACE, done, listing

pytestmark = pytest.mark.one_database


@pytest.fixture
def repository(server: CannedServer, authority: Authority, mark: Issued) -> Repository:
    """A job's, on the canned server."""
    credentials = Credentials(mark.key, mark.certificate, authority.ca_file)
    return Repository(server.url + PLACE, credentials.session())


@pytest.mark.parametrize(("number", "code"), [(503, RETRY), (500, RETRY), (403, PERMANENT), (413, PERMANENT)])
def test_a_server_in_trouble_is_asked_again_one_that_refuses_is_not(
    server: CannedServer, repository: Repository, number: int, code: int
) -> None:
    """Busy, or its disk is full: that passes, and results would be lost by giving up after three looks."""
    Path("result").write_text("x")
    for method in ("GET", "PUT"):
        server.will_answer(method, f"{PLACE}/result", done(number, "said so"))

    assert transfer("result", partial(repository.upload, "result", Path("result"))) == code
    assert transfer("result", partial(repository.download, "result", Path("other"))) == code


@pytest.mark.parametrize(("number", "code"), [(500, RETRY), (503, UNREACHABLE)])
def test_a_server_that_is_away_is_told_from_one_in_trouble(
    server: CannedServer, repository: Repository, number: int, code: int
) -> None:
    """Only its answers are counted as failures; the files after the first are not tried then."""
    Path("one").write_text("x")
    Path("two").write_text("x")
    server.will_answer("PUT", f"{PLACE}/one", done(number, "said so"))
    server.will_answer("GET", LISTING, done(number, "said so"))

    stored = store(Path(), repository)
    sent = [one.path.rpartition("/")[2] for one in server.requests if one.method == "PUT"]

    assert (stored, sent) == (code, ["one", "two"] if code == RETRY else ["one"])


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of a job, whose state directory is beside it."""
    for name in ("job", "state"):
        Path(name).mkdir()
    monkeypatch.setenv("LGI_STATE_DIRECTORY", str(Path("state").resolve()))
    return Path("job").resolve()


def has(server: CannedServer, **contents: Answer) -> None:
    """The repository has files with these contents; ``_`` stands for ``%``."""
    files = {name.replace("_", "%"): content for name, content in contents.items()}
    entries = "".join(
        f'<file number="{number}"> <file_name> {name} </file_name> <size> 1 </size> <date> 1 </date> </file>'
        for number, name in enumerate(files, 1)
    )
    server.will_answer("GET", LISTING, listing(entries))
    for name, content in files.items():
        server.will_answer("GET", f"{PLACE}/{name.replace('%', '%25')}", content)


def files_in(job: Path) -> dict[str, str]:
    """The files below the directory of a job."""
    return {str(path.relative_to(job)): path.read_text() for path in job.rglob("*") if path.is_file()}


@pytest.mark.parametrize("has_paths", [False, True])
def test_a_file_that_a_server_accepts_is_fetched(
    server: CannedServer, repository: Repository, job: Path, has_paths: bool
) -> None:
    """Dots, and what would be a way out, are a part of its name; no job waits for it for ever."""
    names = ("..z.txt", "..._2f.._2fa.txt", ".._2F.._2Fa.txt", ".hid")
    has(server, **{name: Answer(name.encode()) for name in names})

    assert fetch(job, repository, has_paths=has_paths) == 0
    assert files_in(job) == {name.replace("_", "%"): name for name in names}


def test_a_file_in_the_way_of_a_directory_keeps_no_job_from_its_start(
    server: CannedServer, repository: Repository, job: Path
) -> None:
    """Names that would be one path, or a file and a directory, stay names; others are paths."""
    files = {"out": "1", "out_2Fa": "2", "b_25c": "3", "b_c": "4", "d_2Fe": "5"}
    has(server, **{name: Answer(content.encode()) for name, content in files.items()})

    assert fetch(job, repository, has_paths=True) == 0
    assert files_in(job) == {"out": "1", "out%2Fa": "2", "b%25c": "3", "b%c": "4", "d/e": "5"}


def test_a_file_that_can_never_be_here_is_no_temporary_failure(
    server: CannedServer, repository: Repository, job: Path
) -> None:
    """What is in its place, or its name, stays; a refusal of the server may pass, and its trouble does."""
    (job / "there").mkdir()
    has(server, there=Answer(b"x"), gone=done(404, "said so"), late=done(500, "said so"))

    assert fetch(job, repository) == NEVER


@pytest.mark.parametrize(
    ("numbers", "code"),
    [((404, 404), PERMANENT), ((404, 500), RETRY), ((429, 429), RETRY)],
)
def test_files_that_a_server_refuses_are_not_asked_for_without_end(
    server: CannedServer, repository: Repository, job: Path, numbers: tuple[int, int], code: int
) -> None:
    """A file of the list may have been deleted meanwhile; while one of them may come, it is waited for."""
    first, second = (done(number, "said so") for number in numbers)
    has(server, first=first, second=second)

    assert fetch(job, repository) == code


@pytest.mark.parametrize("name", ["x" * 256, "."])
def test_a_name_that_no_file_can_have_is_a_permanent_failure(name: str, tmp_path: Path) -> None:
    """The system says so, not the server."""
    assert transfer(name, partial(os.mknod, tmp_path / name)) == NEVER
