"""Deletes what a job has left, however deep it is and whatever stands in it."""

import errno
import os
import secrets
from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def remove_tree(path: Path, is_ours: bool) -> None:
    """Delete a directory and all in it, following no link. OSError when something in it resists.

    Neither recursion nor a descriptor per level: a job may nest thousands. Each directory is moved up to
    the top before it is emptied, so that two descriptors are enough for any depth. ``is_ours`` when
    the job is the daemon's own user, who may have closed directories to itself; a root needs no such help.
    """
    if is_ours:
        path.chmod(0o700)
    top = os.open(path, _FOLDER)
    try:
        waiting = _empty(top, top, is_ours)
        while waiting:
            name = waiting.pop()
            folder = os.open(name, _FOLDER, dir_fd=top)
            try:
                waiting += _empty(folder, top, is_ours)
            finally:
                os.close(folder)
            os.rmdir(name, dir_fd=top)
    finally:
        os.close(top)
    os.rmdir(path)


def _empty(folder: int, top: int, is_ours: bool) -> list[str]:
    """Delete the files of a directory and move its directories to the top; what they are called there."""
    inner = []
    for name in os.listdir(folder):
        try:
            os.unlink(name, dir_fd=folder)
        except OSError as error:
            if error.errno not in (errno.EISDIR, errno.EPERM):
                raise
            inner.append(_move_up(name, folder, top, is_ours))
    return inner


def _move_up(name: str, folder: int, top: int, is_ours: bool) -> str:
    if is_ours:
        # Also needed to move it: its entry for the directory above is changed.
        os.chmod(name, 0o700, dir_fd=folder)
    if folder == top:
        return name
    moved = f".removed.{secrets.token_hex(8)}"
    os.rename(name, moved, src_dir_fd=folder, dst_dir_fd=top)
    return moved
