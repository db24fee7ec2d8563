"""Fetches the files of ended jobs for LGI_get."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from threading import Lock

from lgi_protocol.errors import ErrorNumber, ServerError
from lgi_protocol.value_object import value_object
from lgi_tools.cli import job_streams
from lgi_tools.client import result_patterns
from lgi_tools.client.files import Files
from lgi_tools.client.job import Details
from lgi_tools.client.local_path import UnsafePathError, is_in_hidden_directory, prepare
from lgi_tools.client.project import Project
from lgi_tools.client.result_directory import ResultDirectory
from lgi_tools.client.stored_file import STREAMS, StoredFile
from lgi_tools.client.transfer_error import TransferError
from lgi_tools.commands.get_paths import PathPattern

_FLAT = PathPattern("{file}")
# The archive of a job with an object store of its user.
RESULTS = "results.tar.gz"


@value_object
class Fetched:
    """The files of one job that are here now, new ones in ``files``, and why others are not."""

    job_id: int
    files: tuple[Path, ...] = ()
    kept: int = 0
    faults: tuple[str, ...] = ()


@dataclass
class Getter:
    """What is fetched, and where to. One for all threads: no two jobs write the same file.

    ``only`` and ``exclude`` are patterns of file names; ``force`` replaces files that differ; ``seen`` gets
    each job with its project. Jobs that have a directory of ``own``, by id and repository, go there.
    """

    pattern: PathPattern
    directory: Path
    only: Sequence[str] = ()
    exclude: Sequence[str] = ()
    force: bool = False
    seen: Callable[[Project, Details], object] = lambda _project, _job: None
    # Those patterns of ``only`` that a file has matched.
    matched: set[str] = field(default_factory=set)
    own: Mapping[tuple[int, str], ResultDirectory] = field(default_factory=dict)
    _taken: dict[str, int] = field(default_factory=dict)
    _guard: Lock = field(default_factory=Lock)

    def get(self, project: Project, job_id: int) -> Fetched:
        """Fetch the files of a job that has ended. Raises ServerError for all but a missing job."""
        try:
            job = project.job(job_id)
        except ServerError as error:
            if error.number != ErrorNumber.NO_JOB:
                raise
            return Fetched(job_id, faults=("it does not exist, or you may not read it",))
        self.seen(project, job)
        if not job.ended:
            return Fetched(job_id, faults=(f"it is {job.state}: LGI_wait waits until it has ended",))
        return _Job(self, project, job).fetch()

    def own_directory(self, job: Details) -> ResultDirectory | None:
        """Return the directory that LGI_run was told for a job, if there is one."""
        return self.own.get((job.id, job.repository_url))

    def wants(self, name: str) -> bool:
        """Return whether a file is to be fetched."""
        chosen = not self.only or any(fnmatchcase(name, one) for one in self.only)
        return chosen and not any(fnmatchcase(name, one) for one in self.exclude)

    def place(self, job: Details, name: str) -> Path:
        """Return where a file of a job is written. Raises UnsafePathError."""
        own = self.own_directory(job)
        relative = (_FLAT if own else self.pattern).path(job, name)
        directory = Path(own.directory) if own else self.directory
        if own and (relative.startswith(".") or is_in_hidden_directory(relative)):
            # It might be a home or a repository of git, where hidden files set up programs.
            raise UnsafePathError(f"a hidden file is not brought: LGI_get {job.id} -d DIR fetches it")
        with self._guard:
            self.matched.update(one for one in self.only if fnmatchcase(name, one))
            owner = self._taken.setdefault(str(directory / relative), job.id)
        if owner != job.id:
            raise UnsafePathError(f"job {owner} has the same path {relative}: use a pattern with {{id}}")
        directory.mkdir(parents=True, exist_ok=True)
        return prepare(directory, relative)

    def shares_paths(self, job: Details) -> bool:
        """Return whether another job may have the paths of a job."""
        return self.own_directory(job) is not None or not self.pattern.is_of_one_job


class _Job:
    """One job, while its files are fetched."""

    def __init__(self, getter: Getter, project: Project, job: Details) -> None:
        self._getter = getter
        self._project = project
        self._job = job
        self._files: list[Path] = []
        self._faults: list[str] = []
        self._kept = 0

    def fetch(self) -> Fetched:
        stored = self._job.files if self._job.repository_url else ()
        if own := self._getter.own_directory(self._job):
            stored = tuple(one for one in stored if own.takes(one))
        files = self._project.files(self._job) if stored else None
        has_paths = result_patterns.read(self._job.specifics).has_paths
        for one in stored:
            path = result_patterns.path_of(one.name) if has_paths else one.name
            if files and self._getter.wants(path):
                self._attempt(path, files, one)
        if "<user_store>" in self._job.specifics and self._getter.wants(RESULTS):
            self._from_store()
        self._streams({one.name for one in self._job.files})
        return Fetched(self._job.id, tuple(self._files), self._kept, tuple(self._faults))

    def _from_store(self) -> None:
        """Fetch the results in the user's own object store."""
        # For such jobs only.
        from lgi_tools.client.user_store import results

        try:
            stored = results.find(self._job)
            target = self._getter.place(self._job, RESULTS)
            if stored and stored.is_at(target):
                self._kept += 1
            elif stored and self._may_write(RESULTS, target):
                stored.fetch(target)
                self._files.append(target)
        except (TransferError, UnsafePathError) as error:
            self._faults.append(f"{RESULTS}: {error}")

    def _attempt(self, name: str, files: Files, one: StoredFile) -> None:
        """Fetch a file; ``name`` is its path in the job's directory."""
        try:
            target = self._getter.place(self._job, name)
            if self._is_here(target, one, files):
                self._kept += 1
            elif self._may_write(name, target):
                job_streams.fetch(files, one.name, target, self._project.timing)
                self._files.append(target)
        except (TransferError, UnsafePathError) as error:
            self._faults.append(f"{name}: {error}")

    def _is_here(self, target: Path, one: StoredFile, files: Files) -> bool:
        """Return whether a file was fetched before.

        Where jobs share a path, files of two of them may have the size and the second in common.
        """
        if not _is_same(target, one):
            return False
        is_shared = self._getter.shares_paths(self._job)
        return not is_shared or files.modified(one.name) == os.lstat(target).st_mtime_ns

    def _may_write(self, name: str, target: Path) -> bool:
        if target.exists() and not self._getter.force:
            self._faults.append(f"{name}: {target} exists and differs: --force replaces it")
            return False
        return True

    def _streams(self, stored: set[str]) -> None:
        """Write the output that was reported, where the repository does not have it."""
        if stored & set(STREAMS):
            return
        for name, stream in zip(STREAMS, job_streams.reported(self._job), strict=True):
            if not self._getter.wants(name) or not (stream.size or name == next(iter(STREAMS))):
                continue
            try:
                self._write(name, stream.data)
            except UnsafePathError as error:
                self._faults.append(f"{name}: {error}")
            if not stream.is_whole:
                self._faults.append(f"{name}: only {len(stream.data)} of {stream.size} bytes were reported")

    def _write(self, name: str, data: bytes) -> None:
        target = self._getter.place(self._job, name)
        if target.exists() and target.read_bytes() == data:
            self._kept += 1
        elif self._may_write(name, target):
            _replace(target, data)
            self._files.append(target)


def _is_same(target: Path, one: StoredFile) -> bool:
    """Return whether a file was fetched before: a download sets the time that is listed, in seconds."""
    try:
        status = os.lstat(target)
    except FileNotFoundError:
        return False
    return (status.st_size, int(status.st_mtime)) == (one.size, int(one.changed.timestamp()))


def _replace(target: Path, data: bytes) -> None:
    """Write a file as a whole or not at all."""
    part = target.with_name(f".{target.name[:60]}.{os.getpid()}.part")
    try:
        part.write_bytes(data)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
