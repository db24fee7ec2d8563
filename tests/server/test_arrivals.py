"""What uploads leave behind."""

import os
from pathlib import Path

from lgi_server.storage.local import Repositories


def test_arrivals_of_a_server_that_was_killed_are_removed_after_a_day(tmp_path: Path) -> None:
    """Young ones may belong to another server on the same repository."""
    store = Repositories(tmp_path, 10, 10)
    for name, age in (("old", 86401), ("young", 86000)):
        (store.pending.directory / name).touch()
        os.utime(store.pending.directory / name, (1e9 - age, 1e9 - age))

    store.pending.remove_stale(1e9)

    assert [path.name for path in store.pending.directory.iterdir()] == ["young"]
