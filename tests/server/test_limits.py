"""The configured sizes: per file, per POST, per repository; and a disk that is full."""

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from lgi_protocol import xml
from lgi_protocol.errors import ServerError
from lgi_server.serving.gevent_worker import MOST_IGNORED
from lgi_tools.client.repository import Repository
from lgi_tools.client.transfer_error import TransferError
from tests.server.test_http import LIST, exchange
from tests.server.test_repository import ACCESS, ask, new_repository
from tests.support.grid import Grid, UserCalls, refusal, running, wait_for

SUBMIT = {"application": "hello_world", "target_resources": "any"}


def started(**settings: str) -> Iterator[Grid]:
    """A server with some settings."""
    with running(Grid(settings=settings), cleared=False) as made:
        yield made


@pytest.fixture(scope="module")
def small() -> Iterator[Grid]:
    """A server that takes little."""
    yield from started(max_file_size="1000", max_post_size="5000", max_repository_size="1500")


@pytest.fixture
def full_disk() -> Iterator[Grid]:
    """A server that can write no more than 1 MB to a file, as to a disk that is full."""
    for made in started(workers="1"):
        assert made.process is not None
        pid = made.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children")
        # It listens before it has forked.
        wait_for(lambda children=children: len(children.read_text().split()) == 1)
        (worker,) = children.read_text().split()
        resource.prlimit(int(worker), resource.RLIMIT_FSIZE, (2**20, 2**20))
        yield made


@pytest.mark.parametrize(
    ("sizes", "number"), [([1001], 64), ([900, 900], 68), ([999, 999, 999, 999, 999, 999], 65)]
)
def test_files_that_are_too_big_refuse_the_submit(
    small: Grid, tmp_path: Path, sizes: list[int], number: int
) -> None:
    """64 for a file, 65 for the whole POST, 68 for the repository; no job, no file."""
    small.resource()
    files = []
    for index, size in enumerate(sizes):
        files.append(tmp_path / f"file{index}")
        files[-1].write_bytes(b"x" * size)

    with pytest.raises(ServerError) as refused:
        small.user().post("interface_submit_job", tuple(files), **SUBMIT)

    assert refused.value.number == number
    assert small.rows("SELECT job_id FROM job_queue") == []
    assert [path for path in small.config.repository.rglob("*") if path.is_file()] == []


# The pieces of a body, which is chunked when there is more than one; what is there already; the status.
PUTS = {
    "as big as a file may be": ([1000], 0, 200),
    "too big": ([1001], 0, 413),
    "too big for a POST too": ([5001], 0, 413),
    "pieces": ([300, 300, 300], 0, 200),
    "too big, in pieces": ([300] * 4, 0, 413),
    "too big for a POST too, in pieces": ([300] * 40, 0, 413),
    "too big together": ([901], 600, 400),
    "too big together, in pieces": ([450, 451], 600, 400),
}


@pytest.mark.parametrize(("pieces", "other", "number"), PUTS.values(), ids=PUTS.keys())
def test_a_put_that_is_too_big_is_refused_and_leaves_nothing(
    small: Grid, pieces: list[int], other: int, number: int
) -> None:
    """413 for a file, 400 for the repository, in a document that says the same; never a page of HTML."""
    small.clear()
    url, directory = new_repository(small)
    if other:
        (directory / "other").write_bytes(b"y" * other)
    before = {path.name for path in directory.iterdir()}
    blocks = [b"x" * size for size in pieces]

    answer = ask(small.user(), "PUT", f"{url}/file", iter(blocks) if len(blocks) > 1 else blocks[0])

    assert (answer.status_code, xml.value(answer.text, "status", "number")) == (number, str(number))
    assert {path.name for path in directory.iterdir()} == before | ({"file"} if number == 200 else set())
    assert list((small.config.repository / ".incoming").iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("size", [10**4, 10**12])
def test_a_put_that_is_announced_too_big_is_refused_before_it_comes(small: Grid, size: int) -> None:
    """The answer waits for no byte of the body."""
    small.clear()
    url, directory = new_repository(small)
    path = url.partition(f":{small.port}")[2]
    head = f"PUT {path}/file HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {size}\r\n\r\n"

    answer = exchange(small, head.encode())

    assert answer.startswith("HTTP/1.1 413 ")
    assert "<number> 413 </number>" in answer
    assert [path.name for path in directory.iterdir()] == [ACCESS]


def test_the_sender_of_a_large_file_hears_why_it_is_refused(small: Grid, tmp_path: Path) -> None:
    """The server closes while the file is still sent: its answer is read all the same, and is no outage."""
    small.clear()
    url, _directory = new_repository(small)
    user = small.user()
    large = tmp_path / "large"
    with large.open("wb") as opened:
        # More than the server reads of what it has refused.
        opened.truncate(MOST_IGNORED + 64 * 2**20)

    with pytest.raises(TransferError) as put:
        Repository(url, user.client.session).upload("large", large)
    with pytest.raises(ServerError) as posted:
        user.post("interface_submit_job", (large,), **SUBMIT)

    assert (put.value.status, put.value.may_pass, put.value.is_outage) == (413, False, False)
    assert "at most 1000 bytes" in str(put.value)
    assert posted.value.number == 65
    assert "bytes, at most" in posted.value.message


@pytest.mark.parametrize("size", [200_000, 3_000_000, 30_000_000])
@pytest.mark.parametrize("call", ["PUT", "POST"])
def test_a_client_that_closes_hears_why_its_body_is_refused(small: Grid, call: str, size: int) -> None:
    """It reads after it has sent its whole body. The server reads all of it, or the answer would be lost."""
    small.clear()
    url, _directory = new_repository(small)
    path = f"{url.partition(f':{small.port}')[2]}/file" if call == "PUT" else LIST
    head = f"{call} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {size}\r\n\r\n"

    answers = [exchange(small, head.encode() + bytes(size)) for _ in range(3)]

    told = "<number> 413 </number>" if call == "PUT" else "<number> 65 </number>"
    assert [told in answer for answer in answers] == [True] * 3


@pytest.mark.slow
def test_a_put_finds_a_full_disk(full_disk: Grid) -> None:
    """500 with a reason, the old file stays, nothing is left half way; what still fits is stored."""
    full_disk.clear()
    url, directory = new_repository(full_disk)
    user = full_disk.user()
    (directory / "file").write_bytes(b"old")

    answer = ask(user, "PUT", f"{url}/file", b"x" * (2 * 2**20))
    fits = ask(user, "PUT", f"{url}/small", b"x")

    assert (answer.status_code, fits.status_code) == (500, 200)
    assert xml.value(answer.text, "status", "number") == "500"
    assert (directory / "file").read_bytes() == b"old"
    assert list((full_disk.config.repository / ".incoming").iterdir()) == []


@pytest.mark.slow
def test_a_submit_finds_a_full_disk(full_disk: Grid, tmp_path: Path) -> None:
    """Error 68, no job, no file; a submit that still fits is accepted."""
    full_disk.clear()
    full_disk.resource()
    big = tmp_path / "big"
    big.write_bytes(b"x" * (2 * 2**20))

    with pytest.raises(ServerError) as refused:
        full_disk.user().post("interface_submit_job", (big,), **SUBMIT)

    assert refused.value.number == 68
    assert full_disk.rows("SELECT job_id FROM job_queue") == []
    assert [path for path in full_disk.config.repository.rglob("*") if path.is_file()] == []
    assert full_disk.user().submit() > 0


def submit_until_refused(user: UserCalls, answered: list[int]) -> None:
    """Submit jobs whose input is as large as it may be; what is answered is noted."""
    for _ in range(40):
        answered.append(user.submit(input="41" * 65_000))


@pytest.mark.slow
def test_a_database_finds_a_full_disk(full_disk: Grid) -> None:
    """A job that does not fit gets error 1 and leaves nothing; acknowledged jobs are stored."""
    full_disk.clear()
    full_disk.resource()
    user = full_disk.user()
    answered: list[int] = []

    number = refusal(lambda: submit_until_refused(user, answered))

    directories = [path for path in full_disk.config.repository.glob("*/JOB_*") if path.is_dir()]
    stored = [row["job_id"] for row in full_disk.rows("SELECT job_id FROM job_queue ORDER BY job_id")]
    assert number == 1
    assert stored == answered
    assert len(answered) == len(directories) > 0
    assert user.state(answered[-1]) == "queued"
    assert "Traceback" not in full_disk.log.read_text()


@pytest.mark.slow
def test_a_repository_that_cannot_be_made_refuses_the_submit(small: Grid) -> None:
    """Error 68 and no job, for any error of the file system: no space, no inodes, not mounted."""
    small.clear()
    small.resource()
    away = small.config.repository.with_name("away")
    small.config.repository.rename(away)
    try:
        refused = small.user().refusal("interface_submit_job", **SUBMIT)
    finally:
        away.rename(small.config.repository)

    assert refused == 68
    assert small.rows("SELECT job_id FROM job_queue") == []
    assert "Traceback" not in small.log.read_text()
    assert small.user().submit() > 0
