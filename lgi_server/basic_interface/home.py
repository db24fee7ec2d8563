"""The start page of a project: own jobs by state, what ended last, arrays, limits, and the queue of all."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lgi_protocol.job_end import Result
from lgi_protocol.states import State
from lgi_server.basic_interface import charts, job_tiles, level_chart, queue_charts, quota
from lgi_server.basic_interface.registry import Answer, Page, PageContext, Redirect, Template
from lgi_server.basic_interface.usage import DAY_SECONDS, DAYS, day_name
from lgi_server.services.access import principals
from lgi_server.services.jobs import progress, targets
from lgi_server.services.jobs.progress import Progress
from lgi_server.tables import active_resources, job_counts
from lgi_server.tables.active_resources import NO_SERVER
from lgi_server.tables.job_arrays import ArrayRow
from lgi_server.tables.job_queue import listing, queue_lengths

RECENT, MOST_ARRAYS, MOST_APPLICATIONS = 5, 5, 12


@dataclass(frozen=True)
class Demand:
    """How many jobs of an application wait and run in the whole project, and how many resources offer it."""

    application: str
    queued: int
    running: int
    resources: int


def menu(visit: PageContext) -> Answer:
    """Return the start page."""
    mine = job_tiles.mine(visit)
    # Who has had a job aborted knows why.
    failed = replace(mine, state=State.FINISHED.value, ended=Result.FAILED.value)
    since = visit.now - visit.now % DAY_SECONDS - (DAYS - 1) * DAY_SECONDS
    days = range(since, visit.now + 1, DAY_SECONDS)
    ended = job_counts.ended_since(visit.transaction, visit.user.name, days)
    return Template(
        "basic_interface/menu.html",
        {
            "tiles": job_tiles.tiles(visit),
            "recent": listing.newest(visit.transaction, mine, RECENT, None),
            "failed": listing.newest(visit.transaction, failed, RECENT, None),
            "arrays": _arrays(visit),
            "limits": quota.limits(visit),
            "demands": _demands(visit),
            "days": charts.columns(
                [(day_name(day), number) for day, number in zip(days, ended, strict=True)]
            ),
            "ended": sum(ended),
            "charts": charts,
            "history": queue_charts.charts(visit),
            "level_chart": level_chart,
            "most_queued": queue_lengths.MOST,
            "servers": principals.servers(visit.transaction),
        },
    )


def _arrays(visit: PageContext) -> list[tuple[ArrayRow, Progress]]:
    """Return those of the user's newest arrays that have not ended."""
    own = visit.user.name
    found = progress.newest_arrays(visit.transaction, (own,), MOST_ARRAYS, 0, visit.now, owner=own)
    return [(array, how_far) for array, how_far in found if how_far.counts and how_far.ended < how_far.total]


def _demands(visit: PageContext) -> Sequence[Demand]:
    resources = [
        one for one in active_resources.everyone(visit.transaction) if one.project_server == NO_SERVER
    ]
    offers = [targets.applications_of(one) for one in resources]
    names = sorted({name for some in offers for name in some})[:MOST_APPLICATIONS]
    running = listing.running_at(visit.transaction, names)
    queued = queue_lengths.queued(visit.transaction, names)
    return [
        Demand(
            name,
            queued.get(name, 0),
            sum(some.get(name, 0) for some in running.values()),
            sum(name in some for some in offers),
        )
        for name in names
    ]


def _first(_visit: PageContext) -> Answer:
    return Redirect("")


# The page for an address without a project.
FIRST = Page("", _first)
