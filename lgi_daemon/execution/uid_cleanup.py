"""Deletes what a job has left on the machine under its own uid, outside its directory.

The next job with that uid would own it. The processes of the job must have ended. Searched are the
world-writable directories of the system, as deep as they are world-writable, and the shared memory, message
queues and semaphores of System V. No link is followed.
"""

import ctypes
import logging
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

from lgi_daemon.execution import processes, sandbox
from lgi_daemon.files.rmtree import remove_tree

log = logging.getLogger(__name__)

PUBLIC = ("/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue", "/run/lock")  # noqa: S108 - not written to
# How many names are checked, and how deep directories are searched.
MAX_NAMES, MAX_DEPTH = 100_000, 8
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# The bits of a world-writable directory.
_OPEN = stat.S_IFDIR | stat.S_IWOTH
_SYSTEM_V = "/proc/sysvipc"
_REMOVE_ID = 0


def clean_up_uid(uid: int, directories: Sequence[str] = PUBLIC, max_names: int = MAX_NAMES) -> int:
    """Delete what a uid that was chosen for one job alone has left; return the number of files and objects.

    At most ``max_names`` names in the directories are checked.
    What belongs to an account, to root or to the daemon's own user is never deleted.
    """
    if not sandbox.is_job_uid(uid):
        return 0
    removed = _remove_system_v(uid)
    left = max_names
    seen = set()
    for path in directories:
        with suppress(OSError):
            folder = os.open(path, _FOLDER)
            try:
                status = os.fstat(folder)
                if (status.st_dev, status.st_ino) not in seen:
                    seen.add((status.st_dev, status.st_ino))
                    walk = _Walk(uid, left)
                    walk.search(folder, MAX_DEPTH)
                    removed, left = removed + walk.removed, walk.left
            finally:
                os.close(folder)
    if left <= 0:
        log.critical("uid %d: more than %d names in %s: some were not checked", uid, max_names, directories)
    return removed


class _Walk:
    """A walk through world-writable directories by descriptors, so that no link can divert it."""

    def __init__(self, uid: int, left: int) -> None:
        self._uid = uid
        self.left = left
        self.removed = 0

    def search(self, folder: int, depth: int) -> None:
        """Delete what belongs to the uid, and search world-writable directories."""
        for entry in self._entries(folder):
            # Another process may delete a file at the same time; what cannot be deleted is logged.
            try:
                status = entry.stat(follow_symlinks=False)
                if status.st_uid == self._uid:
                    self._delete(folder, entry.name, stat.S_ISDIR(status.st_mode))
                elif status.st_mode & _OPEN == _OPEN and stat.S_ISDIR(status.st_mode) and depth > 0:
                    self._enter(folder, entry.name, depth - 1)
            except FileNotFoundError:
                continue

    def _entries(self, folder: int) -> Iterator["os.DirEntry[str]"]:
        with os.scandir(folder) as entries:
            for entry in entries:
                self.left -= 1
                if self.left < 0:
                    return
                yield entry

    def _delete(self, folder: int, name: str, is_folder: bool) -> None:
        try:
            if is_folder:
                remove_tree(Path(f"/proc/self/fd/{folder}/{name}"), is_ours=False)
            else:
                os.unlink(name, dir_fd=folder)
            self.removed += 1
        except FileNotFoundError:
            raise
        except OSError as error:
            log.critical("uid %d: cannot delete %r, which a job has left: %s", self._uid, name, error)

    def _enter(self, folder: int, name: str, depth: int) -> None:
        try:
            inner = os.open(name, _FOLDER, dir_fd=folder)
        except OSError:
            return
        try:
            self.search(inner, depth)
        finally:
            os.close(inner)


def _remove_system_v(uid: int) -> int:
    """Remove the shared memory, message queues and semaphores that a uid owns or has created."""
    libc = _libc()
    controls: dict[str, Callable[[int], int]] = {
        "shm": lambda one: libc.shmctl(one, _REMOVE_ID, None),
        "msg": lambda one: libc.msgctl(one, _REMOVE_ID, None),
        "sem": lambda one: libc.semctl(one, 0, _REMOVE_ID),
    }
    return sum(control(one) == 0 for kind, control in controls.items() for one in _owned(kind, uid))


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _owned(kind: str, uid: int) -> list[int]:
    head, *lines = processes.read_proc(f"{_SYSTEM_V}/{kind}", whole=True).decode("ascii").splitlines() or [""]
    rows = [dict(zip(head.split(), line.split(), strict=False)) for line in lines]
    return [int(row[f"{kind}id"]) for row in rows if str(uid) in (row["uid"], row["cuid"])]
