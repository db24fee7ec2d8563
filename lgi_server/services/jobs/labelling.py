"""Labels of jobs that exist: which are added, and which are removed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from lgi_protocol import comma_lists, labels
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.db.transaction import Transaction
from lgi_server.services.access.principals import UserPrincipal
from lgi_server.services.jobs import history
from lgi_server.tables import job_access
from lgi_server.tables.job_queue import batches, label_texts
from lgi_server.tables.job_queue.jobs import JobRow

Outcome = JobRow | LGIError


@dataclass(frozen=True)
class LabelChange:
    """Labels that jobs get, each in the place of one with its key, and keys of labels that they lose."""

    added: Mapping[str, str] = field(default_factory=dict)
    removed: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The change in words, for the history."""
        parts = (
            ("labelled", [f"{key}={value}" for key, value in self.added.items()]),
            ("no longer labelled", self.removed),
        )
        return "; ".join(f"{what} {comma_lists.join(names)}" for what, names in parts if names)

    def of(self, job: JobRow) -> JobRow:
        """Return a job with the changed labels; LGIError SUBMIT_REFUSED for too many."""
        old = dict(label.split("=", 1) for label in labels.split_labels(job.labels))
        new = {key: value for key, value in {**old, **self.added}.items() if key not in self.removed}
        if len(new) > labels.MOST_LABELS:
            why = f"A job cannot have {len(new)} labels, at most {labels.MOST_LABELS} are allowed"
            raise LGIError(ErrorNumber.SUBMIT_REFUSED, f"job {job.job_id}", message=why)
        return replace(job, labels=labels.write_labels(new))


def label_by_user(
    transaction: Transaction, user: UserPrincipal, job_ids: Sequence[int], change: LabelChange, now: int
) -> list[Outcome]:
    """Change the labels of jobs in any state, and return each as it is then, or its LGIError."""
    found = batches.lock(transaction, sorted(set(job_ids)))
    outcomes: dict[int, Outcome] = {}
    changed: list[tuple[JobRow, JobRow]] = []
    for job_id in dict.fromkeys(job_ids):
        old = found[job_id][0] if job_id in found else None
        try:
            new = _changed(user, old, job_id, change)
        except LGIError as error:
            outcomes[job_id] = error
        else:
            outcomes[job_id] = new
            if old is not None and new != old:
                changed.append((old, new))
    for old, new in changed:
        history.record_event(transaction, old, f"user {user.name}", change.text, now)
        label_texts.set_labels(transaction, new.job_id, new.labels)
    if changed:
        job_access.replace_readers(transaction, [new for _old, new in changed])
    return [outcomes[job_id] for job_id in job_ids]


def _changed(user: UserPrincipal, job: JobRow | None, job_id: int, change: LabelChange) -> JobRow:
    if job is None:
        raise LGIError(ErrorNumber.NO_JOB, f"job {job_id}")
    if not comma_lists.contains_any(job.write_access, user.names):
        raise LGIError(ErrorNumber.MODIFY_REFUSED, f"job {job_id}")
    return change.of(job)
