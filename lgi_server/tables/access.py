"""job_access: owners, readers and targets of the jobs, one name a row, and beside it what is asked by it.

Lists go by reader, state and time; limits by owner and state; targets are only looked for. What nobody asks
for is 0 or empty, so that a job's changes of state touch as few index entries as they can.
"""

from collections.abc import Sequence

from lgi_server.database import Transaction
from lgi_server.tables.jobs import Job

_COLUMNS = "role, name, state_time_stamp, job_id, state, application"


def insert(transaction: Transaction, job_id: int, job: Job) -> None:
    """Add the names of a new job in one statement."""
    names = [("owner", name) for name in job.owners]
    names += [("read", name) for name in job.read_access]
    names += [("target", name) for name in job.target_resources]
    _insert(transaction, names, job_id, job)


def _insert(transaction: Transaction, names: Sequence[tuple[str, str]], job_id: int, job: Job) -> None:
    values = ", ".join(["(%s, %s, %s, %s, %s, %s)"] * len(names))
    transaction.later(
        f"INSERT INTO job_access ({_COLUMNS}) VALUES {values}",
        *(
            value
            for role, name in names
            for value in (
                role,
                name,
                job.state_time_stamp if role == "read" else 0,
                job_id,
                "" if role == "target" else job.state,
                job.application,
            )
        ),
    )


def change(transaction: Transaction, old: Job, new: Job) -> None:
    """Follow a change of a job's state and targets."""
    if old.target_resources == new.target_resources:
        set_state(transaction, new)
    elif len(old.target_resources) == len(new.target_resources) == 1:
        # What every daemon does when it takes a job: any becomes its own name.
        transaction.later(
            "UPDATE job_access SET state = CASE role WHEN 'target' THEN '' ELSE %s END,"
            " state_time_stamp = CASE role WHEN 'read' THEN %s ELSE 0 END,"
            " name = CASE role WHEN 'target' THEN %s ELSE name END WHERE job_id = %s",
            new.state,
            new.state_time_stamp,
            new.target_resources[0],
            new.job_id,
        )
    else:
        transaction.later("DELETE FROM job_access WHERE job_id = %s AND role = 'target'", new.job_id)
        set_state(transaction, new)
        _insert(transaction, [("target", name) for name in new.target_resources], new.job_id, new)


def set_state(transaction: Transaction, job: Job) -> None:
    """Follow a change of a job's state."""
    transaction.later(
        "UPDATE job_access SET state = %s, state_time_stamp = CASE role WHEN 'read' THEN %s ELSE 0 END"
        " WHERE job_id = %s AND role <> 'target'",
        job.state,
        job.state_time_stamp,
        job.job_id,
    )


def delete(transaction: Transaction, job_id: int) -> None:
    """Remove the names of a job."""
    transaction.later("DELETE FROM job_access WHERE job_id = %s", job_id)
