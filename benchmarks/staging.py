"""``python -m benchmarks.staging``: uploads of small files, many per request and one per request."""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from unittest import mock

from lgi_tools.client import bulk_upload
from lgi_tools.client.repository import Repository
from lgi_tools.staging.fetch import fetch
from lgi_tools.staging.store import store
from tests.support.grid import Grid, running

FIELDS = {"application": "hello_world", "target_resources": "any"}
# The least factor by which many files per request must be faster.
LEAST = 10


def main() -> int:
    """Measure and print four rows. Returns 1 after a failure, or when bulk uploads are not faster enough."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.staging", description=__doc__)
    parser.add_argument("--files", type=int, default=3000)
    asked = parser.parse_args()
    with ExitStack() as stack:
        grid = stack.enter_context(running(Grid()))
        grid.resource()
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lgi-staging-")))
        return _measure(grid, place, asked.files)


def _measure(grid: Grid, place: Path, number: int) -> int:
    job, back = place / "job", place / "back"
    for directory in (job, back):
        directory.mkdir()
    for index in range(number):
        (job / f"result{index:06}").write_text(f"result {index}\n" * 20)
    first, second = _repository(grid), _repository(grid)
    together = _timed(place / "1", "out, many in a request", lambda: store(job, first))
    _timed(place / "2", "in", lambda: fetch(back, first))
    _timed(place / "2", "in, once more", lambda: fetch(back, first))
    with mock.patch.object(bulk_upload, "most", return_value=None):
        alone = _timed(place / "3", "out, one by one", lambda: store(job, second))
    print(f"{alone / together:.0f} times as long one by one")
    return 0 if alone > LEAST * together else 1


def _repository(grid: Grid) -> Repository:
    """Return the repository of a new job, over a kept connection."""
    user = grid.user()
    reply = user.post("interface_submit_job", **FIELDS)
    return Repository(reply.value("job", "job_specifics", "repository_url"), user.client.session)


def _timed(state: Path, what: str, act: Callable[[], int]) -> float:
    """Run LGI_stage with a state directory; print and return the seconds."""
    state.mkdir(exist_ok=True)
    os.environ["LGI_STATE_DIRECTORY"] = str(state)
    begin = time.monotonic()
    code = act()
    seconds = time.monotonic() - begin
    print(f"{what:<24} {seconds:8.2f} s{'' if code == 0 else f', exit code {code}'}")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
