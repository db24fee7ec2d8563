"""Deletes the directory of a job, of any depth and content."""

import errno
import os
import secrets
from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def remove_tree(path: Path, is_ours: bool) -> None:
    """Delete a directory with its content, following no link. Raise OSError when a part cannot be deleted.

    There is neither recursion nor a descriptor per level, since a job may nest thousands of directories: each
    one is moved to the top before it is emptied, so two descriptors are enough for any depth. ``is_ours``
    when the job runs as the daemon's own user, whose directories may lack permissions; root needs none.
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
    """Delete the files of a directory and move its directories to the top; return their names there."""
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
        # Moving it needs write permission too: its entry for the parent directory changes.
        os.chmod(name, 0o700, dir_fd=folder)
    if folder == top:
        return name
    moved = f".removed.{secrets.token_hex(8)}"
    os.rename(name, moved, src_dir_fd=folder, dst_dir_fd=top)
    return moved
