"""The table job_access: a row for each owner, reader and target of a job, with the columns to search by.

Lists are read by reader, state and time, limits by owner and state, targets by name only. Lists by name
or label are read as those by reader are: such a row is of one reader and one name or label of the job.
Columns that no query uses for a role are 0 or empty, so that a change of a job's state updates as few index
entries as possible.
"""

import hashlib
from collections.abc import Mapping, Sequence
from itertools import chain

from lgi_protocol import labels
from lgi_protocol.states import State
from lgi_server.db.transaction import Transaction, placeholders
from lgi_server.tables import job_exclusions, licence_wishes, urgent_jobs
from lgi_server.tables.job_queue.jobs import JobRow

Names = list[tuple[str, str]]
# SQLite takes 32,766 values in one statement.
_AT_ONCE = 4000
_COLUMNS = "role, name, state_time_stamp, job_id, state, application, ended"
_NOT_RUNNING = (State.QUEUED, State.FINISHED, State.ABORTED)
_VALUES = placeholders(_COLUMNS.split(","))
# The roles of readers: of elements of arrays, and of other jobs; that of the rows of names and labels.
PART, READ, LABEL = "part", "read", "label"
# The roles of the rows from which lists are read.
_LISTED = frozenset({READ, PART, LABEL})
_LISTED_SQL = ", ".join(f"'{role}'" for role in sorted(_LISTED))
# The roles of rows by whose state nothing is found.
_STATELESS = ("target", *job_exclusions.ROLES)
_STATELESS_SQL = ", ".join(f"'{role}'" for role in _STATELESS)
# Hexadecimal digits of the digest of a reader and a label.
_DIGITS = 32


def label_key(reader: str, term: str) -> str:
    """Return the name of the row for the jobs of a reader with a label ``key=value``, or a name ``=name``."""
    return hashlib.sha256(f"{reader}\n{term}".encode()).hexdigest()[:_DIGITS]


def _terms(job: JobRow) -> list[str]:
    return [*labels.split_labels(job.labels), *([f"{labels.NAME}{job.job_name}"] if job.job_name else [])]


def insert_all(transaction: Transaction, new: Sequence[JobRow]) -> None:
    """Add the rows of new jobs with as few statements as the databases allow."""
    rows = [row for job in new for row in _rows(_names(job), job.job_id, job)]
    for begin in range(0, len(rows), _AT_ONCE):
        _insert(transaction, rows[begin : begin + _AT_ONCE])


def _names(job: JobRow) -> Names:
    names = [("owner", name) for name in job.owners]
    reader = READ if job.array_index is None else PART
    names += [(reader, name) for name in job.read_access]
    names += [("target", name) for name in job.target_resources]
    names += [(LABEL, label_key(name, term)) for name in job.read_access for term in _terms(job)]
    if job.licences:
        names.append((licence_wishes.ROLE, licence_wishes.NAME))
    if job.urgent_group:
        names += urgent_jobs.names(job)
    return names


def _rows(names: Names, job_id: int, job: JobRow) -> list[tuple[str | int, ...]]:
    return [
        (
            role,
            name,
            job.state_time_stamp if role in _LISTED else 0,
            job_id,
            "" if role == "target" else job.state,
            job.application,
            job.ended if role in _LISTED else "",
        )
        for role, name in names
    ]


def _insert(transaction: Transaction, rows: Sequence[tuple[str | int, ...]]) -> None:
    values = ", ".join([f"({_VALUES})"] * len(rows))
    transaction.execute_pipelined(
        f"INSERT INTO job_access ({_COLUMNS}) VALUES {values}", *chain.from_iterable(rows)
    )


# What a change of a job sets in its rows, by column: only what queries use for a role. Roles never change.
_SETTINGS = {
    "state": f"CASE WHEN role IN ({_STATELESS_SQL}) THEN '' ELSE {{}} END",
    "state_time_stamp": f"CASE WHEN role IN ({_LISTED_SQL}) THEN {{}}"
    f" WHEN role = '{job_exclusions.FAILED}' THEN state_time_stamp ELSE 0 END",
    "ended": f"CASE WHEN role IN ({_LISTED_SQL}) THEN {{}} ELSE '' END",
    "name": "CASE role WHEN 'target' THEN {} ELSE name END",
}


def change(transaction: Transaction, changes: Sequence[tuple[JobRow, JobRow]]) -> None:
    """Change the rows of jobs from what each was to what it is, with the same statements for any number."""
    job_ids = [new.job_id for _, new in changes]
    values: dict[str, dict[int, object]] = {
        "state": {new.job_id: new.state for _, new in changes},
        "state_time_stamp": {new.job_id: new.state_time_stamp for _, new in changes},
        "ended": {new.job_id: new.ended for _, new in changes},
        "name": {new.job_id: new.target_resources[0] for old, new in changes if _is_one_other(old, new)},
    }
    parts, parameters = [], list[object]()
    for column, setting in _SETTINGS.items():
        if values[column]:
            value, some = by_job(values[column], job_ids, default=column)
            parts.append(f"{column} = {setting.format(value)}")
            parameters += some
    sql = f"UPDATE job_access SET {', '.join(parts)} WHERE job_id IN ({placeholders(job_ids)})"
    transaction.execute_pipelined(sql, *parameters, *job_ids)
    others = [(old, new) for old, new in changes if old.target_resources != new.target_resources]
    _set_targets(transaction, [new for old, new in others if not _is_one_other(old, new)])


def by_job(values: Mapping[int, object], job_ids: Sequence[int], *, default: str) -> tuple[str, list[object]]:
    """Return the SQL of a value that depends on job_id, and its parameters; ``default`` for other jobs."""
    different = list(values.values())
    if len(values) == len(job_ids) and all(value == different[0] for value in different):
        return "%s", different[:1]
    cases = " ".join(["WHEN %s THEN %s"] * len(values))
    return f"CASE job_id {cases} ELSE {default} END", [part for pair in values.items() for part in pair]


def _is_one_other(old: JobRow, new: JobRow) -> bool:
    """Return whether one target becomes one other.

    That is the usual case: a daemon that takes a job replaces its target by its own resource.
    """
    is_one = len(old.target_resources) == len(new.target_resources) == 1
    return is_one and old.target_resources != new.target_resources


def _set_targets(transaction: Transaction, jobs: Sequence[JobRow]) -> None:
    """Replace the target rows of jobs by their present targets."""
    if not jobs:
        return
    job_ids = [job.job_id for job in jobs]
    transaction.execute_pipelined(
        f"DELETE FROM job_access WHERE job_id IN ({placeholders(job_ids)}) AND role = 'target'", *job_ids
    )
    targets = [(job, [("target", name) for name in job.target_resources]) for job in jobs]
    rows = [row for job, names in targets for row in _rows(names, job.job_id, job)]
    for begin in range(0, len(rows), _AT_ONCE):
        _insert(transaction, rows[begin : begin + _AT_ONCE])


def replace_readers(transaction: Transaction, changed: Sequence[JobRow]) -> None:
    """Replace the rows from which lists are read by those of the present readers of jobs.

    A job whose place in an array another one has taken is still none of those listed beside arrays.
    """
    job_ids = [job.job_id for job in changed]
    found = transaction.rows(
        f"SELECT DISTINCT job_id FROM job_access WHERE job_id IN ({placeholders(job_ids)}) AND role = %s",
        *job_ids,
        PART,
    )
    parts = {row["job_id"] for row in found}
    transaction.execute_pipelined(
        f"DELETE FROM job_access WHERE job_id IN ({placeholders(job_ids)}) AND role IN ({_LISTED_SQL})",
        *job_ids,
    )
    rows = [row for job in changed for row in _rows(_listed_names(job, job.job_id in parts), job.job_id, job)]
    for begin in range(0, len(rows), _AT_ONCE):
        _insert(transaction, rows[begin : begin + _AT_ONCE])


def _listed_names(job: JobRow, is_part: bool) -> Names:
    listed = [(role, name) for role, name in _names(job) if role in _LISTED]
    return [(PART if is_part and role == READ else role, name) for role, name in listed]


def make_parts(transaction: Transaction, job_ids: Sequence[int]) -> None:
    """Make the rows of the readers of jobs those of readers of elements."""
    transaction.execute_pipelined(
        f"UPDATE job_access SET role = '{PART}'"
        f" WHERE job_id IN ({placeholders(job_ids)}) AND role = '{READ}'",
        *job_ids,
    )


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
