"""Access to jobs that exist: who else may read and change them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from lgi_protocol import comma_lists
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.db.transaction import Transaction
from lgi_server.services.access.principals import UserPrincipal
from lgi_server.services.jobs import event_log, history
from lgi_server.tables import job_access, job_arrays, known_names
from lgi_server.tables.job_queue import batches, jobs
from lgi_server.tables.job_queue.jobs import JobRow

Outcome = JobRow | LGIError


@dataclass(frozen=True)
class AccessChange:
    """Names that may read jobs from now on, that may change them too, and that may neither any more."""

    readers: tuple[str, ...] = ()
    writers: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The change in words, for the history."""
        parts = (
            ("shared for reading with", self.readers),
            ("shared for changes with", self.writers),
            ("no longer shared with", self.removed),
        )
        return "; ".join(f"{what} {comma_lists.join(names)}" for what, names in parts if names)

    def of(self, job: JobRow, fixed: tuple[str, ...]) -> JobRow:
        """Return a job with changed access; ``fixed`` names keep theirs. Who may change it may read it.

        Raises LGIError MODIFY_REFUSED, READ_ACCESS_TOO_BIG or WRITE_ACCESS_TOO_BIG.
        """
        if owned := set(self.removed).intersection(fixed):
            why = f"{min(owned)} owns the job or administers the project, and keeps the access to it"
            raise LGIError(ErrorNumber.MODIFY_REFUSED, f"job {job.job_id}", message=why)
        return replace(
            job,
            read_access=self._list(
                job.read_access, (*self.readers, *self.writers), ErrorNumber.READ_ACCESS_TOO_BIG
            ),
            write_access=self._list(job.write_access, self.writers, ErrorNumber.WRITE_ACCESS_TOO_BIG),
        )

    def _list(self, old: tuple[str, ...], more: tuple[str, ...], too_big: ErrorNumber) -> tuple[str, ...]:
        kept = (name for name in old if name not in self.removed)
        names = comma_lists.unique((*kept, *more))
        if len(comma_lists.join(names).encode()) >= jobs.LIST_SIZE:
            raise LGIError(too_big, "together with the names that have access")
        return names


@dataclass(frozen=True)
class Share:
    """The access of a user or group to a job; one that owns it too keeps it."""

    name: str
    may_change: bool
    is_owner: bool


def shares_of(job: JobRow, admin_group: str) -> list[Share]:
    """Return who has access to a job beside its user and the administrators."""
    fixed = {admin_group, *job.owners[:1]}
    return [
        Share(name, name in job.write_access, name in job.owners)
        for name in comma_lists.unique((*job.read_access, *job.write_access))
        if name not in fixed
    ]


def unknown_names(
    transaction: Transaction, user: UserPrincipal, change: AccessChange, admin_group: str
) -> tuple[str, ...]:
    """Return the names that get access and that no job, no rule and no group of the user has.

    They may be misspelt, or of somebody new: only certificates say who there is.
    """
    names = comma_lists.unique((*change.readers, *change.writers))
    others = [name for name in names if name not in {comma_lists.ANY, admin_group, *user.names}]
    known = known_names.known(transaction, others)
    return tuple(name for name in others if name not in known)


def share_by_user(
    transaction: Transaction,
    user: UserPrincipal,
    job_ids: Sequence[int],
    change: AccessChange,
    *,
    admin_group: str,
    now: int,
) -> list[Outcome]:
    """Change the access to jobs, and return each as it is then, or its LGIError.

    A job in any state can be shared, also while a session has locked it.
    """
    found = batches.lock(transaction, sorted(set(job_ids)))
    outcomes: dict[int, Outcome] = {}
    changed: list[tuple[JobRow, JobRow]] = []
    for job_id in dict.fromkeys(job_ids):
        old = found[job_id][0] if job_id in found else None
        try:
            new = _changed(user, old, job_id, change, admin_group)
        except LGIError as error:
            outcomes[job_id] = error
        else:
            outcomes[job_id] = new
            if old is not None and new != old:
                changed.append((old, new))
    _store(transaction, changed, f"user {user.name}", change.text, now)
    return [outcomes[job_id] for job_id in job_ids]


def _changed(
    user: UserPrincipal, job: JobRow | None, job_id: int, change: AccessChange, admin_group: str
) -> JobRow:
    if job is None:
        raise LGIError(ErrorNumber.NO_JOB, f"job {job_id}")
    if not comma_lists.contains_any(job.write_access, user.names):
        raise LGIError(ErrorNumber.MODIFY_REFUSED, f"job {job_id}")
    return change.of(job, (admin_group, *job.owners))


def _store(
    transaction: Transaction, changed: Sequence[tuple[JobRow, JobRow]], by: str, text: str, now: int
) -> None:
    if not changed:
        return
    for old, new in changed:
        history.record_event(transaction, old, by, text, now)
        transaction.on_commit(partial(event_log.log_shared, new, by, text))
    by_lists: dict[tuple[tuple[str, ...], tuple[str, ...]], list[int]] = {}
    for _old, new in changed:
        by_lists.setdefault((new.read_access, new.write_access), []).append(new.job_id)
    for (readers, writers), job_ids in by_lists.items():
        jobs.set_access(transaction, job_ids, readers, writers)
    job_access.replace_readers(transaction, [new for _old, new in changed])
    for array_id in {new.array_id for _old, new in changed if new.array_id is not None}:
        _share_array(transaction, array_id)


def _share_array(transaction: Transaction, array_id: int) -> None:
    """Let those see an array in lists who may read all its elements."""
    array = job_arrays.lock(transaction, array_id)
    if array is not None:
        readers = job_arrays.readers_of_all(transaction, array_id)
        if set(readers) != set(array.read_access):
            job_arrays.set_readers(transaction, array_id, readers)
