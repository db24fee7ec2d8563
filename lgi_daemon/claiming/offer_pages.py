"""Which part of a queue to request: no more jobs than there is room for, since offered jobs are locked."""

from collections.abc import Sequence
from dataclasses import dataclass

from lgi_daemon.claiming.limits import Level, accepts_nobody, full_level


@dataclass(frozen=True)
class OfferPage:
    """``limit`` queued jobs from number ``start`` on, counted from 0; ``most`` is the largest limit."""

    start: int
    limit: int
    most: int

    def is_filled_by(self, offered: int) -> bool:
        """Return whether so many offered jobs mean that the queue may have more."""
        # As LGI: some of a page may be left out.
        return offered > self.limit // 2

    def next_page(self, skipped: int, claimed: int, room: int) -> "OfferPage":
        """Return the page after this one, of which some jobs were claimed and are queued no longer.

        It has the jobs that there is ``room`` for; twice as many as this one where none was claimed.
        """
        limit = room if claimed else max(room, 2 * self.limit)
        return OfferPage(self.start + skipped, min(self.most, limit), self.most)


def first_page(room: int, job_limit: int) -> OfferPage:
    """Return the first page of an application's queue."""
    # As LGI: its limit for any page.
    most = min(256, max(32, 4 * job_limit))
    return OfferPage(0, min(most, room), most)


def free_slots(levels: Sequence[Level]) -> int:
    """Return how many further jobs the levels have room for, by their number and if all were small."""
    if full_level(levels) or accepts_nobody(levels):
        return 0
    return min(one.rules.job_limit - len(one.jobs) for one in levels)
