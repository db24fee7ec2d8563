"""Results that the resource of a job has not stored on the server: they cannot be fetched."""

import re

from lgi_tools.client.job_end import JobEnd

# The words of the applications library in the reason of a job's end.
_NOTE = re.compile(r"(?:^|; )(not stored: .*|not all files were stored: .*)")


def notes(ending: JobEnd | None) -> tuple[str, ...]:
    """Return a line with the names and reasons, nothing when all was stored."""
    found = _NOTE.search(ending.reason) if ending else None
    return (found[1],) if found else ()
