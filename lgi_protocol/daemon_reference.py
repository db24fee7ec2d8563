"""The reference of the daemon that has a job, an element in front of the job's specifics (wire.md 6)."""

import re

from lgi_protocol import xml

TAG = "daemon_reference"
_REFERENCE = re.compile("[0-9A-Fa-f]{32}")


def is_reference(text: str) -> bool:
    """Return whether a text is a reference as our daemons make them: 32 hexadecimal digits."""
    return _REFERENCE.fullmatch(text) is not None


def reference_of(specifics: str) -> str:
    """Return the reference in job specifics; empty when there is none, or when they cannot be read."""
    try:
        return xml.value(specifics, TAG)
    except ValueError:
        return ""


def with_reference(reference: str, specifics: str) -> str:
    """Return job specifics that begin with a daemon reference, in place of those of earlier claims."""
    return f"<{TAG}> {reference} </{TAG}> {without_reference(specifics)}".strip()


def without_reference(specifics: str) -> str:
    """Return job specifics without the references of earlier claims, which would let them grow for ever.

    Raise ValueError when they have a DTD or CDATA section.
    """
    if TAG not in specifics:
        return specifics.strip()
    kept, at = "", 0
    for found in xml.elements(specifics):
        if found.name == TAG:
            kept, at = kept + specifics[at : found.begin], found.end
    return (kept + specifics[at:]).strip()
