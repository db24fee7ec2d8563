"""The labels of a job in an answer of a project server."""

from lgi_protocol import xml


def read_label_elements(text: str) -> dict[str, str]:
    """Return the labels in a ``<job>`` element, by key."""
    if "<label>" not in text:
        return {}
    found = (one.inside.strip() for one in xml.find_all(text, "label"))
    return {key: value for key, _, value in (xml.unescape(one).partition("=") for one in found)}
