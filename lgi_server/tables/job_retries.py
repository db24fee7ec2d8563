"""The tables job_retries and job_tries: when failed jobs are tried again, and how their tries have ended."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields

from lgi_protocol import job_usage
from lgi_protocol.job_usage import NO_USAGE, JobUsage
from lgi_server.db.transaction import Row, Transaction, placeholders


@dataclass(frozen=True)
class RetryPolicy:
    """A row of job_retries: after which ends a job is tried again, and after how many seconds first."""

    job_id: int
    retry_on: str
    backoff: int


@dataclass(frozen=True)
class Try:
    """A row of job_tries: a try that has failed, with the times in seconds and the end of its output."""

    job_id: int
    number: int
    started: int | None
    ended: int
    state: str
    exit_code: int | None
    exit_signal: int | None
    end_reason: str
    resource: str
    output: bytes
    usage: JobUsage = NO_USAGE

    @property
    def seconds(self) -> int | None:
        """How long it ran; None is not known."""
        return None if self.started is None else self.ended - self.started


_PLAIN = tuple(one.name for one in fields(Try) if one.name != "usage")
_COLUMNS = (*_PLAIN, *job_usage.FIELDS)
_NAMES = ", ".join(_COLUMNS)


def insert(transaction: Transaction, new: Sequence[RetryPolicy]) -> None:
    """Store policies of new jobs."""
    values = ", ".join(["(%s, %s, %s)"] * len(new))
    transaction.execute_pipelined(
        f"INSERT INTO job_retries (job_id, retry_on, backoff) VALUES {values}",
        *(value for one in new for value in astuple(one)),
    )


def find(transaction: Transaction, job_id: int) -> RetryPolicy | None:
    """Return the policy of a job, None if it has none."""
    row = transaction.row("SELECT job_id, retry_on, backoff FROM job_retries WHERE job_id = %s", job_id)
    return RetryPolicy(int(row["job_id"]), row["retry_on"], int(row["backoff"])) if row else None


def record(transaction: Transaction, ended: Try) -> None:
    """Store a try, in place of one of the same number."""
    plain = (getattr(ended, name) for name in _PLAIN)
    transaction.execute_pipelined(
        f"REPLACE INTO job_tries ({_NAMES}) VALUES ({placeholders(_COLUMNS)})",
        *plain,
        *astuple(ended.usage),
    )


def tries(transaction: Transaction, job_id: int) -> list[Try]:
    """Return the tries of a job that have failed and were followed by others, the first one first."""
    rows = transaction.rows(f"SELECT {_NAMES} FROM job_tries WHERE job_id = %s ORDER BY number", job_id)
    return [_try_in(row) for row in rows]


def _try_in(row: Row) -> Try:
    values = {name: row[name] for name in _PLAIN}
    usage = JobUsage(*[row[name] for name in job_usage.FIELDS])
    return Try(**values | {"output": bytes(row["output"]), "usage": usage})


def delete(transaction: Transaction, job_ids: Sequence[int]) -> None:
    """Delete the policies and the tries of jobs."""
    for table in ("job_retries", "job_tries"):
        transaction.execute_pipelined(
            f"DELETE FROM {table} WHERE job_id IN ({placeholders(job_ids)})", *job_ids
        )
