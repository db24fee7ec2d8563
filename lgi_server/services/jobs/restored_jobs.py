"""Queued jobs of a restored database that daemons have: an exchange names each with its reference."""

from collections.abc import Mapping
from dataclasses import replace

from lgi_protocol.daemon_reference import with_reference
from lgi_protocol.states import State
from lgi_server.db.transaction import Transaction
from lgi_server.services.jobs import locking
from lgi_server.tables import restorations
from lgi_server.tables.job_queue.batches import LockedRow


def adopt(
    transaction: Transaction, rows: Mapping[int, LockedRow], references: Mapping[int, str]
) -> dict[int, LockedRow]:
    """Return locked rows, those of held jobs as if they had been queued again with these references.

    A number is given to one job only, also after a restore: who has a job of this number has this one.
    """
    adopted = dict(rows)
    for job_id, reference in references.items():
        job, lock = rows.get(job_id, (None, None))
        if job is not None and locking.is_held(lock) and job.state == State.QUEUED:
            specifics = with_reference(reference, job.job_specifics)
            restorations.free(transaction, job_id, specifics)
            adopted[job_id] = replace(job, job_specifics=specifics, lock_state=0), None
    return adopted
