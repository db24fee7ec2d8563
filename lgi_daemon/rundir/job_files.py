"""The LGI_* files of a job's directory, written from its record. The daemon never trusts them."""

import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from lgi_daemon.files import atomic_file
from lgi_daemon.files.rmtree import remove_tree
from lgi_daemon.rundir.record import JobRecord, Phase
from lgi_daemon.rundir.trailer import MAX_BYTES, compose, find, format_end
from lgi_protocol import comma_lists
from lgi_protocol.digest import digest
from lgi_protocol.job_directory import (
    HASHED,
    JOB_CA,
    JOB_CERTIFICATE,
    JOB_KEY,
    OUTPUT,
    SCRIPTS,
    DamagedFileError,
    JobDirectory,
)
from lgi_protocol.job_end import NO_END, End

_PROTECTED = (*HASHED, JOB_KEY, JOB_CERTIFICATE, JOB_CA)
_WATCHED = (*_PROTECTED, *(f"{name}.hash" for name in _PROTECTED))
INVALID = "! INVALID !"
_MODE = 0o700
_LGI = "LGI_"


def contents(record: JobRecord, scripts: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the content of each LGI_* file, in the order of the document; LGI_input after the claim only."""
    texts = {
        "LGI_project": record.project,
        "LGI_this_project_server": record.server,
        "LGI_project_master_server": record.master_server,
        "LGI_application": record.application,
        "LGI_target_resources": comma_lists.join(record.target_resources),
        "LGI_job_id": record.job_id,
        "LGI_owners": comma_lists.join(record.owners),
        "LGI_read_access": comma_lists.join(record.read_access),
        "LGI_write_access": comma_lists.join(record.write_access),
        "LGI_job_specifics": record.job_specifics,
        "LGI_state": record.state,
        "LGI_state_time_stamp": record.state_time_stamp,
        "LGI_key_file": record.key_file,
        "LGI_certificate_file": record.certificate_file,
        "LGI_ca_certificate_file": record.ca_file,
        "LGI_max_output_size": str(record.max_output_size),
        "LGI_job_sandbox_uid": str(record.uid),
        "LGI_job_run_script_pid": str(record.run.pid if record.run else 0),
        "LGI_daemon_reference": INVALID if record.disowned else record.reference,
    }
    files = {name: text.encode() for name, text in texts.items()}
    files |= {f"LGI_{name}": scripts[name] for name in SCRIPTS}
    if record.phase is not Phase.CLAIMING:
        files["LGI_input"] = record.input
    own = {JOB_KEY: record.job_key, JOB_CERTIFICATE: record.job_certificate, JOB_CA: record.job_ca}
    credentials = {name: text.encode() for name, text in own.items() if text}
    return {name: files[name] for name in HASHED if name in files} | credentials


def changed_contents(record: JobRecord, before: JobRecord) -> dict[str, bytes]:
    """Return the LGI_* files that a change of the record has changed; its scripts never change."""
    scripts = dict.fromkeys(SCRIPTS, b"")
    known = contents(before, scripts)
    return {name: data for name, data in contents(record, scripts).items() if known.get(name) != data}


class JobFiles:
    """The directory of one job as the daemon writes and reads it, no link in it followed."""

    def __init__(self, path: Path, owner: int | None) -> None:
        """Take the uid that owns the files, None for that of the daemon."""
        self.path = path
        self.owner = owner

    def make(self) -> None:
        """Create the directory, owned by the job with mode 0700, with an empty LGI_output, where missing."""
        self.path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        self.path.mkdir(mode=0o700, exist_ok=True)
        # The job may have removed its permissions.
        if stat.S_IMODE(self.path.lstat().st_mode) != _MODE:
            self.path.chmod(_MODE)
        if self.owner is not None:
            os.chown(self.path, self.owner, self.owner, follow_symlinks=False)
            # The umask may keep the job's user from entering its directory.
            self.path.parent.chmod(0o755)
            self.path.parent.parent.chmod(0o755)
        if not os.path.lexists(self.path / OUTPUT):
            self._put(OUTPUT, b"", 0o600)

    def write(self, files: Mapping[str, bytes]) -> list[str]:
        """Write the files that have another content; return their names.

        Each file is written before its .hash, so that a kill in between is detected. They are not flushed to
        disk: at its start the daemon writes again what a power failure has damaged.
        """
        directory = JobDirectory(self.path)
        written = []
        for name, data in files.items():
            if not _holds(directory, name, data):
                self._put(name, data, 0o500 if name.endswith("_script") else 0o400)
                self._put(f"{name}.hash", digest(data).encode(), 0o400)
                written.append(name)
        return written

    def fingerprint(self) -> int:
        """Return a number that changes with any of the LGI_* files; 0 when they have to be restored.

        It includes the ctime: a job can restore the content of a file, but not its ctime.
        """
        try:
            folder = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return 0
        try:
            if stat.S_IMODE(os.fstat(folder).st_mode) != _MODE:
                return 0
            return hash(tuple(_state_of(name, folder) for name in _WATCHED))
        finally:
            os.close(folder)

    def output(self, limit: int, remark: str = "", end: End = NO_END) -> tuple[bytes, str]:
        """Return LGI_output up to a limit in bytes, and a warning for the administrator, usually empty.

        The trailer stays the last line: the ``remark`` and a note that the output was cut come before it. An
        output without trailer gets one when the end has a reason. A link of either kind, a device, a
        directory and a file of another user are no output: they would show files of others.
        """
        data, size, last, problem = self._read_output(limit)
        trailer = own = find(last)
        if not own and end.reason and (end.cause or end.reason != remark):
            trailer = format_end(end)
        size += len(trailer) - len(own)
        body = data[: max(0, size - len(trailer))]
        return compose(body, size, trailer, remark, limit), problem

    def _read_output(self, limit: int) -> tuple[bytes, int, bytes, str]:
        """Return the first bytes of the output, its size, its last bytes and a warning."""
        try:
            with JobDirectory(self.path).open_plain(OUTPUT) as opened:
                status = os.fstat(opened.fileno())
                if status.st_nlink != 1 or self.owner not in (None, status.st_uid):
                    raise DamagedFileError(f"{self.path / OUTPUT} has a second hard link or another owner")
                data = opened.read(limit + 1)
                if len(data) <= limit:
                    return data, len(data), data, ""
                size = max(status.st_size, len(data))
                last = os.pread(opened.fileno(), MAX_BYTES, max(0, size - MAX_BYTES))
                return data, size, last, f"the output of {size} bytes was cut to {limit}"
        except (DamagedFileError, OSError) as error:
            return b"", 0, b"", f"cannot read the output: {error}"

    def discard_odd_output(self) -> None:
        """Delete an LGI_output that is no plain file, which a script may have no right to."""
        path = self.path / OUTPUT
        with suppress(OSError):
            mode = path.lstat().st_mode
            if stat.S_ISDIR(mode):
                remove_tree(path, is_ours=self.owner is None)
            elif not stat.S_ISREG(mode):
                path.unlink()

    def remove(self) -> None:
        """Delete the directory, following no link. Raise OSError when a part cannot be deleted."""
        if os.path.lexists(self.path):
            remove_tree(self.path, is_ours=self.owner is None)

    def empty(self) -> None:
        """Delete the job's own files, but no LGI_*, following no link. Raise OSError on failure."""
        for entry in list(os.scandir(self.path)):
            if entry.name.startswith((_LGI, f".{_LGI}")):
                continue
            if entry.is_dir(follow_symlinks=False):
                remove_tree(Path(entry.path), is_ours=self.owner is None)
            else:
                os.unlink(entry.path)

    def _put(self, name: str, data: bytes, mode: int) -> None:
        atomic_file.write(self.path, name, data, mode, owner=self.owner, group=self.owner, durable=False)


def _state_of(name: str, folder: int) -> tuple[int, ...]:
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except OSError:
        return ()
    return found.st_ino, found.st_mode, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _holds(directory: JobDirectory, name: str, data: bytes) -> bool:
    """Return whether a file and its .hash have this content, without reading more than its size."""
    try:
        return (
            directory.read_plain(name, len(data) + 1) == data
            and directory.read_plain(f"{name}.hash", 64).split(b"\n", 1)[0] == digest(data).encode()
        )
    except DamagedFileError:
        return False
