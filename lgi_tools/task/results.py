"""What the jobs of folders have made comes back into them."""

import filecmp
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lgi_protocol.errors import ErrorNumber, ServerError
from lgi_tools import job_values, run, stage
from lgi_tools.job_values import Details, StoredFile
from lgi_tools.project import Files, Project
from lgi_tools.repository import TransferFailed
from lgi_tools.settings import Settings
from lgi_tools.task import crew, folder, record, standing
from lgi_tools.task.record import Fetched, Record, Trouble


@dataclass(frozen=True)
class Got:
    """What came into a folder: the names of files, and what is wrong, a line each."""

    folder: Path
    files: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()


def get(chosen: Settings, folders: Sequence[Path], hands: int, force: bool = False) -> Iterator[Got]:
    """Fetch the files of folders whose jobs have ended, in any order; with ``force`` over whatever is there.

    A file that is there already is replaced only if it came from the job and was not touched since.
    """

    def work(mine: Iterator[Path], tell: Callable[[Got], None]) -> None:
        with Project.of(chosen) as project:
            for place in mine:
                tell(_safely(project, place, force))

    return crew.together(folders, work, max(1, min(hands, len(folders))))


def _safely(project: Project, place: Path, force: bool) -> Got:
    try:
        found = standing.submitted(place, project.server)
        if found.gone:
            raise Trouble(f"there is nothing on the server: its job was {found.gone}")
        if found.got and not force:
            return Got(place)
        return _get(project, place, found, force)
    except (Trouble, TransferFailed) as trouble:
        return Got(place, faults=(str(trouble),))
    except OSError as error:
        return Got(place, faults=(f"{error.filename or place}: {error.strerror}",))
    except ServerError as error:
        if error.number != ErrorNumber.NO_JOB:
            raise
        return Got(place, faults=(f"job {found.job_id} is not there any more",))


def _get(project: Project, place: Path, found: Record, force: bool) -> Got:
    job = project.job(found.job_id)
    if not job.ended:
        raise Trouble(f"job {job.id} has not ended: it is {job.state}")
    ending = standing.note_ending(place, found, job)
    arriving = _Arriving(place, found, project.files(job) if job.repository_url else None, force)
    # A job's own directory may hold more than what may come into ours.
    stored = [one for one in job.files if stage.is_staged(one.name)]
    for one in stored:
        arriving.take(one)
    if not {one.name for one in stored} & set(folder.STREAMS):
        arriving.streams(job)
    got = not arriving.faults
    record.write(place, replace(found, ending=ending, fetched=arriving.fetched, got=got))
    return Got(place, tuple(arriving.files), tuple(arriving.faults))


class _Arriving:
    """The files of one folder, while they come."""

    def __init__(self, place: Path, found: Record, stored: Files | None, force: bool) -> None:
        self._place = place
        self._found = found
        self._stored = stored
        self._force = force
        self.fetched = dict(found.fetched)
        self.files: list[str] = []
        self.faults: list[str] = []

    def take(self, one: StoredFile) -> None:
        """Fetch a file, unless it is here, or something else of its name is."""
        path = self._place / one.name
        try:
            if path.is_dir():
                self.faults.append(f"{one.name} is a directory here: move it away")
            elif not os.path.lexists(path) or self._force or self._is_ours(one.name):
                if not self._is_same(one):
                    self._fetch(one, path)
            elif not self._is_unchanged(one, path):
                self.faults.append(f"{one.name} is here already and differs: get --force replaces it")
        except TransferFailed as failure:
            self.faults.append(f"{one.name}: {failure}")

    def _fetch(self, one: StoredFile, path: Path) -> None:
        assert self._stored is not None  # noqa: S101 - what is in no repository has no name
        self._stored.download(one.name, path)
        self._note(one.name, one.size, int(one.changed.timestamp()))

    def _note(self, name: str, size: int = 0, changed: int = 0) -> None:
        status = os.lstat(self._place / name)
        self.fetched[name] = Fetched(size, changed, status.st_size, status.st_mtime_ns)
        self.files.append(name)

    def _is_ours(self, name: str) -> bool:
        """Whether a file that is here came from the job, and is as it came."""
        known = self.fetched.get(name)
        status = os.lstat(self._place / name)
        return known is not None and (known.size, known.modified) == (status.st_size, status.st_mtime_ns)

    def _is_same(self, one: StoredFile) -> bool:
        """Whether it came before, and is as it was there and here."""
        known = self.fetched.get(one.name)
        if known is None or not os.path.lexists(self._place / one.name) or not self._is_ours(one.name):
            return False
        return (known.stored_size, known.changed) == (one.size, int(one.changed.timestamp()))

    def _is_unchanged(self, one: StoredFile, path: Path) -> bool:
        """Whether the file that is here is what is stored, as inputs are that the job has only read."""
        if not path.is_file() or path.stat().st_size != one.size:
            return False
        assert self._stored is not None  # noqa: S101 - as above
        with tempfile.TemporaryDirectory(prefix="LGI_task.") as directory:
            there = self._stored.download(one.name, Path(directory, "there"))
            return filecmp.cmp(there, path, shallow=False)

    def streams(self, job: Details) -> None:
        """What a job has said that stores no files: as much of both streams as was reported."""
        texts = run.streams(job_values.result_of(job))
        for name, text in zip(folder.STREAMS, texts, strict=True):
            path = self._place / name
            if os.path.lexists(path) and not self._force and not self._is_ours(name):
                self.faults.append(f"{name} is here already: get --force replaces it")
                continue
            path.write_bytes(text)
            self._note(name)
