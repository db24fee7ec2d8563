"""How a pilot has ended, and whether that was a failure."""

from dataclasses import dataclass

from lgi_daemon.pilot.pilot_directory import PilotDirectory
from lgi_daemon.pilot.record import PilotRecord, age

# Seconds after which a pilot has worked, also when it is then killed, as at the end of its time.
LIFE_OF_SUCCESS = 120.0


@dataclass(frozen=True)
class PilotEnd:
    """The end of a pilot, in words; ``is_failure`` when others would hardly do better."""

    text: str
    is_failure: bool


def end_of(record: PilotRecord, directory: PilotDirectory) -> PilotEnd:
    """Return how a pilot has ended that the batch system does not list any more."""
    code = directory.exit_code(record.name)
    if code == "0":
        return PilotEnd("its daemon has ended by itself", False)
    words = directory.last_words(record.name)
    said = f": {words}" if words else ""
    if code:
        return PilotEnd(f"its daemon has ended with exit code {code}{said}", True)
    began = directory.began_at(record.name)
    if began is None:
        return PilotEnd("it has left the batch system without a start", True)
    lived = age(began, record.missing_since)
    return PilotEnd(f"it was killed after {lived:.0f} s{said}", lived < LIFE_OF_SUCCESS)
