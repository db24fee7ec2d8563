"""What a job leaves under its uid outside of its directory is not the next one's."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lgi_daemon.execution import uid_cleanup
from lgi_daemon.execution.sandbox import choose_uid
from tests.support import uids
from tests.support.workshop import FAST, Workshop, only

from .conftest import IS_ROOT

UID, OTHER = uids.UID + 23, uids.UID + 24
needs_root = pytest.mark.skipif(not IS_ROOT, reason="needs root")


@pytest.fixture
def shared() -> Iterator[Path]:
    """A directory in /tmp that everybody may write to."""
    path = Path(f"/tmp/lgi-leftovers-{os.getpid()}")
    path.mkdir()
    path.chmod(0o1777)
    yield path
    shutil.rmtree(path)


def owned(path: Path, uid: int = UID) -> Path:
    """A file of a uid."""
    path.write_text("secret")
    os.chown(path, uid, uid)
    return path


def shared_memory(uid: int) -> int:
    """The number of a piece of System V memory that a uid has made."""
    words = ["setpriv", f"--reuid={uid}", "--clear-groups", "ipcmk", "-M", "64"]
    return int(subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()[-1])


@needs_root
def test_files_of_one_uid_go_wherever_everybody_may_write(shared: Path) -> None:
    """Set-user-ID files and closed directories are removed; files of others stay, and no link is followed."""
    private = shared / "private"
    private.mkdir()
    kept = [owned(private / "mine"), owned(shared / "other's", OTHER)]
    (shared / "link").symlink_to(private)
    os.chown(shared / "link", UID, UID, follow_symlinks=False)
    folder = shared / "folder"
    (folder / "inner").mkdir(parents=True)
    (folder / "link").symlink_to(private)
    os.chown(folder, UID, UID)
    folder.chmod(0)
    gone = [owned(shared / "copy"), owned(Path(f"/dev/shm/lgi-{os.getpid()}")), folder, shared / "link"]
    gone[0].chmod(0o4755)

    removed = uid_cleanup.clean_up_uid(UID)

    assert (removed, [path for path in gone if os.path.lexists(path)]) == (len(gone), [])
    assert all(path.exists() for path in kept)


@needs_root
def test_the_shared_memory_of_a_uid_goes_too() -> None:
    """It has no name in any directory, and outlives its processes."""
    mine, other = shared_memory(UID), shared_memory(OTHER)
    try:
        uid_cleanup.clean_up_uid(UID)
        there = [int(line.split()[1]) for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]]
        assert (mine in there, other in there) == (False, True)
    finally:
        uid_cleanup.clean_up_uid(OTHER)


@pytest.mark.parametrize("uid", [0, 33, 999])
def test_files_of_system_accounts_are_never_touched(uid: int, shared: Path) -> None:
    """These are root, the daemon's own user, and accounts."""
    kept = owned(shared / "file", uid) if IS_ROOT else shared / "file"
    kept.touch()

    assert uid_cleanup.clean_up_uid(uid) == 0
    assert kept.exists()


@needs_root
def test_the_search_for_files_of_a_uid_is_bounded(shared: Path) -> None:
    """Millions of files of other users do not block it."""
    for number in range(20):
        owned(shared / str(number))

    assert uid_cleanup.clean_up_uid(UID, (str(shared),), 10) == 10


@needs_root
def test_the_end_of_a_job_deletes_what_it_left(workshop: Workshop, shared: Path) -> None:
    """Only of a job whose uid was its own."""
    workshop.server.submit("1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    job = only(daemon)
    left = owned(shared / "left", job.record.uid)
    workshop.marked(job, "is_finished")

    for _ in range(3):
        workshop.tick(daemon, FAST)

    assert (len(daemon.jobs), left.exists()) == (0, False)


@needs_root
def test_the_uid_of_a_small_range_that_was_used_longest_ago_is_taken() -> None:
    """The later a uid is used again, the less can be left of its previous job."""
    small = range(uids.UID + 100, uids.UID + 105)
    used: dict[int, int] = {}
    for turn in range(1, 16):
        used[choose_uid(0, (), small, used)] = turn

    assert sorted(used.values()) == [11, 12, 13, 14, 15]
