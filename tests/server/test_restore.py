"""Restores that are refused, interrupted, or done with an archive that somebody has made up."""

import gzip
import io
import os
import resource
import shutil
import signal
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from lgi_server.services.backup import archive
from lgi_server.services.backup.archive import DamagedArchiveError
from tests.server.test_repository import new_repository
from tests.support import backups
from tests.support.grid import BIN, Grid, running

pytestmark = pytest.mark.slow
JOB = "JOB_" + "0" * 32


@pytest.fixture(scope="module")
def backup(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of a server with one job; nothing of the server is left."""
    file = tmp_path_factory.mktemp("backup") / "LGI.tar"
    with running(Grid()) as grid:
        new_repository(grid)
        shutil.copy(backups.backup(grid), file)
    return file


def changed(file: Path, target: Path, change: Callable[[tarfile.TarFile, tarfile.TarInfo], None]) -> Path:
    """Copy a backup; ``change`` is called before the manifest, with that."""
    with tarfile.open(file) as source, tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as made:
        for member in source:
            if member.name == "manifest.json":
                change(made, member)
            made.addfile(member, source.extractfile(member))
    return target


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    """A member of an archive."""
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, link
    return made


MADE_UP = {
    "an absolute path": member("/etc/cron.d/lgi"),
    "a path that leads out": member("server/../../lgi"),
    "a repository that leads out": member(f"repositories/000/{JOB}/.."),
    "a repository of another name": member("repositories/etc/passwd/x"),
    "a file beside the rooms": member("elsewhere/file"),
    "a symbolic link": member("server/link", tarfile.SYMTYPE, "/etc"),
    "a hard link": member("server/link", tarfile.LNKTYPE, "/etc/shadow"),
    "a device": member("server/disk", tarfile.BLKTYPE),
    "a pipe": member("server/pipe", tarfile.FIFOTYPE),
    "a directory": member("server/directory", tarfile.DIRTYPE),
    "a file that is there already": member("server/LGI_server.cfg"),
    "a file that the manifest does not name": member("server/other"),
    "an empty name": member("server//x"),
    "a name with a line feed of a table": member("databases/LGI/x.jsonl\n"),
}


@pytest.mark.parametrize("what", MADE_UP)
def test_an_archive_with_something_made_up_is_refused(backup: Path, tmp_path: Path, what: str) -> None:
    """Nothing at all is written, inside or outside."""
    file = changed(backup, tmp_path / "bad.tar", lambda made, _: made.addfile(MADE_UP[what], io.BytesIO()))

    done = backups.setup("restore", file, "--into", tmp_path / "new")

    assert done.returncode == 1
    assert done.stderr.startswith("LGI_setup: '")
    assert [path.name for path in tmp_path.iterdir()] == ["bad.tar"]


def test_an_archive_that_is_larger_than_it_looks_is_refused(backup: Path, tmp_path: Path) -> None:
    """Compressed ones, and files with holes."""
    compressed = tmp_path / "LGI.tar.gz"
    compressed.write_bytes(gzip.compress(backup.read_bytes()))
    holes = changed(
        backup,
        tmp_path / "holes.tar",
        lambda made, _: made.addfile(sparse("server/holes"), io.BytesIO(b"1\n0\n512\n" + b"\0" * 504)),
    )

    for file in (compressed, holes):
        with pytest.raises(DamagedArchiveError):
            archive.check(file)


def sparse(name: str) -> tarfile.TarInfo:
    """A file that says it has a terabyte."""
    made = tarfile.TarInfo(name)
    made.size = 512
    made.pax_headers = {
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.name": name,
        "GNU.sparse.realsize": str(2**40),
    }
    return made


def test_a_damaged_byte_anywhere_is_noticed(backup: Path, tmp_path: Path) -> None:
    """In the rows, in a file of the server, and in the manifest."""
    whole, seen = backup.read_bytes(), 0
    with tarfile.open(backup) as tar:
        members = [one for one in tar if one.size]
    for one in members:
        file = tmp_path / "damaged.tar"
        at = one.offset_data + one.size // 2
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(DamagedArchiveError):
            archive.check(file)
        seen += 1

    assert seen > 10


@pytest.mark.parametrize("part", [0.0, 0.3, 1.0])
def test_a_file_that_was_cut_is_not_complete(backup: Path, tmp_path: Path, part: float) -> None:
    """As after a copy on a full disk: an empty file, one in the middle, one whose last byte is missing."""
    with tarfile.open(backup) as tar:
        last = tar.getmember("manifest.sha256")
    file = tmp_path / "cut.tar"
    file.write_bytes(backup.read_bytes()[: int(part * (last.offset_data + last.size - 1))])

    done = backups.setup("restore", file, "--into", tmp_path / "new")

    assert done.returncode == 1
    assert done.stderr.startswith("LGI_setup: ")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "new").exists()


def test_a_directory_that_is_not_empty_is_left_alone(backup: Path, tmp_path: Path) -> None:
    """It may be the server's."""
    (tmp_path / "LGI_server.cfg").write_text("mine")

    done = backups.setup("restore", backup, "--into", tmp_path)

    assert done.stderr == f"LGI_setup: {tmp_path} is not empty: name a new directory\n"
    assert [path.name for path in tmp_path.iterdir()] == ["LGI_server.cfg"]


@pytest.mark.parametrize(
    ("version", "advice"), [(1, "run LGI_setup upgrade"), (99, "use the programs of that")]
)
def test_a_backup_of_another_version_is_named(
    backup: Path, tmp_path: Path, version: int, advice: str
) -> None:
    """It says of which release it is, and what to do."""
    file = tmp_path / "other.tar"
    made = archive.check(backup)
    with file.open("wb") as target:
        writer = archive.ArchiveWriter(target)
        for name, content in archive.contents(backup):
            (tmp_path / "content").write_bytes(content.read())
            with (tmp_path / "content").open("rb") as opened:
                writer.add(name, opened)
        writer.finish(replace(made, schema=version, files=tuple(writer.files)))

    done = backups.setup("restore", file, "--into", tmp_path / "new")

    assert done.returncode == 1
    assert f"it was made by release 1.41.0, with tables of version {version}" in done.stderr
    assert advice in done.stderr
    assert not (tmp_path / "new").exists()


@contextmanager
def stopped_restore(file: Path, parent: Path) -> Iterator[tuple[Path, subprocess.Popen[bytes]]]:
    """A directory, and a restore that stands still there in the middle: before its end, or once more."""
    for number in range(20):
        new = parent / f"new{number}"
        restore = [BIN / "LGI_setup", "restore", file, "--into", new]
        stopped = subprocess.Popen(restore, stdout=subprocess.DEVNULL)
        while stopped.poll() is None and not (new / "certificates").exists():
            time.sleep(0.001)
        if stopped.poll() is None:
            stopped.send_signal(signal.SIGSTOP)
            # Until it has stopped or ended; the end can still be waited for.
            os.waitid(os.P_PID, stopped.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        try:
            if (new / ".restore").exists() and not (new / "LGI_server.cfg").exists():
                yield new, stopped
                return
        finally:
            stopped.kill()
            stopped.wait(60)
        shutil.rmtree(new)
    raise AssertionError("the restore ended each time before it was stopped")


def test_a_restore_that_was_killed_starts_again(backup: Path, tmp_path: Path) -> None:
    """No server can start on what is there; the same command completes it, another backup is refused."""
    large = changed_with_large_file(backup, tmp_path / "large.tar")
    with stopped_restore(large, tmp_path) as (new, process):
        process.kill()
    half = sorted(path.name for path in new.iterdir())

    served = subprocess.run([BIN / "LGI_server", "--check", new / "LGI_server.cfg"], capture_output=True)
    other = backups.setup("restore", backup, "--into", new)
    again = backups.setup("restore", large, "--into", new)

    assert ".restore" in half
    assert "LGI_server.cfg" not in half
    assert served.returncode != 0
    assert "an interrupted restore of another backup" in other.stderr
    assert again.returncode == 0, again.stderr
    assert "An earlier restore was interrupted here: it was started again" in again.stdout
    assert not (new / ".restore").exists()
    assert (new / "LGI_server.cfg").exists()


def changed_with_large_file(file: Path, target: Path) -> Path:
    """The same backup, made again with a large file in its repository."""
    with running(Grid()) as grid:
        _url, directory = new_repository(grid)
        with (directory / "large").open("wb") as large:
            large.truncate(300 * 2**20)
        shutil.move(backups.backup(grid), target)
    assert file.stat().st_size < target.stat().st_size
    return target


def test_a_restore_onto_a_database_with_rows_changes_nothing(backup: Path, tmp_path: Path) -> None:
    """A file of SQLite must not exist at all."""
    database = tmp_path / "used.sqlite"
    database.write_bytes(b"mine")

    done = backups.setup("restore", backup, "--into", tmp_path / "new", f"--database=LGI=sqlite:{database}")

    assert done.returncode == 1
    assert f"{database}, exists: name a new file" in done.stderr
    assert database.read_bytes() == b"mine"
    assert not (tmp_path / "new" / "LGI_server.cfg").exists()


def test_a_check_writes_nothing(backup: Path, tmp_path: Path) -> None:
    """It says what is in the file."""
    done = backups.setup("restore", backup, "--into", tmp_path / "new", "--check")

    assert done.returncode == 0
    assert "Project LGI: 1 jobs, the last number given is 1" in done.stdout
    assert not (tmp_path / "new").exists()


@pytest.fixture
def lone_grid() -> Iterator[Grid]:
    """A grid on SQLite that a test may lose."""
    with running(Grid()) as made:
        yield made


def test_repositories_that_were_not_lost_are_used(lone_grid: Grid) -> None:
    """Only the database was: those of the backup are not restored beside them."""
    _url, directory = new_repository(lone_grid)
    (directory / "file").write_text("x")
    file = backups.backup(lone_grid, "--no-repositories")
    kept = lone_grid.directory / "kept"
    lone_grid.config.repository.rename(kept)
    backups.lose(lone_grid)

    backups.restore(lone_grid, file, f"--repository={kept}")

    assert lone_grid.config.repository == kept
    assert not list(lone_grid.config_file.parent.rglob("JOB_*"))


def test_one_of_two_restores_at_once_is_refused(backup: Path, tmp_path: Path) -> None:
    """The other one is complete."""
    large = changed_with_large_file(backup, tmp_path / "large.tar")

    with stopped_restore(large, tmp_path) as (new, first):
        second = backups.setup("restore", large, "--into", new)
        first.send_signal(signal.SIGCONT)
        code = first.wait(100)

    assert f"another LGI_setup restore is writing to {new}" in second.stderr
    assert code == 0
    assert (new / "LGI_server.cfg").exists()
    assert not (new / ".restore").exists()


def test_a_restore_onto_a_full_disk_says_so_and_starts_again(backup: Path, tmp_path: Path) -> None:
    """Before anything is written when the size tells it, and in the middle otherwise."""
    new = tmp_path / "new"
    large = changed_with_large_file(backup, tmp_path / "large.tar")
    done = subprocess.run(
        [BIN / "LGI_setup", "restore", large, "--into", new],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2**27, 2**27)),
    )
    is_started = (new / "LGI_server.cfg").exists()
    again = backups.setup("restore", large, "--into", new)

    assert (done.returncode, is_started) == (1, False)
    advice = "make room, or raise the limit, and run the command again"
    assert done.stderr == f"LGI_setup: File too large; {advice}\n"
    assert again.returncode == 0, again.stderr


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """A directory that everybody can read."""
    made = Path(tempfile.mkdtemp(prefix="lgi-open-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


def test_a_user_without_rights_is_told_which_file(backup: Path, open_directory: Path) -> None:
    """A backup is for its owner; a directory that cannot be written is named."""
    if os.geteuid():
        pytest.skip("only root can be somebody else")
    closed, readable = open_directory / "closed.tar", open_directory / "readable.tar"
    for path, mode in ((closed, 0o600), (readable, 0o644)):
        shutil.copy(backup, path)
        path.chmod(mode)

    unreadable = as_nobody("restore", closed, "--into", open_directory / "new")
    unwritable = as_nobody("restore", readable, "--into", open_directory / "new")

    assert "closed.tar" in unreadable.stderr
    assert "Permission denied" in unwritable.stderr
    assert str(open_directory / "new") in unwritable.stderr
    assert "Traceback" not in unreadable.stderr + unwritable.stderr
    assert {unreadable.returncode, unwritable.returncode} <= {1, 2}


def as_nobody(*words: object) -> subprocess.CompletedProcess[str]:
    """Run LGI_setup as a user without rights."""
    command = [BIN / "LGI_setup", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, user="nobody", timeout=60)
