"""The element `here` in the specifics of a job that runs in the directory in which it was submitted.

A file there has the token as the end of its name and as its content: a resource that finds it sees the same
directory. The token is no secret, and gives nobody any right.
"""

import os
import re

from lgi_protocol import xml
from lgi_protocol.common_name import has_control
from lgi_protocol.value_object import value_object

TAG = "here"
PREFIX = ".LGI_here_"
# Bytes of a path.
LONGEST = 1000
_TOKEN = re.compile("[0-9a-f]{32}")


@value_object
class SharedDirectory:
    """The absolute path of a directory, without symbolic links in it, and the token of a file there."""

    path: str
    token: str

    def __post_init__(self) -> None:
        """Raise ValueError for a path or token that is none."""
        try:
            size = len(self.path.encode())
        except UnicodeEncodeError:
            raise ValueError("the name of the directory is not UTF-8") from None
        is_whole = self.path.startswith("/") and os.path.normpath(self.path) == self.path
        if not is_whole or self.path.startswith("//") or size > LONGEST or has_control(self.path):
            raise ValueError(f"{self.path[:60]!r} is not the absolute path of a directory")
        if self.path != self.path.strip():
            raise ValueError(f"the name of the directory {self.path[:60]!r} ends in a blank")
        if not _TOKEN.fullmatch(self.token):
            raise ValueError("the token of the directory is not valid")

    def as_xml(self) -> str:
        """Return the element for the specifics of a job."""
        values = (xml.Element("directory", self.path), xml.Element("token", self.token))
        return xml.write(xml.Element(TAG, values))

    def is_below(self, directory: str) -> bool:
        """Return whether this is a directory, or one in it, by name."""
        return self.path == directory or self.path.startswith(f"{directory}/")


def is_asked(specifics: str) -> bool:
    """Return whether a job is to run in the directory in which it was submitted."""
    return xml.find(specifics, TAG) is not None


def read(specifics: str) -> SharedDirectory | None:
    """Return the directory that a job asks for; None for any other job. Raises ValueError."""
    found = xml.find(specifics, TAG)
    if found is None:
        return None
    return SharedDirectory(xml.value(found.inside, "directory"), xml.value(found.inside, "token"))
