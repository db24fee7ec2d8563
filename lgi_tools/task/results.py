"""Fetch the results of jobs into their folders."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from enum import IntEnum
from functools import partial
from pathlib import Path

from lgi_protocol.errors import ErrorNumber, ServerError
from lgi_protocol.value_object import value_object
from lgi_tools.cli import job_streams
from lgi_tools.client import result_patterns
from lgi_tools.client.files import Files
from lgi_tools.client.job import Details
from lgi_tools.client.local_path import UnsafePathError, is_in_hidden_directory, prepare
from lgi_tools.client.project import Project
from lgi_tools.client.settings import Settings
from lgi_tools.client.stored_file import StoredFile
from lgi_tools.client.transfer_error import TransferError
from lgi_tools.staging.directory import is_staged, is_staged_path
from lgi_tools.task import folder, identity, omission, parallel, record
from lgi_tools.task import status as task_status
from lgi_tools.task.record import Fetched, RecordError, TaskRecord


class Replace(IntEnum):
    """The existing files that may be replaced: fetched results, also inputs, also edited files."""

    RESULTS = 0
    INPUTS = 1
    EDITED = 2


@value_object
class Got:
    """The result for one folder: names of the fetched files, errors and remarks of one line each."""

    folder: Path
    files: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def get(chosen: Settings, folders: Sequence[Path], hands: int, replaced: Replace) -> Iterator[Got]:
    """Fetch the files of folders whose jobs have ended, in any order.

    Files edited by the user are replaced with `Replace.EDITED` only.
    """
    return parallel.map_projects(chosen, folders, hands, partial(_safely, replaced))


def _safely(replaced: Replace, project: Project, place: Path) -> Got:
    try:
        found = task_status.submitted(place, project.server)
        if found.gone:
            raise RecordError(f"its job is no longer on the server: it was {found.gone}")
        if found.got and not replaced and not _is_missing(place, found):
            return Got(place, notes=omission.notes(found.ending))
        return _get(project, place, found, replaced)
    except (RecordError, TransferError) as error:
        return Got(place, faults=(str(error),))
    except OSError as error:
        return Got(place, faults=(f"{error.filename or place}: {error.strerror}",))
    except ServerError as error:
        if error.number != ErrorNumber.NO_JOB:
            raise
        return Got(place, faults=(f"job {found.job_id} does not exist any more",))


def _is_missing(place: Path, found: TaskRecord) -> bool:
    """Return whether a sent or fetched file was deleted from the folder."""
    return not all(os.path.lexists(place / name) for name in {*found.inputs, *found.fetched})


def _get(project: Project, place: Path, found: TaskRecord, replaced: Replace) -> Got:
    job = identity.job_of(project, found)
    if not job.ended:
        raise RecordError(f"its job has not ended: it is {job.state}")
    found = task_status.note_ending(project, place, found, job)
    arriving = _Arriving(place, found, project.files(job) if job.repository_url else None, replaced)
    arriving.has_paths = result_patterns.read(job.specifics).has_paths
    for one in job.files:
        arriving.take(one)
    if not {one.name for one in job.files} & set(folder.STREAMS):
        arriving.streams(job)
    got = not arriving.faults
    record.write(place, replace(found, fetched=arriving.fetched, got=got))
    notes = (*arriving.notes, *omission.notes(job.end))
    return Got(place, tuple(arriving.files), tuple(arriving.faults), notes)


class _Arriving:
    """The files of one folder, while they are fetched."""

    def __init__(self, place: Path, found: TaskRecord, stored: Files | None, replaced: Replace) -> None:
        self._place = place
        self._found = found
        self._stored = stored
        self._replaced = replaced
        self.fetched = dict(found.fetched)
        self.files: list[str] = []
        self.faults: list[str] = []
        self.notes: list[str] = []
        # The names in the repository stand for paths.
        self.has_paths = False
        self._names: dict[str, str] = {}

    def take(self, stored: StoredFile) -> None:
        """Fetch a file, unless it exists or its name is taken.

        A repository may hold files that must not be written into a folder.
        """
        path = result_patterns.path_of(stored.name) if self.has_paths else stored.name
        if not (is_staged_path(path) if self.has_paths else is_staged(path)):
            return
        self._names[path] = stored.name
        self._take(replace(stored, name=path))

    def _take(self, one: StoredFile) -> None:
        path = self._place / one.name
        try:
            if "/" in one.name:
                if is_in_hidden_directory(one.name):
                    raise UnsafePathError(
                        f"it is in a hidden directory: LGI_get {self._found.job_id} fetches it"
                    )
                prepare(self._place, one.name)
            if path.is_dir():
                self.faults.append(f"{one.name} is a directory here: move it away")
            elif not os.path.lexists(path):
                self._fetch(one, path)
            elif self._is_ours(one.name):
                if not self._came_before(one):
                    self._fetch(one, path)
            else:
                self._meet(one, path)
        except (TransferError, UnsafePathError) as failure:
            self.faults.append(f"{one.name}: {failure}")

    def _meet(self, one: StoredFile, path: Path) -> None:
        """Handle a local file that is not as fetched: an input, or edited by the user."""
        here, sent = _digest(path), self._found.inputs.get(one.name, "")
        needed = Replace.INPUTS if here == sent else Replace.EDITED
        if self._replaced >= needed and not path.is_symlink():
            self._fetch(one, path)
        elif self._is_news(one, path, here, sent):
            self.faults.append(_in_the_way(one.name, path, needed))
        elif self._replaced and here != sent:
            self.notes.append(_in_the_way(one.name, path, needed))

    def _is_news(self, one: StoredFile, path: Path, here: str, sent: str) -> bool:
        """Return whether the job's file differs from the local file and from what it was before an edit."""
        if self._came_before(one):
            return False
        if here == sent and path.stat().st_size != one.size:
            return True
        return self._digest_of(one) not in {here, sent}

    def _digest_of(self, one: StoredFile) -> str:
        assert self._stored is not None  # noqa: S101 - what is in no repository has no name
        with tempfile.TemporaryDirectory(prefix="LGI_task.") as directory:
            return folder.digest(self._stored.download(self._names[one.name], Path(directory, "there")))

    def _fetch(self, one: StoredFile, path: Path) -> None:
        assert self._stored is not None  # noqa: S101 - as above
        self._stored.download(self._names[one.name], path)
        self._note(one.name, one.size, int(one.changed.timestamp()))

    def _note(self, name: str, size: int = 0, changed: int = 0) -> None:
        status = os.lstat(self._place / name)
        self.fetched[name] = Fetched(size, changed, status.st_size, status.st_mtime_ns)
        self.files.append(name)

    def _is_ours(self, name: str) -> bool:
        """Return whether a local file was fetched from the job and not changed since."""
        known = self.fetched.get(name)
        status = os.lstat(self._place / name)
        return known is not None and (known.size, known.modified) == (status.st_size, status.st_mtime_ns)

    def _came_before(self, one: StoredFile) -> bool:
        """Return whether the file was fetched and not changed on the server since."""
        known = self.fetched.get(one.name)
        came = known and (known.stored_size, known.changed)
        return came == (one.size, int(one.changed.timestamp()))

    def streams(self, job: Details) -> None:
        """Write both streams as far as they were reported, for a job that stores no files."""
        for name, stream in zip(folder.STREAMS, job_streams.reported(job), strict=True):
            path = self._place / name
            if path.is_symlink() or path.is_dir():
                self.faults.append(f"{name} is not a regular file here: move it away")
            elif path.exists() and not self._is_ours(name) and self._replaced < Replace.EDITED:
                self.faults.append(_in_the_way(name, path, Replace.EDITED))
            else:
                path.write_bytes(stream.data)
                self._note(name)
                if not stream.is_whole:
                    self.faults.append(
                        f"{name} is incomplete: its resource has "
                        f"reported {len(stream.data)} of {stream.size} bytes"
                    )


def _digest(path: Path) -> str:
    return folder.digest(path) if path.is_file() else ""


def _in_the_way(name: str, path: Path, needed: Replace) -> str:
    if path.is_symlink():
        # Its target may belong to something else.
        return f"{name} is a symbolic link here: move it away to fetch the result"
    if needed is Replace.INPUTS:
        return f"{name} already exists and differs: get --force replaces it"
    return f"{name} was edited or created here and is kept: get --replace-edited replaces it"
