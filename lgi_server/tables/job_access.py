"""The table job_access: a row for each owner, reader and target of a job, with the columns to search by.

Lists are read by reader, state and time, limits by owner and state, targets by name only. Columns that no
query uses for a role are 0 or empty, so that a change of a job's state updates as few index entries as
possible.
"""

from collections.abc import Sequence
from itertools import chain

from lgi_protocol.states import State
from lgi_server.db.transaction import Transaction, placeholders
from lgi_server.tables import licence_wishes
from lgi_server.tables.job_queue.jobs import JobRow

Names = list[tuple[str, str]]
# SQLite takes 32,766 values in one statement.
_AT_ONCE = 4000
_COLUMNS = "role, name, state_time_stamp, job_id, state, application, ended"
_NOT_RUNNING = (State.QUEUED, State.FINISHED, State.ABORTED)
_VALUES = placeholders(_COLUMNS.split(","))


def insert_all(transaction: Transaction, new: Sequence[JobRow]) -> None:
    """Add the rows of new jobs with as few statements as the databases allow."""
    rows = [row for job in new for row in _rows(_names(job), job.job_id, job)]
    for begin in range(0, len(rows), _AT_ONCE):
        _insert(transaction, rows[begin : begin + _AT_ONCE])


def _names(job: JobRow) -> Names:
    names = [("owner", name) for name in job.owners]
    names += [("read", name) for name in job.read_access]
    names += [("target", name) for name in job.target_resources]
    if job.licences:
        names.append((licence_wishes.ROLE, licence_wishes.NAME))
    return names


def _rows(names: Names, job_id: int, job: JobRow) -> list[tuple[str | int, ...]]:
    return [
        (
            role,
            name,
            job.state_time_stamp if role == "read" else 0,
            job_id,
            "" if role == "target" else job.state,
            job.application,
            job.ended if role == "read" else "",
        )
        for role, name in names
    ]


def _insert(transaction: Transaction, rows: Sequence[tuple[str | int, ...]]) -> None:
    values = ", ".join([f"({_VALUES})"] * len(rows))
    transaction.execute_pipelined(
        f"INSERT INTO job_access ({_COLUMNS}) VALUES {values}", *chain.from_iterable(rows)
    )


def set_targets(transaction: Transaction, job: JobRow) -> None:
    """Replace the target rows of a job by its present targets."""
    transaction.execute_pipelined("DELETE FROM job_access WHERE job_id = %s AND role = 'target'", job.job_id)
    _insert(transaction, _rows([("target", name) for name in job.target_resources], job.job_id, job))


def runs_for(transaction: Transaction, resource: str, owners: Sequence[str]) -> bool:
    """Return whether a job of one of these owners runs on a resource; a state of a site's own counts."""
    if not owners:
        return False
    still = placeholders(_NOT_RUNNING)
    row = transaction.row(
        "SELECT 1 FROM job_access AS owned JOIN job_access AS placed ON placed.job_id = owned.job_id"
        " AND placed.role = 'target' AND placed.name = %s WHERE owned.role = 'owner'"
        f" AND owned.name IN ({placeholders(owners)}) AND owned.state NOT IN ({still}) LIMIT 1",
        resource,
        *owners,
        *_NOT_RUNNING,
    )
    return row is not None
