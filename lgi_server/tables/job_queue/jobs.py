"""The rows of job_queue: every job of the project."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lgi_protocol import comma_lists, job_end, job_usage
from lgi_protocol.daemon_reference import reference_of
from lgi_protocol.job_end import NO_END, End
from lgi_protocol.job_usage import JobUsage
from lgi_protocol.states import State
from lgi_server.db.transaction import Row, Transaction, placeholders
from lgi_server.tables.job_holds import Hold
from lgi_server.tables.running_locks import LOCK_COLUMNS, Lock, lock_in

# The values of lock_state: nobody has the job locked; a row of running_locks has it; job_holds keeps it back.
FREE, LOCKED, HELD = 0, 1, 2
# An urgent job has the priority `URGENT` + the time of its submit; those of other jobs are above `USUAL`.
URGENT, USUAL = -(2**62), -(2**61)
# A list of names of so many bytes or more does not fit its column, as in LGI.
LIST_SIZE = 255


@dataclass(frozen=True)
class JobRow:
    """A row of job_queue, its comma lists split; times are in seconds.

    ``licences`` is the job's request for licences, as `services.jobs.licences` writes it.
    """

    job_id: int
    state: str
    application: str
    owners: tuple[str, ...]
    read_access: tuple[str, ...]
    write_access: tuple[str, ...]
    target_resources: tuple[str, ...]
    job_specifics: str
    lock_state: int
    state_time_stamp: int
    repository: str
    input: bytes = b""
    output: bytes = b""
    # Written with a job; claims read only the priority, and no query returns the pulse.
    daemon_pulse: int = 0
    priority: int = 0
    licences: str = ""
    end: End = NO_END
    # A line ``key=value`` for each label (`lgi_protocol.labels`).
    job_name: str = ""
    labels: str = ""
    submitted: int | None = None
    started: int | None = None
    # 1 when other jobs wait for its end.
    has_dependents: int = 0
    # How often the job is tried again when it fails, and how often it was.
    retries: int = 0
    tried: int = 0
    # Read on request only.
    holds: tuple[Hold, ...] = ()
    # Of an element of an array.
    array_id: int | None = None
    array_index: int | None = None
    # Orders the queued jobs of one user, the highest first.
    user_priority: int = 0
    # When its user needs it, in seconds.
    deadline: int | None = None
    # Of an urgent job: the group by whose right it is one.
    urgent_group: str = ""
    # When somebody last fetched all results, in seconds, and who.
    fetched: int | None = None
    fetched_by: str = ""
    # 1 when somebody is to be told of its start or end; 0 for an element of an array.
    has_notifications: int = 0

    @property
    def ended(self) -> str:
        """The value of `Result` for a job that has ended, empty for any other."""
        return self.end.result(self.state) or ""

    @property
    def used(self) -> dict[str, str]:
        """What the job has used, beside what it has requested, as `JobUsage.lines`."""
        known = self.ended and self.started is not None
        seconds = self.state_time_stamp - (self.started or 0) if known else None
        return self.end.usage.lines(self.job_specifics, seconds)

    @property
    def is_on_hold(self) -> bool:
        """Whether the job is queued, but not given out, whatever the reason."""
        return self.lock_state == HELD and self.state == State.QUEUED

    @property
    def daemon_reference(self) -> str:
        """The reference of the daemon that has, or had, the job; empty when none ever took it."""
        return reference_of(self.job_specifics)


# A condition on jobs, which reads their specifics: those that request no GPUs, or 0.
NEEDS_NO_GPUS = (
    "(INSTR(job_specifics, '<gpus>') = 0 OR INSTR(REPLACE(job_specifics, ' ', ''), '<gpus>0</gpus>') > 0)"
)
SHORT = (
    "job_id, state, application, owners, read_access, write_access, target_resources, job_specifics,"
    " lock_state, state_time_stamp, repository, licences, exit_code, exit_signal, end_reason,"
    " cpu_milliseconds, peak_memory, disk_used,"
    " job_name, labels, submitted, started, has_dependents,"
    " retries, tried, array_id, array_index, user_priority, deadline, urgent_group, fetched, fetched_by,"
    " has_notifications"
)
# Jobs in one statement.
AT_ONCE = 500
WHOLE = f"{SHORT}, input, output"


def job_in(row: Row) -> JobRow:
    """Return a row with the columns of `SHORT`, and perhaps input and output, as a JobRow."""
    # SQLite's rows look for each name that they are asked for, and iterate over their values.
    values: dict[str, Any] = dict(row) if isinstance(row, dict) else dict(zip(row.keys(), row, strict=True))
    if "held_lock_id" in values:
        values = {name: value for name, value in values.items() if not name.startswith("held_")}
    for name in ("owners", "read_access", "write_access", "target_resources"):
        values[name] = comma_lists.split(values[name])
    for name in {"input", "output"} & values.keys():
        values[name] = bytes(values[name])
    usage = JobUsage(*[values.pop(name) for name in job_usage.FIELDS])
    code, signal, reason = (values.pop(name) for name in job_end.FIELDS)
    values["end"] = End(code, signal, reason, usage)
    return JobRow(**values)


def find(transaction: Transaction, job_id: int) -> JobRow | None:
    """Return a job, None if there is none with this number."""
    row = transaction.row(f"SELECT {WHOLE} FROM job_queue WHERE job_id = %s", job_id)
    return job_in(row) if row else None


def states(transaction: Transaction, job_ids: Sequence[int]) -> dict[int, str]:
    """Return the states of those of these jobs that exist, by job_id."""
    found: dict[int, str] = {}
    for begin in range(0, len(job_ids), AT_ONCE):
        some = job_ids[begin : begin + AT_ONCE]
        rows = transaction.rows(
            f"SELECT job_id, state FROM job_queue WHERE job_id IN ({placeholders(some)})", *some
        )
        found |= {row["job_id"]: row["state"] for row in rows}
    return found


def set_access(
    transaction: Transaction, job_ids: Sequence[int], readers: Sequence[str], writers: Sequence[str]
) -> None:
    """Set who may read and change jobs; the caller changes job_access too."""
    transaction.execute_pipelined(
        f"UPDATE job_queue SET read_access = %s, write_access = %s WHERE job_id IN ({placeholders(job_ids)})",
        comma_lists.join(readers),
        comma_lists.join(writers),
        *job_ids,
    )


def set_fetched(transaction: Transaction, job_ids: Sequence[int], name: str, now: int) -> None:
    """Store who has fetched all results of jobs, at ``now`` in seconds."""
    transaction.execute_pipelined(
        f"UPDATE job_queue SET fetched = %s, fetched_by = %s WHERE job_id IN ({placeholders(job_ids)})",
        now,
        name,
        *job_ids,
    )


def find_summary(transaction: Transaction, job_id: int) -> JobRow | None:
    """Return a job without its input and output, None if there is none with this number."""
    row = transaction.row(f"SELECT {SHORT} FROM job_queue WHERE job_id = %s", job_id)
    return job_in(row) if row else None


def with_lock(transaction: Transaction, job_id: int, ending: str = "") -> tuple[JobRow, Lock | None] | None:
    """Return a job and the lock on it, if any; None if there is no such job. ``ending`` is SQL."""
    row = transaction.row(
        f"SELECT {prefixed('job')}, job.input, job.output, {LOCK_COLUMNS} FROM job_queue AS job"
        f" LEFT JOIN running_locks AS held ON held.job_id = job.job_id WHERE job.job_id = %s{ending}",
        job_id,
    )
    return (job_in(row), lock_in(row)) if row else None


def lock_row(transaction: Transaction, job_id: int) -> tuple[JobRow, Lock | None] | None:
    """Return what `with_lock` returns, with the rows locked until the transaction ends."""
    return with_lock(transaction, job_id, transaction.for_update)


def locked(transaction: Transaction, job_id: int, session_id: int) -> tuple[JobRow, Lock] | None:
    """Return a job that a session has locked, and the lock; None if the session has not locked it."""
    row = transaction.row(
        f"SELECT {prefixed('job')}, job.input, job.output, {LOCK_COLUMNS} FROM running_locks AS held"
        " JOIN job_queue AS job ON job.job_id = held.job_id WHERE held.job_id = %s AND held.session_id = %s",
        job_id,
        session_id,
    )
    lock = lock_in(row) if row else None
    return (job_in(row), lock) if row and lock else None


def insert(transaction: Transaction, job: JobRow) -> int:
    """Insert a job and return its new job_id; the one in ``job`` is not used."""
    row = _row(job)
    return transaction.insert(f"{_insert_into(row)} ({placeholders(row)})", *row.values())


def insert_all(transaction: Transaction, new: Sequence[JobRow]) -> dict[str, int]:
    """Insert jobs, each with its own repository; return their new job_id by repository."""
    rows = [_row(job) for job in new]
    groups = ", ".join([f"({placeholders(rows[0])})"] * len(rows))
    stored = transaction.rows(
        f"{_insert_into(rows[0])} {groups} RETURNING job_id, repository",
        *(value for row in rows for value in row.values()),
    )
    return {row["repository"]: int(row["job_id"]) for row in stored}


def insert_numbered(transaction: Transaction, old: Sequence[JobRow]) -> None:
    """Insert jobs under the numbers that they have already."""
    for job in old:
        row = {"job_id": job.job_id} | _row(job)
        transaction.execute_pipelined(f"{_insert_into(row)} ({placeholders(row)})", *row.values())


def _insert_into(row: Mapping[str, Any]) -> str:
    return f"INSERT INTO job_queue ({', '.join(row)}) VALUES"


def _row(job: JobRow) -> dict[str, Any]:
    """Return the value of each column of a new job."""
    return {
        "state": job.state,
        "application": job.application,
        "owners": comma_lists.join(job.owners),
        "read_access": comma_lists.join(job.read_access),
        "write_access": comma_lists.join(job.write_access),
        "target_resources": comma_lists.join(job.target_resources),
        "input": job.input,
        "output": job.output,
        "job_specifics": job.job_specifics,
        "lock_state": job.lock_state,
        "state_time_stamp": job.state_time_stamp,
        "daemon_pulse": job.daemon_pulse,
        "priority": job.priority,
        "repository": job.repository,
        "licences": job.licences,
        "exit_code": job.end.exit_code,
        "exit_signal": job.end.exit_signal,
        "end_reason": job.end.reason,
        **vars(job.end.usage),
        "job_name": job.job_name,
        "labels": job.labels,
        "submitted": job.submitted,
        "started": job.started,
        "retries": job.retries,
        "array_id": job.array_id,
        "array_index": job.array_index,
        "user_priority": job.user_priority,
        "deadline": job.deadline,
        "urgent_group": job.urgent_group,
        "has_notifications": job.has_notifications,
    }


def prefixed(table: str, columns: str = SHORT) -> str:
    """Return columns with the name of a table before each."""
    return ", ".join(f"{table}.{column}" for column in columns.split(", "))
