"""The tables job_arrays and array_access: jobs that were submitted together, and who may read them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lgi_protocol import comma_lists
from lgi_server.db.transaction import Row, Transaction, placeholders

# Elements of one array.
MOST_ELEMENTS = 100_000
# Arrays without elements that are removed at once.
_AT_ONCE = 500
_COLUMNS = (
    "array_id, caller, request_id, application, owners, read_access, job_name, size, at_most, submitted"
)
# Arrays whose first owner, the user who has submitted them, is the one of `_own`.
_OWN = (
    " AND EXISTS (SELECT 1 FROM job_arrays AS made WHERE made.array_id = array_access.array_id"
    " AND (made.owners = %s OR (made.owners > %s AND made.owners < %s)))"
)


@dataclass(frozen=True)
class ArrayRow:
    """An array: ``size`` elements were announced, of which ``at_most`` run at once (0: any number).

    ``array_id`` is the number of the first element; ``caller`` and ``request_id`` identify its submit.
    """

    array_id: int
    caller: str
    request_id: str
    application: str
    owners: tuple[str, ...]
    read_access: tuple[str, ...]
    job_name: str
    size: int
    at_most: int
    submitted: int


def insert(transaction: Transaction, new: ArrayRow) -> None:
    """Store an array; UniqueViolationError when another transaction has just stored that of its request."""
    values = {
        **vars(new),
        "owners": comma_lists.join(new.owners),
        "read_access": comma_lists.join(new.read_access),
    }
    columns = _COLUMNS.split(", ")
    transaction.run(
        f"INSERT INTO job_arrays ({_COLUMNS}) VALUES ({placeholders(columns)})",
        *(values[column] for column in columns),
    )
    _insert_readers(transaction, new.array_id, new.read_access)


def _insert_readers(transaction: Transaction, array_id: int, readers: Sequence[str]) -> None:
    marks = ", ".join(["(%s, %s)"] * len(readers))
    transaction.execute_pipelined(
        f"INSERT INTO array_access (name, array_id) VALUES {marks}",
        *(value for name in readers for value in (name, array_id)),
    )


def set_readers(transaction: Transaction, array_id: int, readers: Sequence[str]) -> None:
    """Set who sees an array in lists."""
    transaction.run(
        "UPDATE job_arrays SET read_access = %s WHERE array_id = %s", comma_lists.join(readers), array_id
    )
    transaction.run("DELETE FROM array_access WHERE array_id = %s", array_id)
    _insert_readers(transaction, array_id, readers)


def readers_of_all(transaction: Transaction, array_id: int) -> list[str]:
    """Return who may read all elements of an array."""
    first = transaction.row(
        "SELECT read_access FROM job_queue WHERE array_id = %s ORDER BY job_id LIMIT 1", array_id
    )
    names = comma_lists.split(first["read_access"]) if first else ()
    return [name for name in names if not _is_hidden(transaction, array_id, name)]


def _is_hidden(transaction: Transaction, array_id: int, name: str) -> bool:
    """Return whether somebody may not read an element of an array."""
    row = transaction.row(
        "SELECT 1 FROM job_queue AS job WHERE job.array_id = %s AND NOT EXISTS"
        " (SELECT 1 FROM job_access AS part WHERE part.job_id = job.job_id AND part.role = 'part'"
        " AND part.name = %s) LIMIT 1",
        array_id,
        name,
    )
    return row is not None


def of_request(transaction: Transaction, caller: str, request_id: str) -> ArrayRow | None:
    """Return the array that a submit has made before, if it has, with the row locked."""
    row = transaction.row(
        f"SELECT {_COLUMNS} FROM job_arrays WHERE caller = %s AND request_id = %s{transaction.for_update}",
        caller,
        request_id,
    )
    return _array_in(row) if row else None


def lock(transaction: Transaction, array_id: int) -> ArrayRow | None:
    """Return what `find` returns, with the row locked until the transaction ends."""
    return next(iter(lock_all(transaction, [array_id])), None)


def lock_all(transaction: Transaction, array_ids: Sequence[int]) -> list[ArrayRow]:
    """Return those of these arrays that exist, with their rows locked until the transaction ends."""
    return _locked(transaction, array_ids, "", len(array_ids))


def lock_limited(transaction: Transaction, array_ids: Sequence[int], most: int = 1) -> list[ArrayRow]:
    """Return those of these arrays that have a limit, at most so many, with their rows locked."""
    return _locked(transaction, array_ids, " AND at_most > 0", most)


def _locked(transaction: Transaction, array_ids: Sequence[int], more: str, most: int) -> list[ArrayRow]:
    rows = transaction.rows(
        f"SELECT {_COLUMNS} FROM job_arrays WHERE array_id IN ({placeholders(array_ids)}){more}"
        f" ORDER BY array_id LIMIT %s{transaction.for_update}",
        *array_ids,
        most,
    )
    return [_array_in(row) for row in rows]


def limited(transaction: Transaction) -> list[int]:
    """Return the arrays that have elements which are held by a limit."""
    rows = transaction.rows(
        "SELECT array_id FROM job_arrays AS made WHERE at_most > 0 AND EXISTS (SELECT 1 FROM job_queue AS job"
        " JOIN job_holds AS held ON held.job_id = job.job_id AND held.reason = 'array'"
        " WHERE job.array_id = made.array_id AND job.element_state = 'queued')"
    )
    return [row["array_id"] for row in rows]


def find(transaction: Transaction, array_id: int) -> ArrayRow | None:
    """Return an array, None if there is none with this number."""
    row = transaction.row(f"SELECT {_COLUMNS} FROM job_arrays WHERE array_id = %s", array_id)
    return _array_in(row) if row else None


def reader_of(transaction: Transaction, array_id: int, names: Iterable[str]) -> str | None:
    """Return one of these names, or ``any``, that may read an array; None if there is none."""
    every = comma_lists.unique((*names, comma_lists.ANY))
    row = transaction.row(
        f"SELECT name FROM array_access WHERE array_id = %s AND name IN ({placeholders(every)}) LIMIT 1",
        array_id,
        *every,
    )
    return str(row["name"]) if row else None


def newest(
    transaction: Transaction, names: Iterable[str], limit: int, before: int = 0, *, owner: str = ""
) -> list[ArrayRow]:
    """Return the arrays that one of these names may read, the newest first, or those before a number.

    Each name is one range of an index, of which ``limit`` rows are read. With an ``owner``, who may read
    them, they are those that this user has submitted: of the arrays of others all newer ones are passed over.
    """
    parts, parameters = [], list[str | int]()
    for number, name in enumerate((owner,) if owner else comma_lists.unique((*names, comma_lists.ANY))):
        older = " AND array_id < %s" if before else ""
        parts.append(
            f"SELECT * FROM (SELECT array_id FROM array_access WHERE name = %s{older}{_OWN if owner else ''}"
            f" ORDER BY array_id DESC LIMIT %s) AS reader{number}"
        )
        parameters += [name, *([before] if before else []), *(_own(owner) if owner else ()), limit]
    numbers = transaction.rows(f"{' UNION '.join(parts)} ORDER BY array_id DESC LIMIT %s", *parameters, limit)
    array_ids = [row["array_id"] for row in numbers]
    if not array_ids:
        return []
    rows = transaction.rows(
        f"SELECT {_COLUMNS} FROM job_arrays WHERE array_id IN ({placeholders(array_ids)})"
        " ORDER BY array_id DESC",
        *array_ids,
    )
    return [_array_in(row) for row in rows]


def _own(owner: str) -> tuple[str, ...]:
    """Return the parameters of `_OWN`: lists that begin with an owner come between "a," and "a-"."""
    return owner, f"{owner},", f"{owner}-"


def progress(transaction: Transaction, array_ids: Sequence[int]) -> Mapping[int, Mapping[str, int]]:
    """Return the number of elements of arrays by element_state, which is ``failed`` for those that failed.

    The rows of an index are counted, one for each element.
    """
    found: dict[int, dict[str, int]] = {array_id: {} for array_id in array_ids}
    if array_ids:
        rows = transaction.rows(
            "SELECT array_id, element_state, COUNT(*) AS n FROM job_queue"
            f" WHERE array_id IN ({placeholders(array_ids)}) GROUP BY array_id, element_state",
            *array_ids,
        )
        for row in rows:
            found[row["array_id"]][row["element_state"]] = int(row["n"])
    return found


def remove_empty(transaction: Transaction) -> int:
    """Remove some arrays whose elements are all deleted; return how many."""
    rows = transaction.rows(
        "SELECT array_id FROM job_arrays AS made WHERE NOT EXISTS"
        " (SELECT 1 FROM job_queue AS job WHERE job.array_id = made.array_id) LIMIT %s",
        _AT_ONCE,
    )
    array_ids = [row["array_id"] for row in rows]
    if array_ids:
        for table in ("job_arrays", "array_access"):
            transaction.run(f"DELETE FROM {table} WHERE array_id IN ({placeholders(array_ids)})", *array_ids)
    return len(array_ids)


def _array_in(row: Row) -> ArrayRow:
    values = {column: row[column] for column in _COLUMNS.split(", ")}
    for name in ("owners", "read_access"):
        values[name] = comma_lists.split(values[name])
    return ArrayRow(**values)
