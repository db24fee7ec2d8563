"""The columns of a list of jobs: their names and titles, and the orders by them."""

from collections.abc import Callable, Mapping, Sequence

from lgi_protocol import states
from lgi_protocol.states import State
from lgi_protocol.time_span import span
from lgi_server.tables.job_queue.jobs import JobRow

# The columns beside the number and name of a job, in their order.
TITLES: Mapping[str, str] = {
    "state": "State",
    "application": "Application",
    "resource": "Runs on",
    "run_time": "Run time",
    "changed": "Changed",
    "owners": "Owners",
    "submitted": "Submitted",
    "started": "Started",
    "memory": "Memory",
    "processor": "Processor",
    "command": "Command",
}
# Those of who has chosen none.
USUAL = ("state", "application", "resource", "run_time", "changed")
_Key = Callable[[JobRow, int], tuple[int, int | str]]


def run_seconds(job: JobRow, now: int) -> int | None:
    """Return how many seconds a job has run, None for one that does not run and never did."""
    if job.started is None:
        return None
    if job.ended:
        return max(0, job.state_time_stamp - job.started)
    return max(0, now - job.started) if states.normalized(job.state) is not State.QUEUED else None


def run_time(job: JobRow, now: int) -> str:
    """Return how long a job has run as text, empty for one that never did."""
    seconds = run_seconds(job, now)
    return "" if seconds is None else span(seconds)


def command_of(script: bytes) -> str:
    """Return the command in the begin of the input of a job of the application ``command``, on one line."""
    lines = script.decode("utf-8", "replace").splitlines()
    commands = [line for line in lines if line.strip() and not line.startswith(("#", "export ", "chmod "))]
    return commands[-1].removeprefix("exec ").strip() if commands else ""


def ordered(jobs: Sequence[JobRow], order: str, now: int) -> list[JobRow]:
    """Return jobs by a column, in reverse behind a minus sign; those without a value come last."""
    key, reverse = ORDERS[order.removeprefix("-")], order.startswith("-")
    pairs = [(key(job, now), job) for job in jobs]
    known = sorted((pair for pair in pairs if not pair[0][0]), key=lambda pair: pair[0], reverse=reverse)
    return [job for _key, job in (*known, *(pair for pair in pairs if pair[0][0]))]


def _number(value: int | None) -> tuple[int, int | str]:
    return (1, 0) if value is None else (0, value)


def _text(value: str) -> tuple[int, int | str]:
    return (0, value.casefold()) if value else (1, "")


ORDERS: Mapping[str, _Key] = {
    "number": lambda job, _now: _number(job.job_id),
    "name": lambda job, _now: _text(job.job_name),
    "state": lambda job, _now: _text(f"{job.state} {job.ended} {job.end.exit_code or 0:3}"),
    "application": lambda job, _now: _text(job.application),
    "resource": lambda job, _now: _text(", ".join(job.target_resources)),
    "run_time": lambda job, now: _number(run_seconds(job, now)),
    "changed": lambda job, _now: _number(job.state_time_stamp),
    "owners": lambda job, _now: _text(", ".join(job.owners)),
    "submitted": lambda job, _now: _number(job.submitted),
    "started": lambda job, _now: _number(job.started),
    "memory": lambda job, _now: _number(job.end.usage.peak_memory),
    "processor": lambda job, _now: _number(job.end.usage.cpu_milliseconds),
}
