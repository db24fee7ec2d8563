"""LGI_run --store, on a real server and daemon: the project has none of the user's data."""

import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lgi_protocol.s3_signature import S3Credentials
from lgi_tools.client.user_store import place as places
from tests.acceptance.conftest import signed_up
from tests.acceptance.test_commands import home, run
from tests.support.bench import Bench
from tests.support.grid import BIN, Grid, wait_for
from tests.support.object_server import ObjectServer

from .test_whole_jobs import CommandDaemon

pytestmark = pytest.mark.slow
__all__ = ["home"]
ACCESS, SECRET, BUCKET = "mark", "the-secret-of-mark", "marks-files"


@pytest.fixture
def store() -> Iterator[ObjectServer]:
    """The store of a user."""
    made = ObjectServer(S3Credentials(ACCESS, SECRET))
    made.buckets.add(BUCKET)
    yield made
    made.close()


def stored_by_project(grid: Grid) -> bytes:
    """All that the repositories of the project have."""
    files = [path for path in grid.config.repository.rglob("*") if path.is_file()]
    return b"".join(path.read_bytes() for path in files)


def test_files_of_a_job_go_through_the_users_own_store(grid: Grid, home: Path, store: ObjectServer) -> None:
    """The command of docs/storage.md; what is printed goes to the project, as for every job."""
    keys = home / ".LGI" / "s3_credentials"
    keys.write_text(f"[default]\naws_access_key_id = {ACCESS}\naws_secret_access_key = {SECRET}\n")
    keys.chmod(0o600)
    (home / "numbers.txt").write_text("one two three")
    with_store = ("env", f"LGI_S3_SERVER={store.url}")
    settings = f'stage=yes\nobject_stores="https://s3.example.org {store.url}"\n'
    words = ("--wait", "--store", f"s3://{BUCKET}/lgi", "-f", "numbers.txt", "-o", "count.txt")
    with signed_up(CommandDaemon(grid, "process", settings)) as daemon:
        done = run(home, *with_store, BIN / "LGI_run", *words, "--", "wc", "-w", "numbers.txt")
        (row,) = grid.rows("SELECT job_id FROM job_queue")
        got = run(home, *with_store, BIN / "LGI_get", "-d", "results", row["job_id"])
        wait_for(lambda: daemon.jobs() == [])
        log = daemon.log.read_text()

    assert (done.returncode, got.returncode) == (0, 0), f"{done.stderr} {got.stderr}"
    (file,) = (home / "results").rglob("results.tar.gz")
    with tarfile.open(file) as opened:
        assert opened.getnames() == ["count.txt"]
        assert opened.extractfile("count.txt").read() == b"3 numbers.txt\n"  # type: ignore[union-attr]
    kept = stored_by_project(grid)
    assert b"X-Amz-Signature" in kept
    assert not any(text in kept for text in (b"one two", b"3 numbers", SECRET.encode()))
    assert "X-Amz-Signature" not in log + done.stderr + got.stderr


@pytest.mark.parametrize(
    ("settings", "refusal"),
    [
        ("", "this resource uses no object store https://s3.example.org"),
        ("object_stores=https://s3.example.org.evil.net", "uses no object store https://s3.example.org"),
        ("stage=no\nobject_stores=https://s3.example.org", "uses no object store https://s3.example.org"),
        ("object_stores=https://s3.example.org", ""),
        ("object_stores='https://a.example https://s3.example.org'", ""),
    ],
)
def test_a_job_waits_for_a_resource_whose_owner_allows_its_store(
    place: Path, settings: str, refusal: str
) -> None:
    """The owner names each store; a job with another one stays queued."""
    specifics = places.of_new_job("https://s3.example.org", "s3://marks-files").as_xml()
    job = Bench(place, f"backend=process\n{settings}\n", specifics=specifics)

    code = job.ask("job_check_limits")

    assert (code == 0) == (refusal == "")
    assert refusal in (job.mark("refused") if code else "")
