"""The directory of a job with its LGI_* files, written from its record. The daemon never trusts them."""

import os
import stat
from array import array
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from lgi_daemon.files import atomic_file
from lgi_daemon.files.rmtree import remove_tree
from lgi_daemon.rundir import file_states
from lgi_daemon.rundir.trailer import MAX_BYTES, compose, find, format_end
from lgi_protocol.job_directory import OUTPUT, DamagedFileError, JobDirectory
from lgi_protocol.job_end import NO_END, End

_MODE = 0o700
_LGI, _SCRIPT, _INPUT = "LGI_", "_script", "LGI_input"
_PROGRAMS = (b"#!", b"\x7fELF")


class JobFiles:
    """The directory of one job as the daemon writes and reads it, no link in it followed."""

    def __init__(self, path: Path, owner: int | None) -> None:
        """Take the uid that owns the files, None for that of the daemon."""
        self.path = path
        self.owner = owner

    def make(self) -> bool:
        """Create the directory, owned by the job with mode 0700, with an empty LGI_output, where missing.

        Return whether the directory is new.
        """
        is_new = self._make_directory()
        # The job may have removed its permissions.
        if not is_new and stat.S_IMODE(self.path.lstat().st_mode) != _MODE:
            self.path.chmod(_MODE)
        if self.owner is not None:
            os.chown(self.path, self.owner, self.owner, follow_symlinks=False)
            # The umask may keep the job's user from entering its directory.
            self.path.parent.chmod(0o755)
            self.path.parent.parent.chmod(0o755)
        if not os.path.lexists(self.path / OUTPUT):
            with self._opened() as folder:
                atomic_file.create(folder, OUTPUT, b"", 0o600, owner=self.owner, group=self.owner)
        return is_new

    def _make_directory(self) -> bool:
        """Create the directory with those above it; return False when there is one."""
        try:
            os.mkdir(self.path, _MODE)
        except FileExistsError:
            return False
        except FileNotFoundError:
            self.path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            os.mkdir(self.path, _MODE)
        return True

    def create(self, files: Mapping[str, bytes]) -> list[str]:
        """Write the files of a new directory, those of the same content as one file; return the names.

        They are not written atomically: what a kill leaves incomplete is written again at the next start.
        Raise OSError on failure.
        """
        first: dict[tuple[bytes, int], str] = {}
        with self._opened() as folder:
            for name, data in files.items():
                twin = first.setdefault((data, _mode_of(name, data)), name)
                for file, text in file_states.with_hash(name, data):
                    if twin == name:
                        mode = _mode_of(file, text)
                        atomic_file.create(folder, file, text, mode, owner=self.owner, group=self.owner)
                    else:
                        other = twin + file.removeprefix(name)
                        os.link(other, file, src_dir_fd=folder, dst_dir_fd=folder)
        return list(files)

    def write(self, files: Mapping[str, bytes]) -> list[str]:
        """Write the files that have another content; return their names.

        Each file is written before its .hash, so that a kill in between is detected. They are not flushed to
        disk: at its start the daemon writes again what a power failure has damaged.
        """
        with self._opened() as folder:
            written = [name for name, data in files.items() if not file_states.holds(folder, name, data)]
        for name in written:
            for file, data in file_states.with_hash(name, files[name]):
                self._put(file, data, _mode_of(file, data))
        return written

    def fingerprint(self) -> "array[int]":
        """Return the fingerprint of the LGI_* files; an empty one when they have to be restored."""
        with suppress(OSError), self._opened() as folder:
            if stat.S_IMODE(os.fstat(folder).st_mode) == _MODE:
                return file_states.fingerprint(folder)
        return array("q")

    def update(self, fingerprint: "array[int]", names: Collection[str]) -> None:
        """Change a fingerprint, unless it is empty, to that of files which have just been written."""
        if fingerprint and names:
            try:
                with self._opened() as folder:
                    file_states.update(fingerprint, folder, names)
            except OSError:
                del fingerprint[:]

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

    def has_plain_output(self) -> bool:
        """Return whether LGI_output is a plain file with no other name."""
        try:
            status = (self.path / OUTPUT).lstat()
        except OSError:
            return False
        return stat.S_ISREG(status.st_mode) and status.st_nlink == 1

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

    @contextmanager
    def _opened(self) -> Iterator[int]:
        """Open the directory. Raise OSError when it is none."""
        folder = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            yield folder
        finally:
            os.close(folder)


def _mode_of(name: str, data: bytes) -> int:
    """Return the permissions of a file: scripts, and an input that is a program, can be started."""
    is_program = name.endswith(_SCRIPT) or (name == _INPUT and data.startswith(_PROGRAMS))
    return 0o500 if is_program else 0o400
