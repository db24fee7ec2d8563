"""The files that one job gets from another; directories of repositories are given by their descriptors."""

import os
from contextlib import suppress

from lgi_server.storage.repository import STREAMS, is_reserved, regular_files


def link_files(source: int, at: int) -> None:
    """Link files of one directory into another one, where none is replaced; OSError.

    These are all but the streams and those of the server. A file is never written to in its place, only
    replaced, so that the two jobs cannot change each other's.
    """
    for one in regular_files(source):
        if one.name in STREAMS or is_reserved(one.name):
            continue
        with suppress(FileExistsError):
            link_file(one.name, source, at)


def link_file(name: str, source: int, at: int) -> None:
    """Link a file of one directory into another one under the same name; OSError."""
    os.link(name, name, src_dir_fd=source, dst_dir_fd=at, follow_symlinks=False)
