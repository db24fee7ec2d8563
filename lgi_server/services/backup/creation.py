"""Makes a backup of a project server, which may run meanwhile.

The database is read first, as it was at one moment, and then the repositories of its jobs: a submit creates
the repository before it stores the job, so that each job has its files. A job that is deleted meanwhile may
have lost some of them: it is noted, and left out when the backup is restored.
"""

import errno
import fcntl
import os
import socket
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

from lgi_server.config.model import Config
from lgi_server.db import open_database, schema_files, snapshot, stored_columns, upgrades
from lgi_server.db.snapshot import Snapshot
from lgi_server.services.backup import archive, manifest, names, row_file, server_files
from lgi_server.services.backup.archive import ArchiveWriter
from lgi_server.services.backup.manifest import Manifest, ProjectContents
from lgi_server.services.backup.server_files import ServerFiles
from lgi_server.storage.local import Repositories
from lgi_server.storage.repository import NoSuchFileError, is_name
from lgi_server.tables import whole_tables
from lgi_server.tables.job_queue import jobs

# What only holds while the server runs.
TRANSIENT = frozenset(
    {
        "running_locks",
        "running_sessions",
        "web_sessions",
        # A restored backup would make revoked ones good again.
        "api_tokens",
        "token_addresses",
        "resource_daemons",
        "resource_machines",
        "server_heartbeats",
        "job_tails",
        "attach_sessions",
        "turns",
        "schema_version",
    }
)


@dataclass
class _JobFiles:
    """The repositories of the jobs of one project, by job_id, and those jobs that had none any more."""

    repositories: dict[int, str] = field(default_factory=dict)
    missing: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Summary:
    """What a backup contains."""

    manifest: Manifest
    size: int
    missing: Mapping[str, Sequence[int]]


def make(config: Config, target: Path, with_repositories: bool) -> Summary:
    """Write a backup to a file that must not exist, and read it back; it appears under its name when whole.

    Raises FileExistsError, OSError, ConfigError, or ValueError for a database that cannot be read.
    """
    _remove_complete(_partial_name(target))
    if os.path.lexists(target):
        raise FileExistsError(f"{target} is there already: choose another name, or remove it")
    with _partial(target) as (path, opened):
        writer = ArchiveWriter(opened)
        summary = _write(config, writer, path, with_repositories and config.repositories_on_disk)
        writer.finish(summary.manifest)
        opened.flush()
        os.fsync(opened.fileno())
        archive.check(path)
        # A link fails when the name has come into use meanwhile.
        os.link(path, target)
        return replace(summary, size=target.stat().st_size)


def _partial_name(target: Path) -> Path:
    return target.with_name(f"{target.name}.partial")


def _remove_complete(path: Path) -> None:
    """Remove the second name of a backup that was killed when it was complete: it must not be overwritten."""
    if path.exists() and path.lstat().st_nlink > 1:
        path.unlink(missing_ok=True)


@contextmanager
def _partial(target: Path) -> Iterator[tuple[Path, IO[bytes]]]:
    """Provide a private file beside the target, which is removed at the end of the block.

    One that was left by a backup that was killed is overwritten; FileExistsError while another one writes it.
    """
    path = _partial_name(target)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        why = f"no backup can be written into {path.parent}: {_reason(path, error)}"
        raise OSError(error.errno, why) from None
    with os.fdopen(descriptor, "r+b") as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise FileExistsError(f"{path} is being written by another backup") from None
        opened.truncate(0)
        os.fchmod(opened.fileno(), 0o600)
        try:
            yield path, opened
        finally:
            path.unlink(missing_ok=True)


def _reason(path: Path, error: OSError) -> str:
    """Return why a file cannot be created: some file systems say ENOENT of a directory that is there."""
    if error.errno != errno.ENOENT:
        return error.strerror or str(error)
    return "it takes no files" if path.parent.is_dir() else "there is no such directory: make it"


def _write(config: Config, writer: ArchiveWriter, path: Path, with_repositories: bool) -> Summary:
    # What the backup has is no newer than this.
    made = int(time.time())
    files = server_files.collect(config)
    projects: dict[str, ProjectContents] = {}
    jobs_with_files: dict[str, _JobFiles] = {}
    with tempfile.TemporaryFile(dir=path.parent) as spool:
        for name, project in config.projects.items():
            projects[name], jobs_with_files[name] = _write_database(writer, spool, name, project.database)
    _add(writer, names.CONFIGURATION, config.path)
    _write_files(writer, files)
    for name, project in config.projects.items():
        if password := server_files.password_file(project.database):
            stored = f"{names.SERVER}/files/password_{name}/{password.name}"
            _add(writer, stored, password)
            projects[name] = replace(projects[name], password_file=stored)
        if with_repositories:
            _write_repositories(writer, config, jobs_with_files[name])
            deleted = _deleted(project.database, list(jobs_with_files[name].repositories))
            projects[name] = replace(projects[name], deleted=tuple(deleted))
    contents = Manifest(
        made=made,
        release=manifest.release(),
        schema=upgrades.latest(),
        host=socket.gethostname(),
        with_authority=files.with_authority,
        with_repositories=with_repositories,
        settings=files.settings,
        projects=projects,
        files=tuple(writer.files),
    )
    missing = {
        name: sorted(set(found.missing) - set(projects[name].deleted))
        for name, found in jobs_with_files.items()
    }
    return Summary(contents, 0, missing)


def _write_files(writer: ArchiveWriter, files: ServerFiles) -> None:
    needed = {stored for settings in files.settings.values() for stored in settings.values()}
    for stored, source in files.files.items():
        try:
            _add(writer, stored, source)
        except FileNotFoundError:
            # A token that was redeemed meanwhile, or the like.
            if stored in needed:
                raise


def _add(writer: ArchiveWriter, name: str, path: Path) -> None:
    with path.open("rb") as opened:
        writer.add(name, opened)


def _write_database(
    writer: ArchiveWriter, spool: IO[bytes], project: str, address: str
) -> tuple[ProjectContents, _JobFiles]:
    """Add the tables of one project; return what they are, and the repositories of its jobs."""
    schema = schema_files.text()
    found, rows = _JobFiles(), dict[str, int]()
    with snapshot.opened(address) as read:
        for table, columns in stored_columns.of_schema(schema).items():
            if table not in TRANSIENT:
                spool.seek(0)
                spool.truncate()
                wanted = _noting(table, columns, read, found)
                rows[table] = row_file.write(spool, columns, wanted)
                spool.flush()
                spool.seek(0)
                writer.add(names.of_table(project, table), spool)
        # At the end: it may count what was stored since, and never less.
        numbers = {table: read.last_number(table) for table in stored_columns.numbered(schema)}
    return ProjectContents(address, rows, numbers), found


def _noting(
    table: str, columns: Sequence[str], read: Snapshot, found: _JobFiles
) -> Iterator[tuple[object, ...]]:
    """Yield the rows of a table, and note the repositories of jobs."""
    for row in read.rows(whole_tables.query(table, columns)):
        if table == "job_queue":
            values = dict(zip(columns, row, strict=True))
            if is_name(str(values["repository"])):
                found.repositories[int(str(values["job_id"]))] = str(values["repository"])
        yield row


def _write_repositories(writer: ArchiveWriter, config: Config, found: _JobFiles) -> None:
    store = Repositories(config.repository, config.max_file_size, config.max_repository_size)
    for job_id, name in found.repositories.items():
        try:
            _write_repository(writer, store, name)
        except NoSuchFileError:
            found.missing.append(job_id)


def _write_repository(writer: ArchiveWriter, store: Repositories, name: str) -> None:
    """Add the files of a repository; NoSuchFileError when there is none."""
    with store.opened(name) as at:
        listed = sorted(os.listdir(at))
    for file in listed:
        try:
            with store.open(name, file) as opened:
                writer.add(names.of_repository_file(name, file), opened)
        except NoSuchFileError:
            # It was deleted meanwhile, or is none of ours, as a directory.
            continue


def _deleted(address: str, job_ids: Sequence[int]) -> list[int]:
    """Return those of the jobs that the database does not have any more."""
    database = open_database(address)
    try:
        states = database.run(lambda transaction: jobs.states(transaction, job_ids), write=False)
    finally:
        database.close()
    return [job_id for job_id in job_ids if job_id not in states]
