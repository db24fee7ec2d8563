"""job_specifics as a daemon posts it back: with the server's own repository tags in it."""

from lgi_protocol import xml

_OURS = ("repository", "repository_url")


def without_repository(text: str) -> str:
    """The text without the repository tags at its top level: they are rendered, never stored (ruling 2)."""
    try:
        ours = [found for found in xml.elements(text) if found.name in _OURS]
    except ValueError:
        # Not acceptable anyway: the check that follows says why.
        return text
    for found in reversed(ours):
        text = text[: found.begin] + text[found.end :]
    return text.strip()
