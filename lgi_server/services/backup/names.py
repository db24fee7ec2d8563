"""The names of the files in a backup, by which a restore knows where each belongs."""

import re

from lgi_protocol import xml
from lgi_server.storage import repository

# The configuration as it is, and what it names.
SERVER, DATABASES, REPOSITORIES = "server", "databases", "repositories"
CONFIGURATION = f"{SERVER}/LGI_server.cfg"
_LONGEST = 255
_DEEPEST = 4
_TABLE = re.compile(r"[a-z_]+\.jsonl")


def of_table(project: str, table: str) -> str:
    """Return the name of the file with the rows of a table."""
    return f"{DATABASES}/{project}/{table}.jsonl"


def of_repository_file(name: str, file: str) -> str:
    """Return the name of a file of a repository; NoSuchFileError for a wrong name of the repository."""
    return f"{REPOSITORIES}/{repository.relative_path(name)}/{file}"


def is_valid(name: str) -> bool:
    """Return whether a file of a backup may have this name: no name leads out of the new directory."""
    kind, *parts = name.split("/")
    if not parts or not all(map(_is_part, parts)):
        return False
    if kind == REPOSITORIES and len(parts) == 3:
        return repository.is_name(parts[1]) and parts[1][-3:] == parts[0]
    if kind == DATABASES and len(parts) == 2:
        return xml.is_name(parts[0]) and _TABLE.fullmatch(parts[1]) is not None
    return kind == SERVER and len(parts) <= _DEEPEST


def _is_part(part: str) -> bool:
    size = len(part.encode("utf-8", "surrogateescape"))
    return part not in {"", ".", ".."} and "\0" not in part and size <= _LONGEST
