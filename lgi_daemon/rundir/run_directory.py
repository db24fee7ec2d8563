"""The run directory: records no job can write, job directories, and the lock of the one daemon.

.reserve                              room for records when the disk is full
.lock                                 host, boot and pid of the daemon that has it
.records/REFERENCE/record.json        the truth about a job, written before a server is told of it
.records/REFERENCE/LGI_job_*_script   what is run for the job
.records/REFERENCE/state/             the marks of its scripts and its streams; the job's user owns it
.programs/                            links to LGI's programs, for scripts and jobs
.broken/                              what could not be understood, for the administrator
PROJECT/APPLICATION/JOB_REFERENCE/    the job's own directory
"""

import fcntl
import logging
import os
import shutil
import socket
import stat
from collections.abc import Mapping
from pathlib import Path

from lgi_daemon.execution import processes
from lgi_daemon.execution.environment import PROGRAMS, link_programs
from lgi_daemon.files import atomic_file
from lgi_daemon.files.reserve import RESERVE_BYTES, Reserve, says_full
from lgi_daemon.files.rmtree import remove_tree
from lgi_daemon.rundir.job_files import JobFiles, contents
from lgi_daemon.rundir.record import JobRecord, Phase, to_json
from lgi_protocol.job_directory import SCRIPTS

log = logging.getLogger(__name__)

# With less a disk is full.
FULL_BYTES, FULL_FILES = 128 * 1024, 4
RECORD = "record.json"
STATE = "state"
# In the state directory: the run script has started nothing, and asks to be started again.
AGAIN = "again"
# Where applications/library keeps its marks in a job's directory when the daemon gives it no other place.
OLD_STATE = ".LGI_job"


class RunDirectoryInUseError(Exception):
    """Another daemon has the run directory; the text says which."""


class RunDirectory:
    """The disk of one daemon. ``sandboxed`` when jobs run under uids of their own."""

    def __init__(self, path: Path, sandboxed: bool) -> None:
        """Nothing is read, made or locked yet."""
        self.path = path
        self.sandboxed = sandboxed
        self.records = path / ".records"
        self.programs = path / PROGRAMS
        self.broken = path / ".broken"
        self.reserve = Reserve(path / ".reserve")
        self._lock: int | None = None

    def claim(self) -> None:
        """Make it ours until the process ends; RunDirectoryInUseError names the daemon that has it."""
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        lock = os.open(self.path / ".lock", flags, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(lock, 300).decode("utf-8", "replace").strip()
            os.close(lock)
            raise RunDirectoryInUseError(
                f"{self.path} is in use by another daemon ({holder}): stop it first"
            ) from None
        self._lock = lock
        self.sign()
        self.records.mkdir(mode=0o700, exist_ok=True)
        # Jobs run their scripts from here, but cannot list or change anything.
        self.records.chmod(0o711 if self.sandboxed else 0o700)
        self.reserve.keep()
        try:
            link_programs(self.path)
        except OSError as error:
            log.critical("jobs may not find LGI's programs: %s cannot be written: %s", self.programs, error)

    def sign(self) -> None:
        """Write host, boot and pid into the lock file, again after a fork."""
        assert self._lock is not None  # noqa: S101 - claimed before
        holder = f"host {socket.gethostname()}, boot {processes.boot_id()}, pid {os.getpid()}\n"
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, holder.encode(), 0)

    def release(self) -> None:
        """Let another daemon have it."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def files(self, record: JobRecord) -> JobFiles:
        """The job's own directory."""
        place = self.path / record.project / record.application / f"JOB_{record.reference}"
        return JobFiles(place, record.uid if self.sandboxed else None)

    def state(self, record: JobRecord) -> Path:
        """Where the job's scripts keep their marks and the streams of the job."""
        if record.has_state_directory:
            return self.records / record.reference / STATE
        return self.files(record).path / OLD_STATE

    def script(self, record: JobRecord, name: str) -> Path:
        """The trusted copy of a script, as ``job_run_script``, out of the job's reach."""
        return self.records / record.reference / f"LGI_{name}"

    def create(self, record: JobRecord, scripts: Mapping[str, bytes]) -> None:
        """Put a new job on disk: scripts, then record, then the job's directory. OSError when it cannot be.

        Without a record a job was never there, with one everything else can be made again.
        """
        folder = self.records / record.reference
        group = record.uid if self.sandboxed else None
        folder.mkdir(mode=0o700)
        try:
            if group is not None:
                os.chown(folder, -1, group)
                # A batch system may run the job under another group than its scripts.
                folder.chmod(0o711)
            for name in SCRIPTS:
                atomic_file.write(folder, f"LGI_{name}", scripts[name], 0o550, group=group)
            self._write(record)
            atomic_file.sync_folder(self.records)
            self.restore(record)
        except (OSError, ValueError):
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def save(self, record: JobRecord) -> None:
        """Store a changed record, then what follows from it in the job's directory."""
        self._write(record)
        self.restore(record)

    def begin(self, record: JobRecord) -> None:
        """Store that the run script is started: the record last, so that nothing comes between them."""
        self.restore(record)
        self._write(record)

    def asks_to_start(self, record: JobRecord) -> bool:
        """Whether a run script that has ended without starting anything asks to be started again."""
        if not record.has_state_directory:
            return False
        try:
            return stat.S_ISREG((self.state(record) / AGAIN).lstat().st_mode)
        except OSError:
            return False

    def forget_request(self, record: JobRecord) -> None:
        """It is started again now: it must not be so once more."""
        if record.has_state_directory:
            (self.state(record) / AGAIN).unlink(missing_ok=True)

    def restore(self, record: JobRecord) -> list[str]:
        """Make the job's directory what the record says; the names of the LGI_* files that were not."""
        scripts = {name: self.script(record, name).read_bytes() for name in SCRIPTS}
        files = self.files(record)
        try:
            self._make_state(record)
            if os.path.lexists(files.path) and (files.path.is_symlink() or not files.path.is_dir()):
                self.set_aside(files.path, "it is in the place of a job's directory")
            files.make()
            return files.write(contents(record, scripts))
        except OSError as error:
            # The job owns the place and can spoil it; what we rely on is in the record.
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
        """Delete a job from disk; a kill in between is finished at the next start."""
        try:
            self._write(record)
        except OSError as error:
            # The removal makes room. A start after a kill in between finds the end that was noted before.
            if not says_full(error):
                raise
        files = self.files(record)
        try:
            files.remove()
        except (OSError, RecursionError, ValueError) as error:
            self.set_aside(files.path, f"it could not be deleted: {error}")
        self._remove_state(record)
        shutil.rmtree(self.records / record.reference)

    def _remove_state(self, record: JobRecord) -> None:
        """Separately: the job could nest directories in it deeper than rmtree goes."""
        state = self.records / record.reference / STATE
        if os.path.lexists(state):
            try:
                remove_tree(state, is_ours=not self.sandboxed)
            except (OSError, RecursionError, ValueError) as error:
                self.set_aside(state, f"it could not be deleted: {error}")

    def set_aside(self, path: Path, reason: str) -> None:
        """Move something out of the way, for the administrator to look at."""
        self.broken.mkdir(mode=0o700, exist_ok=True)
        number, target = 0, self.broken / path.name
        while os.path.lexists(target):
            number += 1
            target = self.broken / f"{path.name}.{number}"
        path.rename(target)
        log.critical("%s was moved to %s: %s", path, target, reason)

    def _write(self, record: JobRecord) -> None:
        folder, data = self.records / record.reference, to_json(record)
        try:
            atomic_file.write(folder, RECORD, data)
        except OSError as error:
            if not says_full(error) or not self.reserve.give():
                raise
            atomic_file.write(folder, RECORD, data)

    def is_full(self) -> bool:
        """Whether the disk has no room, but for what is kept, in which a job could have ended well."""
        try:
            space = os.statvfs(self.path)
        except OSError:
            return False
        free = space.f_bavail * space.f_frsize
        kept = 0 if self.reserve.is_kept else RESERVE_BYTES
        return free < kept + FULL_BYTES or (space.f_files > 0 and space.f_favail < FULL_FILES)


def is_leftover(record: JobRecord) -> bool:
    """Whether a stored job only waits for the end of its removal."""
    return record.phase is Phase.REMOVING
