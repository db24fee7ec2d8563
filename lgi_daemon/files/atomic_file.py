"""Writes files atomically: complete or not at all, also after a kill or a power failure."""

import os
import secrets
from pathlib import Path

# Of these permissions a umask takes none.
_OWNER_ONLY = 0o700


def write(
    folder: Path,
    name: str,
    data: bytes,
    mode: int = 0o600,
    *,
    owner: int | None = None,
    group: int | None = None,
    durable: bool = True,
    names_durable: bool = True,
) -> None:
    """Write a file, replacing an older one of that name; no link in the folder is followed.

    With ``durable`` return after the data is on the disk, so that a power failure cannot undo or truncate it.
    Without ``names_durable`` it can still undo the change of the name as a whole, until `sync_folder`.
    Raise OSError on failure; the older file is then unchanged.
    """
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    temporary = f".{name}.{secrets.token_hex(8)}"
    try:
        try:
            create(directory, temporary, data, mode, owner=owner, group=group, durable=durable)
            os.replace(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
        except OSError:
            _remove_if_present(directory, temporary)
            raise
        if durable and names_durable:
            os.fsync(directory)
    finally:
        os.close(directory)


def create(
    directory: int,
    name: str,
    data: bytes,
    mode: int,
    *,
    owner: int | None = None,
    group: int | None = None,
    durable: bool = False,
) -> None:
    """Create a file in an open directory, not atomically; with ``durable`` its data is then on the disk.

    Raise FileExistsError when there is one of that name, a link included, and OSError on failure.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(name, flags, mode & _OWNER_ONLY, dir_fd=directory)
    try:
        left = memoryview(data)
        while left:
            left = left[os.write(descriptor, left) :]
        if owner is not None or group is not None:
            os.fchown(descriptor, -1 if owner is None else owner, -1 if group is None else group)
        if mode & ~_OWNER_ONLY:
            os.fchmod(descriptor, mode)
        if durable:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_if_present(directory: int, name: str) -> None:
    try:
        os.unlink(name, dir_fd=directory)
    except FileNotFoundError:
        return


def sync_folder(folder: Path) -> None:
    """Write the directory entries of a folder to the disk."""
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
