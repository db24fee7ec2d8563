"""The sections of projects in the text of a configuration, whose other lines stay as they are."""

import re

_PROJECT = """
[project {name}]
database = {database}
server_name = {server_name}
"""


def with_project(text: str, name: str, database: str, server_name: str) -> str:
    """Return a configuration with one more project, at its end."""
    return text.rstrip("\n") + "\n" + _PROJECT.format(name=name, database=database, server_name=server_name)


def without_project(text: str, name: str) -> str:
    """Return a configuration without a project and its licences."""
    kept, is_kept = [], True
    for line in text.splitlines(keepends=True):
        if begin := re.match(r"\s*\[([^\]]*)\]", line):
            is_kept = begin[1].split() not in (["project", name], ["licences", name])
        if is_kept:
            kept.append(line)
    return "".join(kept)
