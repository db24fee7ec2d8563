"""job_specifics as a daemon posts it back: with the server's own repository tags in it."""

from lgi_protocol import xml

_REPOSITORY = ("repository", "repository_url")


def without_repository(text: str) -> str:
    """Return the text without the repository tags at its top level.

    They are rendered, never stored (ruling 2).
    """
    return _without(_REPOSITORY, text)


def without_place(text: str) -> str:
    """Return the text as `without_repository` does, and without references of daemons.

    A job nobody has taken has none.
    """
    return _without((*_REPOSITORY, "daemon_reference"), text)


def _without(names: tuple[str, ...], text: str) -> str:
    try:
        ours = [found for found in xml.elements(text) if found.name in names]
    except ValueError:
        # Not acceptable anyway: the check that follows says why.
        return text
    for found in reversed(ours):
        text = text[: found.begin] + text[found.end :]
    return text.strip()
