"""Jobs that replace a directory by a link in the moment between a check and its use."""

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from lgi_daemon.files.rmtree import remove_tree

FILES = 3


class Swap:
    """Makes a directory a link to another one, before a chosen call of the system."""

    def __init__(self, directory: Path, target: Path, moment: int) -> None:
        self.directory, self.target, self.moment = directory, target, moment
        self.calls = 0

    def during(self, work: Callable[[], object]) -> None:
        """Do work, in which the swap happens; how it ends does not matter."""
        sys.setprofile(self)
        try:
            with suppress(OSError):
                work()
        finally:
            sys.setprofile(None)

    def __call__(self, _frame: object, event: str, function: object) -> None:
        if event == "c_call" and getattr(function, "__module__", "") == "posix":
            self.calls += 1
            if self.calls == self.moment and self.directory.is_dir():
                os.rename(self.directory, self.directory.with_name("aside"))
                self.directory.symlink_to(self.target)


def survivors(directory: Path, remove: Callable[[Path], object]) -> list[int]:
    """How many files of others are left after each removal of a job, one for each moment of a swap."""
    counts: list[int] = []
    calls = moment = 0
    while calls >= moment:
        moment += 1
        place = directory / str(moment)
        others, job = place / "others", place / "job"
        for folder in (others, job / "outer" / "inner"):
            folder.mkdir(parents=True)
            for number in range(FILES):
                (folder / f"file{number}").touch()
        swap = Swap(job / "outer", others, moment)
        swap.during(lambda job=job: remove(job))
        calls = swap.calls
        counts.append(len(list(others.iterdir())))
    return counts


def naively(path: Path) -> None:
    """What must not be done: the name is looked at, and then used again."""
    for name in os.listdir(path):
        inner = path / name
        if inner.is_dir() and not inner.is_symlink():
            naively(inner)
        else:
            inner.unlink()
    path.rmdir()


def test_a_directory_that_becomes_a_link_takes_no_file_of_others_along(tmp_path: Path) -> None:
    """Before whichever call of the removal: each is relative to an open directory, none follows."""
    counts = survivors(tmp_path, lambda job: remove_tree(job, is_ours=False))

    assert len(counts) > 10
    assert set(counts) == {FILES}


def test_a_removal_that_follows_a_link_is_seen(tmp_path: Path) -> None:
    """The same moments find the fault in a removal that has it."""
    assert 0 in survivors(tmp_path / "naive", naively)
