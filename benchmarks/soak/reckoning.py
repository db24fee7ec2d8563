"""Compares the journals of the daemons with the database: every job must have ended exactly once."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.soak.ledger import Deed, Entry
from benchmarks.soak.simulated import APPLICATION, output
from tests.support.grid import Grid

LIFE = ("queued", "running", "finished")
# The number of examples of each kind of fault.
_EXAMPLES = 5


@dataclass(frozen=True)
class Stored:
    """The row of a job that is not queued."""

    job_id: int
    state: str
    resource: str
    output: bytes


@dataclass(frozen=True)
class Books:
    """The database at the end: jobs, recorded changes, locks and sessions that are left, counted runs."""

    queued: int
    jobs: Sequence[Stored]
    changes: Mapping[int, tuple[str, ...]]
    leftovers: Mapping[str, int]
    runs: int


def books(grid: Grid) -> Books:
    """Read the database, without the server."""
    jobs = grid.rows(
        "SELECT job_id, state, target_resources, output FROM job_queue"
        " WHERE application = %s AND state <> 'queued'",
        APPLICATION,
    )
    changes: dict[int, tuple[str, ...]] = defaultdict(tuple)
    for row in grid.rows("SELECT job_id, new_state FROM job_history ORDER BY change_id"):
        changes[_int(row["job_id"])] += (str(row["new_state"]),)
    return Books(
        queued=_count(grid, "job_queue WHERE state = 'queued'"),
        jobs=[
            Stored(_int(row["job_id"]), str(row["state"]), _name(row), bytes(row["output"]))  # type: ignore[call-overload]
            for row in jobs
        ],
        changes=changes,
        leftovers={
            "locks": _count(grid, "running_locks"),
            "jobs marked as locked": _count(grid, "job_queue WHERE lock_state <> 0"),
            "sessions": _count(grid, "running_sessions"),
        },
        runs=_int(grid.rows("SELECT COALESCE(SUM(jobs), 0) AS n FROM job_usage WHERE kind = 'user'")[0]["n"]),
    )


def _count(grid: Grid, rest: str) -> int:
    return _int(grid.rows(f"SELECT COUNT(*) AS n FROM {rest}")[0]["n"])  # noqa: S608 - our own words


def _int(value: object) -> int:
    return int(str(value))


def _name(row: Mapping[str, object]) -> str:
    return str(row["target_resources"]).strip(" ,")


def troubles(entries: Iterable[Entry], stored: Books, filled: int) -> list[str]:
    """Return the faults, one sentence each; empty when every job ended exactly once."""
    entries = list(entries)
    return [*_of_daemons(entries), *_of_jobs(entries, stored), *_of_books(stored, filled)]


def _of_daemons(entries: Sequence[Entry]) -> list[str]:
    """Return the faults in the journals of the daemons alone."""
    claimed = Counter(entry.job_id for entry in entries if entry.deed == Deed.CLAIMED)
    ended = Counter(entry.job_id for entry in entries if entry.deed == Deed.ENDED)
    away = [entry.job_id for entry in entries if entry.deed == Deed.TAKEN_AWAY]
    return [
        *_said("given to daemons more than once", (job for job, number in claimed.items() if number > 1)),
        *_said("ended more than once", (job for job, number in ended.items() if number > 1)),
        *_said("ended without a claim", ended.keys() - claimed.keys()),
        *_said("claimed and never ended", claimed.keys() - ended.keys()),
        *_said("taken away from its daemon", away),
    ]


def _of_jobs(entries: Sequence[Entry], stored: Books) -> list[str]:
    ended = {entry.job_id: entry for entry in entries if entry.deed == Deed.ENDED}
    finished = {job.job_id: job for job in stored.jobs if job.state == "finished"}
    both = ended.keys() & finished.keys()
    return [
        *_said("ended, but the database does not have it finished", ended.keys() - finished.keys()),
        *_said("finished in the database, but ended by no daemon", finished.keys() - ended.keys()),
        *_said("left unfinished", (job.job_id for job in stored.jobs if job.state != "finished")),
        *_said("of another resource", (n for n in both if finished[n].resource != ended[n].daemon)),
        *_said("with the output of another claim", (n for n in both if not _is_own(finished[n], ended[n]))),
        *_said(
            f"with a history that is not {', '.join(LIFE)}",
            (number for number in finished if stored.changes.get(number) != LIFE),
        ),
    ]


def _is_own(job: Stored, entry: Entry) -> bool:
    return job.output == output(entry.daemon, entry.reference)


def _of_books(stored: Books, filled: int) -> list[str]:
    there, finished = stored.queued + len(stored.jobs), len(stored.jobs)
    wrong = []
    if there != filled:
        wrong.append(f"{filled} jobs were queued, {there} are there")
    if stored.runs != finished:
        wrong.append(f"the scheduler has counted {stored.runs} runs, {finished} jobs have run")
    return wrong + [f"{number} {name} are left behind" for name, number in stored.leftovers.items() if number]


def _said(what: str, jobs: Iterable[int]) -> list[str]:
    found = sorted(jobs)
    examples = ", ".join(str(job) for job in found[:_EXAMPLES])
    return [f"{len(found)} jobs {what}: {examples}"] if found else []
