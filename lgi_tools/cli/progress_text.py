"""The progress of jobs as text and as JSON."""

from lgi_protocol.time_span import span
from lgi_tools.cli.output_json import Values
from lgi_tools.client.job_progress import Progress


def short(found: Progress) -> str:
    """Return how many jobs have ended, as ``143/200, 7 failed``."""
    return f"{found.ended}/{found.total}" + (f", {found.failed} failed" if found.failed else "")


def left(found: Progress) -> str:
    """Return the time until all jobs have ended, as ``about 5m12s``; empty when it is not known, or over."""
    if found.remaining_seconds is None or found.ended == found.total:
        return ""
    return f"about {span(found.remaining_seconds)}"


def long(found: Progress) -> str:
    """Return the number of jobs in each state, their mean run time and the time that is left."""
    counts = ", ".join(f"{number} {state}" for state, number in sorted(found.counts.items()))
    text = f"{found.total} jobs: {counts}" if counts else "0 jobs"
    if found.mean_run_seconds is not None:
        text += f"; a job takes {span(found.mean_run_seconds)} on average"
    if found.ended < found.total:
        text += f"; {left(found)} left" if left(found) else "; the time that is left is not known yet"
    return text


def values(found: Progress) -> Values:
    """Return the progress for JSON, without what is not known."""
    times = {
        "mean_run_seconds": found.mean_run_seconds,
        "remaining_seconds": found.remaining_seconds,
    }
    known = {name: value for name, value in times.items() if value is not None}
    return {"number_of_jobs": found.total, "counts": dict(found.counts)} | known
