"""Directories of repositories: searched for and removed; and the files that one gets from another."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from lgi_protocol import file_names
from lgi_server.storage.repository import STREAMS, is_name, regular_files


def remove(directories: Sequence[Path]) -> None:
    """Remove repositories, those that are there, with their files."""
    for directory in directories:
        # It follows no links on the supported systems; an error leaves only files without a job.
        shutil.rmtree(directory, ignore_errors=True)
        with suppress(OSError):
            directory.parent.rmdir()


def names(root: Path, part: int) -> Iterator[str]:
    """Yield the names of the repositories of a part, which is the last digit of the name."""
    for fan in sorted(root.glob(f"[0-9a-f][0-9a-f]{part:x}")):
        with suppress(FileNotFoundError, NotADirectoryError):
            found = (name for name in os.listdir(fan) if is_name(name))
            yield from (name for name in found if name[-3:] == fan.name)


def is_older(directory: Path, oldest: int) -> bool:
    """Return whether a repository was last changed before ``oldest``, in seconds; False for a link."""
    with suppress(FileNotFoundError):
        return not directory.is_symlink() and directory.stat().st_mtime < oldest
    return False


def link_files(source: int, at: int) -> None:
    """Link files of one directory into another one, where none is replaced; OSError.

    These are all but the streams and those of the server. A file is never written to in its place, only
    replaced, so that the two jobs cannot change each other's.
    """
    for one in regular_files(source):
        if one.name in STREAMS or file_names.is_reserved(one.name):
            continue
        with suppress(FileExistsError):
            link_file(one.name, source, at)


def link_file(name: str, source: int, at: int) -> None:
    """Link a file of one directory into another one under the same name; OSError."""
    os.link(name, name, src_dir_fd=source, dst_dir_fd=at, follow_symlinks=False)
