"""The administrators of a project, as far as their certificates say: users with the admin group."""

from datetime import datetime
from pathlib import Path

from lgi_protocol import common_name
from lgi_tools.certificates import inventory
from lgi_tools.certificates.profiles import Kind

# The default of the setting admin_group of a project server.
GROUP = "admin"


def is_last(directory: Path, name: str, now: datetime) -> bool:
    """Return whether a user is the only one of a CA with a valid certificate for the admin group."""
    names = set()
    for entry in inventory.entries(directory, now):
        known = common_name.parse(entry.common_name)
        if entry.kind == Kind.USER and entry.state == "valid" and GROUP in (known.groups or ()):
            names.add(known.name)
    return names == {name.strip()}
