"""Removal of the tags that server and daemons add to job_specifics, from what a daemon posts back."""

from lgi_protocol import xml

_REPOSITORY = ("repository", "repository_url")


def without_repository(text: str) -> str:
    """Return the text without the repository tags at its top level: these are never stored (ruling 2)."""
    return _without(_REPOSITORY, text)


def without_server_tags(text: str) -> str:
    """Return the text without repository tags and daemon references, as a new job has it."""
    return _without((*_REPOSITORY, "daemon_reference"), text)


def _without(names: tuple[str, ...], text: str) -> str:
    try:
        ours = [found for found in xml.elements(text) if found.name in names]
    except ValueError:
        # Not well-formed: the check that follows refuses it.
        return text
    for found in reversed(ours):
        text = text[: found.begin] + text[found.end :]
    return text.strip()
