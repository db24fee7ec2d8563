"""The bounds of a job as a whole, in addition to the limits of each of its processes."""

from dataclasses import dataclass

MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class JobBounds:
    """What all processes of a job may use together, in MB; 0 for no bound.

    ``memory`` is the memory of its processes, ``disk`` the space of its files.
    """

    memory: int = 0
    disk: int = 0
