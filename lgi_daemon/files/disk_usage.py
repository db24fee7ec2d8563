"""How much space the files of a job occupy, whatever it has made of its directories."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_BLOCK = 512
# Each level costs a descriptor.
MAX_DEPTH = 100


class TooDeepError(Exception):
    """Directories are nested more than `MAX_DEPTH` deep, so that their files cannot be counted."""


class DiskUsage:
    """Adds up the space of files, each once, however many names it has, until there is ``enough`` (bytes)."""

    def __init__(self, enough: int, stopping: Callable[[], bool] = lambda: False) -> None:
        """Count nothing yet, and nothing more once ``stopping`` returns True."""
        self.used = 0
        self._enough = enough
        self._stopping = stopping
        self._linked: set[tuple[int, int]] = set()

    @property
    def is_over(self) -> bool:
        """Whether there is more than enough."""
        return self.used > self._enough

    def add(self, path: Path) -> None:
        """Add a directory with all that is in it. Raise TooDeepError.

        No link is followed and no other file system entered; what cannot be read, or is deleted meanwhile,
        counts as nothing.
        """
        with suppress(OSError):
            self._walk(os.open(path, _FOLDER))

    def add_owned(self, folders: Iterable[str], uid: int) -> None:
        """Add what belongs to a uid in world-writable directories, with its content. Raise TooDeepError."""
        for folder in folders:
            with suppress(OSError), os.scandir(folder) as entries:
                for entry in entries:
                    status = entry.stat(follow_symlinks=False)
                    if status.st_uid == uid:
                        self._count(status)
                        if entry.is_dir(follow_symlinks=False):
                            self.add(Path(entry.path))

    def _walk(self, top: int) -> None:
        device = os.fstat(top).st_dev
        levels = [(top, self._folders(top, device))]
        try:
            while levels and not self.is_over and not self._stopping():
                folder, inner = levels[-1]
                name = next(inner, None)
                if name is None:
                    os.close(levels.pop()[0])
                    continue
                if len(levels) >= MAX_DEPTH:
                    raise TooDeepError
                with suppress(OSError):
                    opened = os.open(name, _FOLDER, dir_fd=folder)
                    levels.append((opened, self._folders(opened, device)))
        finally:
            for folder, _inner in levels:
                os.close(folder)

    def _folders(self, folder: int, device: int) -> Iterator[str]:
        """Count what is in a directory; yield the names of the directories in it."""
        inner = []
        with suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                with suppress(OSError):
                    status = entry.stat(follow_symlinks=False)
                    if status.st_dev == device:
                        self._count(status)
                        inner += [entry.name] if entry.is_dir(follow_symlinks=False) else []
                if self.is_over:
                    break
        yield from inner

    def _count(self, status: os.stat_result) -> None:
        file = status.st_dev, status.st_ino
        if status.st_nlink > 1 and file in self._linked:
            return
        if status.st_nlink > 1:
            self._linked.add(file)
        self.used += status.st_blocks * _BLOCK
