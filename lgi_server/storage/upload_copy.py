"""Copies of posted files, and the properties of stored ones."""

import errno
import os

from lgi_protocol.file_properties import FileProperties
from lgi_server.storage.repository import Upload

_BLOCK = 2**20


def set_properties(properties: FileProperties, name: str, at: int) -> None:
    """Set the properties of a file in the directory with the descriptor ``at``, as far as there are any."""
    if properties == FileProperties():
        return
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
    try:
        properties.apply(descriptor)
    finally:
        os.close(descriptor)


def copy_part(upload: Upload, descriptor: int) -> None:
    """Copy an upload, with its properties, to a new file and close that; OSError if it is not complete."""
    begin, left = upload.part or (0, upload.size)
    with os.fdopen(descriptor, "wb") as opened, upload.arrived.open("rb") as arrived:
        arrived.seek(begin)
        while left:
            block = arrived.read(min(left, _BLOCK))
            if not block:
                raise OSError(errno.EIO, f"{upload.name!r} is not complete")
            opened.write(block)
            left -= len(block)
        opened.flush()
        upload.properties.apply(opened.fileno())
