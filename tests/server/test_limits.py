"""The configured sizes: per file, per POST, per repository."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lgi_protocol.errors import ServerError
from tests.grid import Grid

SUBMIT = {"application": "hello_world", "target_resources": "any"}


@pytest.fixture(scope="module")
def small() -> Iterator[Grid]:
    """A server that takes little."""
    made = Grid(settings={"max_file_size": "1000", "max_post_size": "5000", "max_repository_size": "1500"})
    made.start()
    yield made
    made.remove()


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
