"""Jobs and their progress as HTML, which notebooks show for a value."""

from collections.abc import Iterable, Sequence
from html import escape

from lgi_tools.client.job import Job
from lgi_tools.client.job_progress import Progress
from lgi_tools.client.text import one_line, shortened

# Rows of a table that are shown.
MOST_ROWS = 100
_HEAD = ("job", "name", "application", "state", "end", "changed (UTC)")


class JobList(tuple[Job, ...]):
    """Jobs of a list, which a notebook shows as a table."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return jobs_html(self)


def jobs_html(jobs: Sequence[Job]) -> str:
    """Return a table of jobs, the first hundred of them."""
    rows = [_row("th", _HEAD), *(_row("td", _cells(job)) for job in jobs[:MOST_ROWS])]
    left = len(jobs) - MOST_ROWS
    more = f"<p>and {left} more</p>" if left > 0 else ""
    return f"<table>{''.join(rows)}</table>{more}"


def progress_html(progress: Progress) -> str:
    """Return a bar of the jobs that have ended, and the numbers of all states."""
    counts = ", ".join(f"{number} {state}" for state, number in progress.counts.items()) or "no jobs"
    bar = f'<progress value="{progress.ended}" max="{max(1, progress.total)}"></progress>'
    return f"<div>{bar} {progress.ended} of {progress.total} ended: {_text(counts)}</div>"


def _cells(job: Job) -> Iterable[str]:
    name = job.name if job.array_index is None else f"{job.name} [{job.array_index}]".strip()
    end = job.end.text.removeprefix(job.state).lstrip(",: ") if job.ended else ""
    return str(job.id), name, job.application, job.shown_state, end, f"{job.changed:%Y-%m-%d %H:%M:%S}"


def _row(tag: str, cells: Iterable[str]) -> str:
    return f"<tr>{''.join(f'<{tag}>{_text(cell)}</{tag}>' for cell in cells)}</tr>"


def _text(text: str) -> str:
    return escape(one_line(shortened(text)))
