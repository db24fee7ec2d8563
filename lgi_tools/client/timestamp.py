"""Time stamps in the answers of a project server."""

from datetime import UTC, datetime

from lgi_protocol.reply import leading_number


def parse_time(text: str) -> datetime:
    """Return a time stamp (Unix time, fraction dropped); 1970-01-01 for one out of range."""
    try:
        return datetime.fromtimestamp(leading_number(text), UTC)
    except (OverflowError, OSError, ValueError):
        return datetime.fromtimestamp(0, UTC)
