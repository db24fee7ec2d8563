"""Download a file beside its target, and replace the target when complete, possibly in a later run."""

import os
import re
import stat
import sys
import tempfile
from pathlib import Path

from lgi_protocol import open_flags
from lgi_protocol.file_properties import FileProperties

# A server's ETag of a version, in quotes, that can be the name of a file.
_MARK = re.compile(r'"([A-Za-z0-9_.+-]{1,120})"\Z')
# Bytes. A shorter file is not kept: it is faster to fetch it again.
WORTH_KEEPING = 1024 * 1024
_UNKNOWN = FileProperties()


class ResumableDownload:
    """A partial download.

    The parts of a long file are kept beside the target in the directory ``.NAME.part``, named by the
    version they belong to, and stay there when the transfer fails. A short file leaves nothing.
    """

    def __init__(self, target: Path) -> None:
        """Continue the partial download of an earlier run, unless another process uses it."""
        self.target = target
        self.size = 0
        self.mark = ""
        # Cut so that the longer name is still valid; the cut may split a character.
        self._prefix = f".{os.fsdecode(os.fsencode(target.name)[:200])}."
        self._place = target.with_name(f"{self._prefix}part")
        self._lock = -1
        self._path: Path | None = None
        self._descriptor = -1
        if self._claim():
            self._resume()

    def start(self, mark: str, expected: int) -> None:
        """Discard all parts and start with a new version of the file. Raises OSError."""
        self._forget()
        self.mark = mark if _MARK.match(mark) and expected >= WORTH_KEEPING else ""
        if self.mark and (self._lock >= 0 or self._claim(make=True)):
            self._open(self._place / self.mark.strip('"'))
        else:
            self.mark = ""
            self._descriptor, name = tempfile.mkstemp(".part", self._prefix, self.target.parent)
            self._path = Path(name)

    def write(self, block: bytes) -> None:
        """Write the next bytes."""
        # Unbuffered, so that the counted bytes are in the file also when the disk is full.
        while block:
            written = os.write(self._descriptor, block)
            self.size += written
            block = block[written:]

    def finish(self, properties: FileProperties = _UNKNOWN) -> None:
        """Replace the target with the complete file, with the target's permissions or those of the umask."""
        assert self._path is not None  # noqa: S101 - start or an earlier run has opened it
        path = self._path
        if sys.platform == "win32":
            # It moves no open file.
            self._close_file()
            properties.apply(path)
        else:
            os.fchmod(self._descriptor, _mode(self.target))
            properties.apply(self._descriptor)
        path.replace(self.target)
        self._close_file()

    def close(self) -> None:
        """Close all files. Parts that a later run can continue stay; the rest is removed."""
        if self.mark and self.size:
            self._close_file()
        else:
            self._forget()
        if self._lock >= 0:
            if not os.listdir(self._place):
                self._place.rmdir()
            os.close(self._lock)
            self._lock = -1

    def _claim(self, make: bool = False) -> bool:
        """Return whether the directory of parts exists, is private, and is not used by another process."""
        if sys.platform == "win32":
            # Whose the directory is cannot be seen there: an interrupted transfer begins again.
            return False
        try:
            if make:
                self._place.mkdir(mode=0o700, exist_ok=True)
            descriptor = os.open(self._place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            return False
        try:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            status, here = os.fstat(descriptor), os.lstat(self._place)
            # Parts written by other users would become part of the file.
            ours = status.st_uid == os.geteuid() and stat.S_IMODE(status.st_mode) == 0o700
            if ours and os.path.samestat(status, here):
                self._lock = descriptor
                return True
        except OSError:
            pass
        os.close(descriptor)
        return False

    def _resume(self) -> None:
        """Keep the longest part; remove the parts of other versions."""
        parts = sorted(
            (entry.stat(follow_symlinks=False).st_size, entry.name)
            for entry in os.scandir(self._place)
            if entry.is_file(follow_symlinks=False)
        )
        for _, name in parts[:-1]:
            (self._place / name).unlink()
        if parts and _MARK.match(f'"{parts[-1][1]}"'):
            self.size, self.mark = parts[-1][0], f'"{parts[-1][1]}"'
            self._open(self._place / parts[-1][1])

    def _open(self, path: Path) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | open_flags.NO_FOLLOW | open_flags.BINARY
        self._descriptor = os.open(path, flags, 0o600)
        self._path = path

    def _forget(self) -> None:
        path = self._path
        self._close_file()
        if path is not None:
            path.unlink(missing_ok=True)

    def _close_file(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor, self._path = -1, None
        self.size, self.mark = 0, ""


def _mode(target: Path) -> int:
    """Return the permissions of an existing file, else those that the umask gives a new one."""
    if target.exists():
        return target.stat().st_mode & 0o777
    return 0o666 & ~_umask()


def _umask() -> int:
    """Return the umask of the process. Setting it, the usual way to read it, would race other threads."""
    try:
        status = Path("/proc/self/status").read_text("utf-8", "replace")
    except OSError:
        mask = os.umask(0)
        os.umask(mask)
        return mask
    return int(status.partition("\nUmask:")[2].split()[0], 8)
