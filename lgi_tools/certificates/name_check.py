"""Whether a project server accepts what a certificate names: its user, groups and projects."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from lgi_protocol import comma_lists, common_name
from lgi_tools.certificates import inventory, server_configuration
from lgi_tools.certificates.profiles import Kind
from lgi_tools.certificates.subject import Subject


def refuse(directory: Path, subject: Subject) -> None:
    """Raise ValueError for a user with the name of the administrators' group: every call of theirs fails."""
    group = server_configuration.read(directory).admin_group
    if subject.kind is Kind.USER and subject.name.strip() == group:
        raise ValueError(
            f"{group!r} is the group of the administrators and cannot be the name of a user:"
            f" give the user another name, and --group {group} for an administrator"
        )


def warnings(directory: Path, subject: Subject, now: datetime) -> Iterator[str]:
    """Yield what is probably a mistake."""
    projects = server_configuration.read(directory).projects
    for project in subject.projects:
        if projects and project != comma_lists.ANY and project not in projects:
            file = directory.resolve().parent / server_configuration.FILE
            yield f"{project!r} is none of the projects of {file}: {comma_lists.join(projects)}"
    if subject.kind is not Kind.USER:
        return
    names, groups = _known(directory, now)
    own = subject.name.strip()
    if own in groups:
        yield f"{own!r} is also a group, of {groups[own]}: what that group may do and read, this user may too"
    for group in subject.groups:
        if group in names and group != own:
            yield f"{group!r} is also a user: what that user may do and read, this group may too"


def _known(directory: Path, now: datetime) -> tuple[set[str], dict[str, str]]:
    """Return the users with a valid certificate, and of each of their groups one user."""
    names: set[str] = set()
    groups: dict[str, str] = {}
    # A file that cannot be read is reported by LGI_certificates list.
    with suppress(OSError, ValueError):
        for entry in inventory.entries(directory, now):
            if entry.kind == Kind.USER and entry.state == "valid":
                known = common_name.parse(entry.common_name)
                names.add(known.name)
                groups |= dict.fromkeys(set(known.groups or ()) - {known.name}, known.name)
    return names, groups
