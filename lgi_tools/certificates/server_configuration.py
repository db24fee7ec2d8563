"""What the configuration of a project server says to its authority, where LGI_setup has made both."""

import re
from pathlib import Path

from lgi_protocol.value_object import value_object
from lgi_tools.certificates import administrators

# Beside the directory of the CA, in a grid of LGI_setup and in /etc/lgi.
FILE = Path("server", "LGI_server.cfg")
_PROJECT = re.compile(r"^\[project[ \t]+([^\]\s]+)[ \t]*\]", re.MULTILINE)
_ADMINISTRATORS = re.compile(r"^admin_group[ \t]*=[ \t]*(.+?)[ \t]*$", re.MULTILINE)


@value_object
class ServerConfiguration:
    """The projects of a server, none where they are not known, and the group of its administrators."""

    projects: tuple[str, ...] = ()
    admin_group: str = administrators.GROUP


def read(directory: Path) -> ServerConfiguration:
    """Return the configuration beside the directory of a CA; the defaults where none can be read."""
    try:
        text = (directory.resolve().parent / FILE).read_text("utf-8")
    except (OSError, ValueError):
        return ServerConfiguration()
    group = _ADMINISTRATORS.search(text)
    return ServerConfiguration(tuple(_PROJECT.findall(text)), group[1] if group else administrators.GROUP)
