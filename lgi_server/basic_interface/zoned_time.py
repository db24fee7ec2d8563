"""Times in forms: a date and time as browsers send it, and its time zone; inside they are Unix seconds."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

# The zone of a time that a page shows in a field, which scripts turn into that of the reader.
SHOWN = "UTC"
_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])([0-9]{1,2})(?::?([0-5][0-9]))?", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+){0,2}")
# Of all zones there are.
_MOST_HOURS = 14
# The last second that a field can show.
LAST = 253_402_214_400


def read(text: str, zone: str) -> int:
    """Return the Unix time of ``2026-11-30T18:00`` in a zone, or of Unix seconds. Raises ValueError."""
    text = text.strip()
    if re.fullmatch("[0-9]{9,12}", text):
        return int(text)
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text[:40]!r} is no date and time, as 2026-11-30T18:00") from None
    if time.tzinfo is None:
        time = time.replace(tzinfo=_zone(zone.strip()))
    return int(time.timestamp())


def _zone(text: str) -> tzinfo:
    """Return the zone of ``UTC``, ``+02:00`` or a name that the system knows. Raises ValueError."""
    if text.upper() in {"", "UTC", "GMT", "Z"}:
        return UTC
    if match := _OFFSET.fullmatch(text):
        offset = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
        if offset <= timedelta(hours=_MOST_HOURS):
            return timezone(-offset if match[1] == "-" else offset)
    if _NAME.fullmatch(text):
        try:
            return ZoneInfo(text)
        # Of a directory, of a file with something else, and of a name that is not there.
        except (OSError, ValueError, KeyError):
            pass
    raise ValueError(f"{text[:40]!r} is no time zone: write UTC, +02:00 or a name as Europe/Amsterdam")


def fields_of(name: str, seconds: int | None) -> Mapping[str, str]:
    """Return the values of the fields ``name`` and ``name_zone`` for a Unix time, empty for none."""
    shown = ""
    if seconds:
        # Whole minutes, as browsers have them; not before the time.
        shown = f"{datetime.fromtimestamp(-(-seconds // 60) * 60, UTC):%Y-%m-%dT%H:%M}"
    return {name: shown, f"{name}_zone": SHOWN}
