"""A file in the repository of a job, as listed by a project server."""

from datetime import datetime

from lgi_protocol import xml
from lgi_protocol.reply import leading_number
from lgi_protocol.value_object import value_object
from lgi_tools.client.timestamp import parse_time

# Names under which a repository holds the streams of a job, and their names in its state directory.
STREAMS = {"joblog.txt": "stdout", "joberr.txt": "stderr"}


@value_object
class StoredFile:
    """A file in the repository of a job; ``size`` is in bytes."""

    name: str
    size: int
    changed: datetime


def read_file(text: str) -> StoredFile:
    """Return the file in a ``<file>`` element."""
    size = leading_number(xml.value(text, "size"))
    return StoredFile(file_name(text), size, parse_time(xml.value(text, "date")))


def file_name(text: str) -> str:
    """Return the exact name in a ``<file>`` element, including blanks at its ends."""
    found = xml.find(text, "file_name")
    if found is None:
        return ""
    inside = found.inside
    exact = inside[1:-1] if inside.startswith(" ") and inside.endswith(" ") else inside.strip()
    return xml.unescape(exact)


def visible(files: tuple[StoredFile, ...]) -> tuple[StoredFile, ...]:
    """Return the files of the user, without the server's own."""
    from lgi_protocol import file_names

    return tuple(one for one in files if not file_names.is_reserved(one.name))
