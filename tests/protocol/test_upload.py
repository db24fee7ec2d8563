"""The files of a submit, on their way to the server."""

import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from lgi_protocol.client import Client
from lgi_protocol.credentials import Credentials
from lgi_protocol.upload import Upload, UploadError
from lgi_tools.certificates.ca import Authority
from tests.support.tls_server import Listening, listening

CALL = "interfaces/interface_submit_job"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The CA of our project."""
    return Authority.create(tmp_path_factory.mktemp("authority") / "ca")


@pytest.fixture(scope="module")
def server(authority: Authority) -> Iterator[Listening]:
    """A server that keeps what it is sent."""
    with listening(authority.issue_server("localhost"), authority.ca_file) as started:
        yield started


@pytest.fixture
def client(authority: Authority, server: Listening) -> Iterator[Client]:
    """A user's connection."""
    issued = authority.issue_user("mark", force=True)
    made = Client(server.url(), Credentials(issued.key, issued.certificate, authority.ca_file))
    yield made
    made.close()


def test_more_files_are_sent_than_a_process_may_have_open(
    client: Client, server: Listening, tmp_path: Path
) -> None:
    """1,200 files where 1,024 may be open; one is open at a time."""
    files = tuple(tmp_path / f"frame{number}.dat" for number in range(1200))
    for number, path in enumerate(files):
        path.write_text(f"<{number}>")
    most: list[int] = []
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, before[1]))
    open_before = len(os.listdir("/proc/self/fd"))
    try:
        client.post(CALL, {"project": "LGI"}, files, lambda _gone, _all: most.append(open_now()))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)

    body = server.bodies[-1]
    assert all(f"<{number}>".encode() in body for number in range(1200))
    assert b'filename="frame1199.dat"' in body
    # One file, and the connection with what the server has of it, in this very process.
    assert max(most) <= open_before + 5


def open_now() -> int:
    """How many files this process has open."""
    return len(os.listdir("/proc/self/fd"))


def test_a_file_that_grows_is_sent_as_it_was(client: Client, server: Listening, tmp_path: Path) -> None:
    """The length of the whole was said before."""
    log = tmp_path / "log"
    log.write_bytes(b"0123456789")
    first = tmp_path / "first"
    first.write_bytes(b"x" * 300_000)

    def grow(_gone: int, _all: int) -> None:
        with log.open("ab") as opened:
            opened.write(b"more")

    client.post(CALL, {}, (first, log), grow)

    assert b"0123456789\r\n" in server.bodies[-1]


@pytest.mark.parametrize(
    ("harm", "reason"), [("shorten", "the file was truncated"), ("remove", "No such file")]
)
def test_a_file_that_is_spoiled_on_its_way_is_named(
    client: Client, server: Listening, tmp_path: Path, harm: str, reason: str
) -> None:
    """It is a mistake of the file, not of the connection, and the server gets no whole request."""
    first, spoiled = tmp_path / "first", tmp_path / "spoiled"
    first.write_bytes(b"x" * 300_000)
    spoiled.write_bytes(b"y" * 300_000)

    def spoil(_gone: int, _all: int) -> None:
        if harm == "remove":
            spoiled.unlink(missing_ok=True)
        else:
            spoiled.write_bytes(b"y")

    with pytest.raises(OSError, match=reason) as caught:
        client.post(CALL, {}, (first, spoiled), spoil)

    assert str(spoiled) in str(caught.value)


def test_a_file_that_cannot_be_read_is_named_before_anything_is_sent(
    client: Client, server: Listening, tmp_path: Path
) -> None:
    """No job is made of a part of the files."""
    good = tmp_path / "good"
    good.write_bytes(b"x")
    calls = len(server.bodies)

    with pytest.raises(FileNotFoundError):
        client.post(CALL, {}, (good, tmp_path / "lost"))

    assert len(server.bodies) == calls


def test_an_upload_is_read_to_its_end_in_pieces(tmp_path: Path) -> None:
    """The number of remaining bytes is always known."""
    path = tmp_path / "file"
    path.write_bytes(b"abcdef")
    upload = Upload(path)

    pieces = [upload.read(4), upload.read(4), upload.read()]

    assert (pieces, upload.len) == ([b"abcd", b"ef", b""], 0)
    path.write_bytes(b"")
    with pytest.raises(UploadError, match="was truncated"):
        shorter(path)


def shorter(path: Path) -> None:
    """Read a file that has lost what it had."""
    path.write_bytes(b"abc")
    upload = Upload(path)
    path.write_bytes(b"")
    upload.read()
