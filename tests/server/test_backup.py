"""A server that is backed up while it runs, and made again from the backup."""

import fcntl
import json
import resource
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from lgi_server.db import open_database
from lgi_server.services.backup import archive, creation, manifest, names
from lgi_server.services.backup.archive import ArchiveWriter
from lgi_server.storage.repository import relative_path
from lgi_server.tables.job_queue import jobs
from tests.server.test_repository import ask, new_repository
from tests.support import backups
from tests.support.grid import BIN, Grid, running, wait_for
from tests.support.mariadb import PrivateMariaDB

pytestmark = pytest.mark.slow
# Jobs of the three users of a busy server that are deleted in the next moment.
MOST_AT_ONCE = 9


@pytest.fixture
def own_grid(request: pytest.FixtureRequest, address: str) -> Iterator[Grid]:
    """A grid that a test may lose."""
    with running(Grid(address)) as made:
        yield made


@pytest.fixture(params=["sqlite", "mariadb"])
def address(request: pytest.FixtureRequest) -> str:
    """The address of a new database."""
    if request.param == "sqlite":
        return ""
    server: PrivateMariaDB = request.getfixturevalue("private_mariadb")
    return server.create_database("backed_up")


@pytest.fixture
def lone_grid() -> Iterator[Grid]:
    """A grid on SQLite that a test may lose."""
    with running(Grid()) as made:
        yield made


@pytest.mark.parametrize("other", ["sqlite", "mariadb"])
def test_a_restored_server_has_jobs_files_users_and_keys_of_before(
    own_grid: Grid, other: str, request: pytest.FixtureRequest
) -> None:
    """Into a database of either kind: all rows are the same, and what was posted comes back."""
    url, _directory = new_repository(own_grid, input=b"\x00\xff'\\".hex(), job_specifics="<a> ä </a>")
    user = own_grid.user()
    ask(user, "PUT", f"{url}/data%0A%C3%BC", b"content")
    before = {table: own_grid.rows(f"SELECT * FROM {table}") for table in ("job_queue", "active_resources")}
    file = backups.backup(own_grid)
    new = ""
    if other == "mariadb":
        server: PrivateMariaDB = request.getfixturevalue("private_mariadb")
        new = server.create_database("restored")

    backups.lose(own_grid)
    place = new or f"sqlite:{own_grid.directory / 'new.sqlite'}"
    backups.restore(own_grid, file, "--quiet", "0", database=place)
    own_grid.start()

    assert own_grid.rows("SELECT * FROM job_queue") == before["job_queue"]
    assert own_grid.rows("SELECT * FROM active_resources") == before["active_resources"]
    answer = user.post("interface_job_state", job_id=str(before["job_queue"][0]["job_id"]))
    assert answer.value("job", "input") == "00FF275C"
    assert ask(user, "GET", f"{url}/data%0A%C3%BC").content == b"content"


def test_a_number_of_a_job_is_not_given_twice(
    own_grid: Grid, address: str, request: pytest.FixtureRequest
) -> None:
    """Neither that of a deleted job, nor one that was given after the backup; other tables alike."""
    own_grid.resource()
    user = own_grid.user()
    kept, deleted = user.submit(), user.submit()
    user.delete(deleted)
    file = backups.backup(own_grid)
    later = user.submit()
    session = own_grid.resource().session_id
    backups.lose(own_grid)
    new = ""
    if address:
        server: PrivateMariaDB = request.getfixturevalue("private_mariadb")
        new = server.create_database("numbered")

    said = backups.restore(own_grid, file, "--gap", "50", database=new)
    own_grid.start()

    assert [row["job_id"] for row in own_grid.rows("SELECT job_id FROM job_queue")] == [kept]
    assert f"new jobs are numbered from {deleted + 51}" in said
    assert user.submit() == deleted + 51 > later
    assert int(own_grid.resource().session_id) > int(session)


def test_a_backup_of_a_busy_server_has_the_files_of_each_of_its_jobs(own_grid: Grid) -> None:
    """Jobs come and go meanwhile: those that are gone are left out, the others are whole."""
    own_grid.resource()
    user, is_over = own_grid.user(), threading.Event()

    def come_and_go() -> None:
        mine = own_grid.user()
        while not is_over.is_set():
            some = [mine.submit(input=b"x".hex()) for _ in range(3)]
            for job_id in some[:2]:
                mine.delete(job_id)

    busy = [threading.Thread(target=come_and_go) for _ in range(3)]
    for thread in busy:
        thread.start()
    try:
        wait_for(lambda: own_grid.rows("SELECT COUNT(*) AS n FROM job_queue")[0]["n"] > MOST_AT_ONCE + 3)
        files = [backups.backup(own_grid, name=f"{number}.tar") for number in range(4)]
    finally:
        is_over.set()
        for thread in busy:
            thread.join()

    for file in files:
        contents = archive.check(file).projects["LGI"]
        stored = {name.split("/")[2] for name, _ in archive.contents(file) if name.startswith("repos")}
        rows = job_rows(file)
        wanted = {rows[job_id] for job_id in rows if job_id not in contents.deleted}
        # One that was deleted when its files had been added is among those stored.
        assert wanted <= stored
    assert len(job_rows(files[-1])) > 3
    assert user.submit() > 0


def test_a_job_whose_files_are_being_removed_is_left_out(
    lone_grid: Grid, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its directory is there still, without files; nothing of it is restored, its hold neither."""
    lone_grid.resource()
    user = lone_grid.user()
    kept, deleted = user.submit(), user.submit(hold="1")
    (row,) = lone_grid.rows(f"SELECT repository FROM job_queue WHERE job_id = {deleted}")
    add = ArchiveWriter.add

    def add_while_removed(writer: ArchiveWriter, name: str, source: IO[bytes]) -> None:
        # Between the tables and the repositories.
        if name == names.CONFIGURATION:
            user.delete(deleted)
            (lone_grid.config.repository / relative_path(row["repository"])).mkdir(parents=True)
        add(writer, name, source)

    monkeypatch.setattr(ArchiveWriter, "add", add_while_removed)
    file = lone_grid.directory / "backup.tar"
    made = creation.make(lone_grid.config, file, with_repositories=True)
    monkeypatch.undo()
    backups.lose(lone_grid)
    backups.restore(lone_grid, file)

    assert made.missing == {"LGI": []}
    assert [row["job_id"] for row in lone_grid.rows("SELECT job_id FROM job_queue")] == [kept]
    assert lone_grid.rows("SELECT job_id FROM job_holds") == []


def test_a_token_that_is_redeemed_meanwhile_stops_no_backup(lone_grid: Grid) -> None:
    """Tokens, each a file of the authority, come and go; a file of the configuration may not be missing."""
    tokens, is_over = lone_grid.people.authority.directory / "tokens", threading.Event()
    tokens.mkdir()

    def come_and_go() -> None:
        while not is_over.is_set():
            made = [tokens / f"{number:064x}" for number in range(200)]
            for path in made:
                path.write_text("{}")
            for path in made:
                path.unlink()

    busy = threading.Thread(target=come_and_go)
    busy.start()
    try:
        files = [backups.backup(lone_grid, name=f"{number}.tar") for number in range(4)]
    finally:
        is_over.set()
        busy.join()

    assert all(archive.check(file).with_authority for file in files)


def job_rows(file: Path) -> dict[int, str]:
    """The jobs in a backup with the names of their repositories."""
    with tarfile.open(file) as tar:
        content = tar.extractfile("databases/LGI/job_queue.jsonl")
        assert content is not None
        columns, *rows = map(json.loads, content)
    found = [dict(zip(columns, row, strict=True)) for row in rows]
    return {row["job_id"]: row["repository"] for row in found}


def test_a_job_without_a_repository_is_named_and_backed_up(lone_grid: Grid) -> None:
    """Somebody has removed its files by hand; the job itself is not lost with them."""
    _url, directory = new_repository(lone_grid)
    for path in directory.iterdir():
        path.unlink()
    directory.rmdir()

    done = backups.setup("backup", lone_grid.config_file, lone_grid.directory / "b.tar")

    assert "Project LGI: 1 jobs have no repository on the disk: 1\n" in done.stdout
    assert "Project LGI: 1 jobs\n" in done.stdout


def test_a_backup_names_the_parts_it_has_not(lone_grid: Grid) -> None:
    """Repositories that are left out, and an authority whose key is elsewhere."""
    new_repository(lone_grid)
    key = lone_grid.people.authority.directory / "ca.key"
    key.rename(lone_grid.directory / "elsewhere.key")

    file = lone_grid.directory / "b.tar"
    done = backups.setup("backup", lone_grid.config_file, file, "--no-repositories")

    assert "Not in it: the key of the authority, which is not beside" in done.stdout
    assert "Not in it: the repositories\n" in done.stdout
    names = [name for name, _content in archive.contents(file)]
    assert not [name for name in names if name.startswith("repositories/") or name.endswith("/ca.key")]


def test_tokens_and_the_key_of_the_authority_are_restored(lone_grid: Grid) -> None:
    """A token that was given out before is still good, and only the owner may read the key.

    The enrolment secret is not restored: it may have been ended since, because it was stolen.
    """
    authority = lone_grid.people.authority.directory
    program = [BIN / "LGI_certificates", "--directory", authority]
    given = subprocess.run(
        [*program, "token", "new@cluster", "--project=LGI"], capture_output=True, text=True
    )
    subprocess.run([*program, "secret", "--names=*@cluster", "--project=LGI"], check=True)
    secret = Path(authority, "enrolment_secret.json")
    had_secret = secret.exists()
    tokens = sorted(path.name for path in (authority / "tokens").iterdir())
    file = backups.backup(lone_grid)
    backups.lose(lone_grid)

    backups.restore(lone_grid, file)

    restored = lone_grid.config.ca_certificate.parent
    assert given.returncode == 0, given.stderr
    assert tokens
    assert (had_secret, (restored / secret.name).exists()) == (True, False)
    assert sorted(path.name for path in (restored / "tokens").iterdir()) == tokens
    assert (restored / "ca.key").read_bytes() == (authority / "ca.key").read_bytes()
    assert (restored / "ca.key").stat().st_mode & 0o777 == 0o600
    assert restored.parent == lone_grid.config_file.parent


def test_a_job_that_was_locked_is_free_in_a_restored_database(lone_grid: Grid) -> None:
    """The session that had locked it is gone with the old server."""
    calls = lone_grid.resource()
    lone_grid.user().submit()
    assert calls.request_work("hello_world", 0, 1).jobs
    file = backups.backup(lone_grid)
    backups.lose(lone_grid)

    backups.restore(lone_grid, file, "--quiet", "0")

    assert [row["lock_state"] for row in lone_grid.rows("SELECT lock_state FROM job_queue")] == [0]
    assert lone_grid.rows("SELECT * FROM running_locks") == []


def test_only_the_owner_can_read_a_backup(lone_grid: Grid) -> None:
    """It has private keys; and nothing else is left beside it."""
    file = backups.backup(lone_grid)

    assert file.stat().st_mode & 0o777 == 0o600
    assert not list(file.parent.glob("*.partial"))


def test_a_backup_replaces_no_file(lone_grid: Grid) -> None:
    """Neither a backup nor anything else."""
    file = lone_grid.directory / "b.tar"
    file.write_text("mine")

    done = backups.setup("backup", lone_grid.config_file, file)

    assert (done.returncode, file.read_text()) == (1, "mine")
    assert done.stderr == f"LGI_setup: {file} is there already: choose another name, or remove it\n"


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("/proc", "it takes no files"),
        ("nowhere", "there is no such directory: make it"),
        ("file", "Not a directory"),
    ],
)
def test_a_directory_that_takes_no_backup_is_named(lone_grid: Grid, place: str, reason: str) -> None:
    """With the reason in words, and not the name of the file that is written first."""
    (lone_grid.directory / "file").touch()
    target = lone_grid.directory / place / "b.tar"

    done = backups.setup("backup", lone_grid.config_file, target)

    assert done.returncode == 1
    assert done.stderr == f"LGI_setup: no backup can be written into {target.parent}: {reason}\n"


def test_one_of_two_backups_to_the_same_file_is_refused(lone_grid: Grid) -> None:
    """The file that the other one writes is left alone; one that was killed does no harm."""
    file, partial = lone_grid.directory / "b.tar", lone_grid.directory / "b.tar.partial"
    partial.write_text("of another")
    with partial.open("r+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        refused = backups.setup("backup", lone_grid.config_file, file)

    done = backups.setup("backup", lone_grid.config_file, file)

    assert refused.stderr == f"LGI_setup: {partial} is being written by another backup\n"
    assert done.returncode == 0, done.stderr
    assert archive.check(file)


def test_a_backup_that_was_killed_at_its_end_is_not_overwritten(lone_grid: Grid) -> None:
    """It has two names then; a rename followed by another backup keeps both files."""
    file = backups.backup(lone_grid)
    file.with_name(f"{file.name}.partial").hardlink_to(file)
    former = file.rename(file.with_name("former.tar"))

    backups.backup(lone_grid)

    assert archive.check(former)
    assert archive.check(file)


def test_a_backup_that_does_not_fit_on_the_disk_leaves_nothing(lone_grid: Grid) -> None:
    """It says so, whichever file was being written."""
    _url, directory = new_repository(lone_grid)
    (directory / "large").write_bytes(b"x" * 300_000)
    file = lone_grid.directory / "b.tar"

    done = subprocess.run(
        [BIN / "LGI_setup", "backup", lone_grid.config_file, file],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000)),
    )

    assert done.returncode == 1
    advice = "make room, or raise the limit, and run the command again"
    assert done.stderr == f"LGI_setup: File too large; {advice}\n"
    assert not list(file.parent.glob("b.tar*"))


def test_a_database_of_another_version_is_not_backed_up(lone_grid: Grid) -> None:
    """It is to be upgraded first, by name."""
    lone_grid.stop()
    lone_grid.run("UPDATE schema_version SET version = 1")

    done = backups.setup("backup", lone_grid.config_file, lone_grid.directory / "b.tar")

    assert done.returncode == 1
    assert "is of version 1, and this program needs version" in done.stderr
    assert "run: LGI_setup upgrade" in done.stderr


def test_a_restored_database_has_the_job_in_the_lists_of_its_user(lone_grid: Grid) -> None:
    """The tables beside job_queue belong to the same moment."""
    lone_grid.resource()
    job_id = lone_grid.user().submit()
    file = backups.backup(lone_grid)
    backups.lose(lone_grid)

    backups.restore(lone_grid, file)

    opened = open_database(lone_grid.config.projects["LGI"].database)
    assert opened.run(lambda transaction: jobs.states(transaction, [job_id]), write=False) == {
        job_id: "queued"
    }
    opened.close()
    lone_grid.start()
    listed = lone_grid.user().post("interface_job_state")
    assert listed.number("number_of_jobs") == 1


def test_a_manifest_is_read_as_it_was_written(lone_grid: Grid) -> None:
    """All of its fields."""
    made = archive.check(backups.backup(lone_grid))

    assert manifest.from_json(manifest.to_json(made)) == made
