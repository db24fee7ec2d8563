"""The properties of an opened file of a repository."""

import os
from dataclasses import dataclass

from lgi_protocol import file_properties
from lgi_protocol.file_properties import FileProperties


@dataclass(frozen=True)
class FileDetails:
    """The ETag, different for each version; the last change in nanoseconds since 1970; and the properties."""

    version: str
    modified: int
    properties: FileProperties


def of_descriptor(descriptor: int) -> FileDetails:
    """Return the details of an open file on disk; each PUT creates a new one.

    The version has the ctime: clients may set the mtime.
    """
    known = os.fstat(descriptor)
    version = f"{known.st_ino:x}-{known.st_size:x}-{known.st_ctime_ns:x}"
    return FileDetails(version, known.st_mtime_ns, file_properties.of_file(known))
