"""The page about the usage of the user: small charts of jobs and hours."""

from datetime import UTC, datetime

from lgi_protocol.states import State
from lgi_server.basic_interface import charts
from lgi_server.basic_interface.registry import Answer, PageContext, Template
from lgi_server.tables import job_counts, job_usage
from lgi_server.tables.job_usage import UsageTotals

DAYS, DAY_SECONDS = 14, 86400
# Months in the chart, and rows in the table.
MONTHS, ROWS = 12, 60
_KINDS = tuple(state.value for state in State)


def show_usage(visit: PageContext) -> Answer:
    """Return the page: jobs by application and state, jobs that ended by day, hours by month."""
    own = (visit.transaction, "user", (visit.user.name,))
    found = job_counts.by_application(visit.transaction, visit.user.name)
    since = visit.now - visit.now % DAY_SECONDS - (DAYS - 1) * DAY_SECONDS
    days = range(since, visit.now + 1, DAY_SECONDS)
    ended = job_counts.ended_since(visit.transaction, visit.user.name, days)
    return Template(
        "basic_interface/usage.html",
        {
            "applications": charts.bars(_by_kind(found)),
            "days": charts.columns(
                [(day_name(day), number) for day, number in zip(days, ended, strict=True)]
            ),
            "ended": sum(ended),
            "kinds": _KINDS,
            "months": charts.columns(_hours(job_usage.listed(*own, ("month",), month=0, limit=MONTHS))),
            "used": job_usage.listed(*own, ("month", "application", "resource"), month=0, limit=ROWS),
            "charts": charts,
        },
    )


def _hours(used: list[tuple[dict[str, str], UsageTotals]]) -> list[tuple[str, int]]:
    """Return month and hours for each month with usage, the oldest first."""
    return [
        (f"{said['month'][:4]}-{said['month'][4:]}", round(one.seconds / 3600)) for said, one in used[::-1]
    ]


def _by_kind(found: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
    """Return the numbers of jobs by application and state; states of a site count as running."""
    counted = {}
    for application, states in sorted(found.items()):
        kinds = dict.fromkeys(_KINDS, 0)
        for state, number in states.items():
            kinds[state if state in kinds else State.RUNNING.value] += number
        counted[application] = kinds
    return counted


def day_name(seconds: int) -> str:
    """Return the day of a time, as ``30 Nov``."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%d %b")
