"""LGI_stage out: files that cannot be stored are reported, and stored ones are recorded."""

import errno
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import pytest
from requests import Session

from lgi_protocol.credentials import Credentials
from lgi_tools.certificates.ca import Authority, Issued
from lgi_tools.client.progress import ProgressCallback, no_progress
from lgi_tools.client.repository import Repository
from lgi_tools.client.transfer_error import TransferError
from lgi_tools.client.upload_body import UploadBody
from lgi_tools.staging import omissions
from lgi_tools.staging.marks import Marks, fingerprint
from lgi_tools.staging.outcome import PERMANENT, RETRY, UNREACHABLE
from lgi_tools.staging.store import store
from tests.support.canned_server import Answer, CannedServer
from tests.support.uids import UID

from .test_filetransfer import LISTING, PLACE, done, listing

pytestmark = pytest.mark.one_database


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The directory of a job and its state directory, both owned by an ordinary user."""
    place = Path(tempfile.mkdtemp(prefix="lgi-stage-"))
    place.chmod(0o755)
    for name in ("job", "state"):
        (place / name).mkdir(mode=0o700)
    monkeypatch.setenv("LGI_STATE_DIRECTORY", str(place / "state"))
    yield place / "job"
    shutil.rmtree(place)


@pytest.fixture
def repository(job: Path, server: CannedServer, authority: Authority, mark: Issued) -> Repository:
    """A job's, on a server that takes files one by one."""
    ca = Path(shutil.copy(authority.ca_file, job.parent))
    credentials = Credentials(mark.key, mark.certificate, ca)
    return Repository(server.url + PLACE, credentials.session())


@contextmanager
def ordinary_user(job: Path) -> Iterator[None]:
    """Run a block as an ordinary user, since root can read every file."""
    if os.geteuid() != 0:
        yield
        return
    for path in (job.parent, *job.parent.rglob("*")):
        os.chown(path, UID, UID, follow_symlinks=False)
    os.seteuid(UID)
    try:
        yield
    finally:
        os.seteuid(0)


def takes(server: CannedServer, *names: str, number: int = 200) -> None:
    """The server answers so to each of these files."""
    for name in names:
        server.will_answer("PUT", f"{PLACE}/{name}", done(number, "said so"))


def sent(server: CannedServer) -> list[str]:
    """The names of all files that were sent, in order."""
    return [one.path.rpartition("/")[2] for one in server.requests if one.method == "PUT"]


def not_stored(job: Path) -> str:
    """What is left for the user."""
    path = Marks(job).state / "not_stored"
    return path.read_text() if path.exists() else ""


def test_a_result_that_cannot_be_read_is_reported_and_not_tried_again(
    job: Path, server: CannedServer, repository: Repository
) -> None:
    """It keeps no job running, and the good files are sent once."""
    for name in ("a", "secret", "z"):
        (job / name).write_text(name)
    (job / "secret").chmod(0)
    takes(server, "a", "secret", "z")

    with ordinary_user(job):
        codes = [store(job, repository) for _ in range(2)]

    assert codes == [0, 0]
    assert sent(server) == ["a", "z"]
    assert not_stored(job) == "secret (permission denied)\n"


class Removing(Repository):
    """A repository on whose way in a file of the job vanishes."""

    def __init__(self, victim: Path) -> None:
        super().__init__("https://localhost/x", Session())
        self.victim = victim
        self.names: list[str] = []

    def post(self, body: bytes, content_type: str) -> tuple[int, str]:
        return 404, ""

    def upload(self, name: str, source: Path, watch: ProgressCallback = no_progress) -> None:
        self.victim.unlink(missing_ok=True)
        self.names.append(name)


def test_a_result_that_vanishes_is_reported(job: Path) -> None:
    """A job may have left a process behind that tidies up."""
    for name in ("a", "b", "c"):
        (job / name).write_text(name)
    removing = Removing(job / "b")

    assert store(job, removing) == 0
    assert removing.names == ["a", "c"]
    assert not_stored(job) == "b (no such file or directory)\n"


class BadDisk(BytesIO):
    """A file whose disk fails in the middle."""

    def read(self, size: int | None = -1, /) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_a_disk_that_fails_is_no_fault_of_the_connection(
    server: CannedServer, repository: Repository
) -> None:
    """Otherwise urllib3 would turn the OSError into a connection error, which is retried for ever."""
    with pytest.raises(TransferError, match="input/output error") as failed:
        repository.put("a", UploadBody(BadDisk(), 5))

    assert not failed.value.may_pass


def test_every_entry_that_is_no_file_is_named(
    job: Path, server: CannedServer, repository: Repository
) -> None:
    """Directories, links, pipes, sockets; also what has a name of LGI's."""
    (job / "out").mkdir()
    (job / ".LGI_job").mkdir()
    (job / "l").symlink_to("result")
    (job / "LGI_mine").touch()
    for own in ("LGI_input", "LGI_input.hash", "LGI_output", ".LGI_job_key"):
        (job / own).touch()
    os.mkfifo(job / "p")
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(job / "s"))
    (job / "result").write_text("x")
    takes(server, "result")

    code = store(job, repository)

    assert (code, sent(server)) == (0, ["result"])
    assert not_stored(job) == ("LGI_mine (reserved name), l (link), out/ (directory), p (pipe), s (socket)\n")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes devices")
def test_a_device_is_named(job: Path, repository: Repository) -> None:
    """It is listed as not stored, and never opened."""
    os.mknod(job / "null", 0o600 | 0o020000, os.makedev(1, 3))

    assert store(job, repository) == 0
    assert not_stored(job) == "null (device)\n"


def test_a_file_with_the_name_of_a_stream_is_reported(
    job: Path, server: CannedServer, repository: Repository
) -> None:
    """Users find the streams under these names, so the file has to stay."""
    (job / "joblog.txt").write_text("mine")
    (Marks(job).state / "stdout").write_text("the stream")
    takes(server, "joblog.txt")

    assert store(job, repository) == 0
    assert [one.body for one in server.requests if one.method == "PUT"] == [b"the stream"]
    assert not_stored(job) == "joblog.txt (a stream of the job is stored under this name)\n"


def test_the_stream_of_an_earlier_try_is_no_file_of_the_job(
    job: Path, server: CannedServer, repository: Repository
) -> None:
    """It came with the inputs, and the stream of this try takes its place: nothing is lost."""
    (job / "joblog.txt").write_text("the first try")
    Marks(job).note({"joblog.txt": fingerprint((job / "joblog.txt").lstat())})
    (Marks(job).state / "stdout").write_text("the second try")
    takes(server, "joblog.txt")

    assert store(job, repository) == 0
    assert [one.body for one in server.requests if one.method == "PUT"] == [b"the second try"]
    assert not_stored(job) == ""


@pytest.mark.parametrize(
    ("name", "address", "told", "shown"),
    [
        ("bad\udcffname", "bad%FFname", "bad?name", "bad\\udcffname (its name is not UTF-8)"),
        ("a\x1bb", "a%1Bb", "a\x1bb", "a\\x1bb (This is no usable file name)"),
    ],
)
def test_a_refused_name_is_shown_once_and_escaped(
    job: Path, server: CannedServer, repository: Repository, name: str, address: str, told: str, shown: str
) -> None:
    """The server repeats it in its message."""
    (job / name).write_text("x")
    message = f"This is no usable file name: {told!r}"
    server.will_answer("PUT", f"{PLACE}/{address}", done(400, message))

    assert store(job, repository) == 0
    assert not_stored(job) == f"{shown}\n"


def test_the_report_of_missing_results_is_bounded_and_safe() -> None:
    """It is part of a reason, and of the job's output: one line, whatever names there are."""
    many = [(f"directory {number}/", "directory") for number in range(320)]
    odd = [("two\nlines\x1b[2J", "link"), ("\udcff", "file"), ("ä" * 255, "link")]

    long, safe = omissions.line(many), omissions.line(odd)

    assert len(long.encode()) <= omissions.LONGEST
    assert long.startswith("directory 0/ (directory), directory 1/ (directory), ")
    assert long.endswith(", ... and 313 more")
    assert safe == f"two\\nlines\\x1b[2J (link), \\udcff (file), {'ä' * 33}... (link)"
    assert omissions.line([("ä" * 255, "é" * 255)] * 2).count("more") == 1
    assert omissions.line([]) == ""


def test_the_report_of_missing_results_goes_when_none_is_missing(
    job: Path, server: CannedServer, repository: Repository
) -> None:
    """An example is a mistake that was corrected since."""
    (job / "out").mkdir()
    store(job, repository)
    first = not_stored(job)
    (job / "out").rmdir()
    store(job, repository)

    assert (first, not_stored(job)) == ("out/ (directory)\n", "")


@pytest.mark.parametrize("number", [400, 413])
def test_a_file_the_server_never_takes_is_reported_and_not_sent_again(
    job: Path, server: CannedServer, repository: Repository, number: int
) -> None:
    """Its name, or its size; the others are stored."""
    for name in ("a", "b"):
        (job / name).write_text(name)
    takes(server, "a", number=number)
    takes(server, "b")

    codes = [store(job, repository) for _ in range(2)]

    assert (codes, sent(server)) == ([0, 0], ["a", "b"])
    assert not_stored(job) == "a (said so)\n"


def test_a_job_that_may_not_store_is_no_fault_of_a_file(
    job: Path, server: CannedServer, repository: Repository
) -> None:
    """Its certificate may be renewed; but where others are taken after it, it is the file."""
    for name in ("a", "b"):
        (job / name).write_text(name)
    takes(server, "a", "b", number=403)
    refused = store(job, repository), not_stored(job)
    server.will_answer_instead("PUT", f"{PLACE}/b", done(200, "stored"))

    assert refused == (PERMANENT, "")
    assert store(job, repository) == 0
    assert not_stored(job) == "a (said so)\n"


def test_results_are_stored_when_the_certificate_of_the_ca_goes_away(
    job: Path, server: CannedServer, repository: Repository
) -> None:
    """It was read at the start; no result is given up for a file that is needed no more."""
    (job / "a").write_text("a")
    (job.parent / "ca.crt").unlink()
    takes(server, "a")

    assert (store(job, repository), not_stored(job), sent(server)) == (0, "", ["a"])


def test_a_file_that_was_stored_is_not_sent_again(
    job: Path, server: CannedServer, repository: Repository
) -> None:
    """When another one failed; what has changed since is."""
    for name in ("a", "b", "c"):
        (job / name).write_text(name)
    takes(server, "a", "c")
    server.will_answer("PUT", f"{PLACE}/b", done(500, "its disk is full"), done(200, "stored"))
    server.will_answer("GET", LISTING, listing(""))

    first = store(job, repository)
    (job / "c").write_text("other")
    second = store(job, repository)

    assert (first, second) == (RETRY, 0)
    assert sent(server) == ["a", "b", "c", "b", "c"]


def test_a_server_that_goes_away_keeps_what_it_has(
    job: Path, server: CannedServer, repository: Repository
) -> None:
    """The next run begins with the file that failed."""
    for name in ("a", "b", "c"):
        (job / name).write_text(name)
    takes(server, "a", "c")
    server.will_answer("PUT", f"{PLACE}/b", done(503, "busy"), done(200, "stored"))
    server.will_answer("GET", LISTING, done(503, "busy"))

    assert [store(job, repository) for _ in range(2)] == [UNREACHABLE, 0]
    assert sent(server) == ["a", "b", "b", "c"]


def test_a_note_that_was_cut_costs_one_file(job: Path, server: CannedServer, repository: Repository) -> None:
    """As when the machine went down while it was written; anything else in it is read over."""
    for name in ("a", "b"):
        (job / name).write_text(name)
    takes(server, "a", "b")
    store(job, repository)
    kept = Marks(job).state / "stored"
    kept.write_text(f'[]\n{{"a": 1}}\n[1, 2]\nnull\n{kept.read_text()[:-5]}')

    assert store(job, repository) == 0
    assert sent(server) == ["a", "b", "b"]


def test_results_of_a_job_without_a_repository_are_named(job: Path) -> None:
    """They are in no other place, whereas the streams are in the output."""
    (job / "result").write_text("x")
    (Marks(job).state / "stdout").write_text("in the output too")

    assert store(job, None) == 0
    assert not_stored(job) == "result (the job has no repository)\n"


def answer_of(*numbers: int) -> Answer:
    """What a server says that takes many files at once."""
    statuses = "".join(
        f"<status> <number> {one} </number> <message> so </message> </status>" for one in numbers
    )
    most = "<most_files> 2 </most_files> <most_bytes> 1000 </most_bytes>"
    return Answer(f"<repository_files> {most} {statuses} </repository_files>".encode())


def test_many_files_go_in_few_requests(job: Path, server: CannedServer, repository: Repository) -> None:
    """As many as the server takes at once; each has its own answer, a big one its own request."""
    for name in ("a", "b", "c", "d", "e"):
        (job / name).write_text(name)
    (job / "big").write_bytes(bytes(300_000))
    server.will_answer("POST", PLACE, answer_of(), answer_of(200, 400), answer_of(200, 200), answer_of(200))
    takes(server, "big")

    code = store(job, repository)
    again = store(job, repository)

    assert (code, again) == (0, 0)
    assert [one.method for one in server.requests] == ["POST", "POST", "POST", "POST", "PUT"]
    assert not_stored(job) == "b (so)\n"
    assert server.requests[1].fields["uploaded_file_1"] == "ab"


def test_many_files_that_are_refused_together_are_tried_one_by_one(
    job: Path, server: CannedServer, repository: Repository
) -> None:
    """A proxy in front may take less than the server says."""
    for name in ("a", "b"):
        (job / name).write_text(name)
    server.will_answer("POST", PLACE, answer_of(), Answer(b"<html>too large</html>", 413))
    takes(server, "a", "b")

    assert store(job, repository) == 0
    assert sent(server) == ["a", "b"]


def test_many_files_wait_for_a_server_in_trouble(
    job: Path, server: CannedServer, repository: Repository
) -> None:
    """They are not tried one by one then."""
    for name in ("a", "b"):
        (job / name).write_text(name)
    server.will_answer("POST", PLACE, answer_of(), done(500, "its disk is full"), answer_of())
    server.will_answer("GET", LISTING, listing(""))

    assert store(job, repository) == RETRY
    assert sent(server) == []
