"""The record of a pilot, written before it is submitted: no pilot is forgotten, and none submitted twice."""

import json
import re
import secrets
import time
from dataclasses import asdict, dataclass
from typing import Any

# PBS takes names of 15 characters.
_NAME = re.compile(r"LGI[0-9a-f]{12}\Z", re.ASCII)
_BATCH_ID = re.compile(r"[0-9]{0,18}\Z", re.ASCII)


@dataclass(frozen=True)
class PilotRecord:
    """A pilot: its name, which is that of its job in the batch system, and what is known of that job.

    Times are seconds since 1970. ``batch_id`` is empty while no answer to the submit is known;
    ``missing_since`` is the time since which the batch system does not list the pilot any more, 0 before.
    """

    name: str
    submitted_at: float
    batch_id: str = ""
    missing_since: float = 0.0

    def to_json(self) -> bytes:
        """Return the content of its file."""
        return f"{json.dumps(asdict(self))}\n".encode()


def new_record(now: float) -> PilotRecord:
    """Return the record of a pilot that is about to be submitted."""
    return PilotRecord(f"LGI{secrets.token_hex(6)}", now)


def is_pilot_name(text: str) -> bool:
    """Return whether a text is the name of a pilot."""
    return bool(_NAME.match(text))


def read_record(data: bytes) -> PilotRecord:
    """Return the record in a file. Raise ValueError when it is none."""
    try:
        values: dict[str, Any] = json.loads(data)
        record = PilotRecord(
            str(values["name"]),
            float(values["submitted_at"]),
            str(values["batch_id"]),
            float(values["missing_since"]),
        )
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"no record of a pilot: {error}") from None
    if not is_pilot_name(record.name) or not _BATCH_ID.match(record.batch_id):
        raise ValueError(f"no record of a pilot: {record.name[:40]!r}")
    return record


def age(since: float, now: float) -> float:
    """Return the seconds since a time; 0 when the clock was set back."""
    return max(0.0, now - since)


def shown_time(seconds: float) -> str:
    """Return a time as people read it, with its offset from UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(seconds))
