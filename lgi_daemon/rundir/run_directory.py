"""The run directory: records no job can write, job directories, and the lock of the one daemon.

.reserve                              disk space for records when the disk is full
.lock                                 host, boot and pid of the daemon that has it
.daemon                               the number by which servers know its daemons
.sessions                             its sessions at project servers, for the next daemon to end
.references                           the references of jobs to come, for exchanges
.ended, .ended.old                    the ends of jobs that servers have, for one that is restored
.records/REFERENCE/record.json        the record of a job, written before the job is claimed
.records/REFERENCE/LGI_job_*_script   the scripts that run for the job
.records/REFERENCE/LGI_*.hold         there until the run script of a recorded start is released
.records/REFERENCE/state/             the marks of its scripts and its streams; the job's user owns it
.records/.removed.REFERENCE/          what is left of a job that is being deleted
.programs/                            links to LGI's programs, for scripts and jobs
.broken/                              what could not be read, for the administrator
PROJECT/APPLICATION/JOB_REFERENCE/    the job's own directory
"""

import logging
import os
import shutil
import stat
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from lgi_daemon.execution import processes
from lgi_daemon.execution.environment import PROGRAMS, link_programs
from lgi_daemon.execution.fork_server import HOLD
from lgi_daemon.files import atomic_file
from lgi_daemon.files.reserve import RESERVE_BYTES, Reserve, is_disk_full
from lgi_daemon.files.rmtree import remove_tree
from lgi_daemon.rundir import script_copies
from lgi_daemon.rundir.directory_lock import DirectoryLock
from lgi_daemon.rundir.end_journal import EndJournal
from lgi_daemon.rundir.file_contents import changed_contents, contents
from lgi_daemon.rundir.job_files import JobFiles
from lgi_daemon.rundir.record import JobRecord, to_json
from lgi_daemon.rundir.reference_pool import ReferencePool
from lgi_daemon.rundir.session_file import SessionFile

log = logging.getLogger(__name__)

# With less free space a disk counts as full.
FULL_BYTES, FULL_FILES = 128 * 1024, 4
RECORD = "record.json"
STATE = "state"
REMOVED = ".removed."
_RUN_SCRIPT = "job_run_script"
# In the state directory: the run script has started nothing, and asks for a restart.
RESTART_REQUEST = "again"
# The state directory of applications/library inside a job's directory, used with older daemons.
OLD_STATE = ".LGI_job"


@lru_cache(4096)
def _place(path: Path, *names: str) -> Path:
    """Return a path of a job, which is asked for some forty times in its life."""
    return path.joinpath(*names)


class RunDirectory:
    """The run directory of one daemon. ``sandboxed`` when jobs run under uids of their own."""

    def __init__(self, path: Path, sandboxed: bool) -> None:
        """Read, create and lock nothing yet."""
        self.path = path
        self.sandboxed = sandboxed
        self.records = path / ".records"
        self.programs = path / PROGRAMS
        self.broken = path / ".broken"
        self.reserve = Reserve(path / ".reserve")
        self.sessions = SessionFile(path / ".sessions")
        self.references = ReferencePool(path / ".references")
        self.ended = EndJournal(path / ".ended")
        self.lock = DirectoryLock(path, "daemon")

    def claim(self) -> None:
        """Lock the directory until the process ends. Raise DirectoryInUseError when it is in use."""
        self.lock.claim()
        self.records.mkdir(mode=0o700, exist_ok=True)
        # Jobs run their scripts from here, but cannot list or change anything.
        self.records.chmod(0o711 if self.sandboxed else 0o700)
        self.reserve.allocate()
        try:
            link_programs(self.path)
        except OSError as error:
            log.critical("jobs may not find LGI's programs: cannot write %s: %s", self.programs, error)

    def files(self, record: JobRecord) -> JobFiles:
        """Return the job's own directory."""
        place = _place(self.path, record.project, record.application, f"JOB_{record.reference}")
        return JobFiles(place, record.uid if self.sandboxed else None)

    def state(self, record: JobRecord) -> Path:
        """Return the directory for the marks of the job's scripts and its output streams."""
        if record.has_state_directory:
            return _place(self.records, record.reference, STATE)
        return self.files(record).path / OLD_STATE

    def script(self, record: JobRecord, name: str) -> Path:
        """Return the trusted copy of a script such as ``job_run_script``, which the job cannot change."""
        return self.records.joinpath(record.reference, f"LGI_{name}")

    def create(self, record: JobRecord, scripts: Mapping[str, bytes]) -> None:
        """Store a new job: scripts, then record, then the job's directory. Raise OSError on failure.

        Without a record there is no job; with one everything else can be restored.
        """
        folder = self.records / record.reference
        group = record.uid if self.sandboxed else None
        folder.mkdir(mode=0o700)
        try:
            if group is not None:
                os.chown(folder, -1, group)
                # A batch system may run the job under another group than its scripts.
                folder.chmod(0o711)
            script_copies.store(folder, scripts, group)
            # With the names of the scripts.
            self._write(record)
            atomic_file.sync_folder(self.records)
            self._put(record, contents(record, scripts))
        except (OSError, ValueError):
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def save(self, record: JobRecord, before: JobRecord | None = None) -> list[str]:
        """Store a changed record, then update the job's directory: the files that differ from ``before``.

        Return the names of the LGI_* files that were written. A power failure may leave the former record,
        from which the next daemon finds out the same again: from the server, and by another epilogue.
        """
        self._write(record, is_final=False)
        return self.restore(record, before)

    def begin(self, record: JobRecord, before: JobRecord | None = None) -> list[str]:
        """Store that the run script starts: the record last, immediately before its release.

        Return as `save`.
        """
        written = self.restore(record, before)
        # There already when a former start was not released. Without it a job that is not released is lost.
        with suppress(OSError):
            os.link(self.script(record, _RUN_SCRIPT), self._hold(record))
        self._write(record)
        return written

    def is_held(self, record: JobRecord) -> bool:
        """Return whether a process that was recorded for a start, and has ended, never ran the run script.

        False after another boot: a power failure may have brought back what was deleted at the release.
        """
        run = record.run
        return run is not None and run.boot == processes.boot_id() and os.path.lexists(self._hold(record))

    def _hold(self, record: JobRecord) -> Path:
        return self.script(record, f"{_RUN_SCRIPT}{HOLD}")

    def restart_requested(self, record: JobRecord) -> bool:
        """Return whether a run script that has started nothing asks for a restart."""
        if not record.has_state_directory:
            return False
        try:
            return stat.S_ISREG((self.state(record) / RESTART_REQUEST).lstat().st_mode)
        except OSError:
            return False

    def clear_restart_request(self, record: JobRecord) -> None:
        """Remove the request for a restart, since the job starts now."""
        if record.has_state_directory:
            (self.state(record) / RESTART_REQUEST).unlink(missing_ok=True)

    def restore(self, record: JobRecord, before: JobRecord | None = None) -> list[str]:
        """Restore the job's directory from the record; return the names of the LGI_* files that differed.

        With the record as it was ``before``, only what has changed since is looked at.
        """
        if before is None:
            return self._put(record, contents(record, script_copies.read(self.records / record.reference)))
        changed = changed_contents(record, before)
        return self._put(record, changed) if changed else []

    def _put(self, record: JobRecord, wanted: Mapping[str, bytes]) -> list[str]:
        files = self.files(record)
        try:
            self._make_state(record)
            if os.path.lexists(files.path) and (files.path.is_symlink() or not files.path.is_dir()):
                self.set_aside(files.path, "it has the name of a job's directory")
            return files.create(wanted) if files.make() else files.write(wanted)
        except OSError as error:
            # The job owns the directory and can damage it; the daemon relies on the record only.
            log.warning("%s: its directory cannot be written: %s", record.title, error)
            return []

    def _make_state(self, record: JobRecord) -> None:
        if record.has_state_directory:
            place = self.state(record)
            place.mkdir(mode=0o700, exist_ok=True)
            if self.sandboxed:
                os.chown(place, record.uid, record.uid, follow_symlinks=False)
            place.chmod(0o700)

    def remove(self, record: JobRecord) -> None:
        """Delete a job from disk; after a kill the next start completes it.

        After a power failure its record may be there as it was before, which says what is left to do.
        """
        folder = self.records / f"{REMOVED}{record.reference}"
        # Missing when an earlier removal has failed.
        with suppress(FileNotFoundError):
            (self.records / record.reference).rename(folder)
        files = self.files(record)
        # In both the job may nest directories deeper than rmtree can delete.
        for place in (files, JobFiles(folder / STATE, files.owner)):
            try:
                place.remove()
            except (OSError, RecursionError, ValueError) as error:
                self.set_aside(place.path, f"it could not be deleted: {error}")
        remove_tree(folder, is_ours=False)

    def set_aside(self, path: Path, reason: str) -> None:
        """Move a path to ``.broken``, for the administrator."""
        self.broken.mkdir(mode=0o700, exist_ok=True)
        number, target = 0, self.broken / path.name
        while os.path.lexists(target):
            number += 1
            target = self.broken / f"{path.name}.{number}"
        path.rename(target)
        log.critical("%s was moved to %s: %s", path, target, reason)

    def _write(self, record: JobRecord, is_final: bool = True) -> None:
        folder, data = self.records / record.reference, to_json(record)
        try:
            atomic_file.write(folder, RECORD, data, names_durable=is_final)
        except OSError as error:
            if not is_disk_full(error) or not self.reserve.release():
                raise
            atomic_file.write(folder, RECORD, data, names_durable=is_final)

    def is_full(self) -> bool:
        """Return whether the disk has too little space, apart from the reserve, for a job to end well."""
        try:
            space = os.statvfs(self.path)
        except OSError:
            return False
        free = space.f_bavail * space.f_frsize
        reserved = 0 if self.reserve.is_allocated else RESERVE_BYTES
        return free < reserved + FULL_BYTES or (space.f_files > 0 and space.f_favail < FULL_FILES)
