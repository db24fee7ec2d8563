"""Resubmits: new jobs with all that users gave to jobs that have ended, and with their files."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from lgi_protocol import labels
from lgi_protocol.daemon_reference import without_reference
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.db.transaction import Transaction
from lgi_server.services.access.principals import UserPrincipal
from lgi_server.services.jobs import bulk_submission, element_tries, history, retries, updates
from lgi_server.services.jobs.bulk_submission import Outcome
from lgi_server.services.jobs.idempotency import IdempotencyKey
from lgi_server.services.jobs.submit_request import NO_PLAN, JobPayload, JobPlan, SubmitContext, SubmitRequest
from lgi_server.tables.job_queue.jobs import JobRow

# The label of a new job that has the number of the one it is made from.
SOURCE = "resubmitted_from"


def resubmit_all(
    context: SubmitContext, user: UserPrincipal, keys: Mapping[int, IdempotencyKey | None]
) -> list[Outcome]:
    """Submit jobs like those with these numbers, and return the stored job or the LGIError of each.

    One that is made from an element of an array takes its place there.
    """
    entries = [partial(_request, context.transaction, user, job_id, key) for job_id, key in keys.items()]
    outcomes = bulk_submission.submit_all_as_user(context, user, entries)
    # One that an earlier call has made has its place already, or its old job has none.
    made = {
        old: new for old, new in zip(keys, outcomes, strict=True) if isinstance(new, JobRow) and not new.ended
    }
    placed = element_tries.take_places(context.transaction, made, context.now)
    return [placed.get(old, new) for old, new in zip(keys, outcomes, strict=True)]


def _request(
    transaction: Transaction, user: UserPrincipal, job_id: int, key: IdempotencyKey | None
) -> SubmitRequest:
    """Return the submit of a job like another one; LGIError NO_JOB, READ_REFUSED, or STATE before its end."""
    job = updates.seen_by_user(transaction, user, job_id)
    if not job.ended:
        why = "Only a job that has ended can be submitted again"
        raise LGIError(ErrorNumber.STATE, f"job {job_id} is {job.state}", message=why)
    targets = history.first_targets(transaction, job)
    # Each urgent job is asked for by itself: this one is a usual one.
    plan = replace(retries.plan_of(transaction, job), priority=job.user_priority, deadline=job.deadline)
    return SubmitRequest(job.application, targets, partial(payload, job, user, plan), key)


def payload(job: JobRow, user: UserPrincipal, plan: JobPlan = NO_PLAN) -> JobPayload:
    """Return what a job was submitted with, and its files.

    Those whom its owner gave rights keep them in a job that the owner resubmits; in one of others they get
    none.
    """
    is_own = user.name in job.owners
    return JobPayload(
        read_access=job.read_access if is_own else (),
        write_access=job.write_access if is_own else (),
        uploads=(),
        job_specifics=without_reference(job.job_specifics),
        input=job.input,
        output=b"",
        job_name=job.job_name,
        labels=labels_of(job),
        source=job.repository,
        plan=plan,
    )


def labels_of(job: JobRow) -> str:
    """Return the labels for a job like this one: its own, and where it is from."""
    own = dict(text.split("=", 1) for text in labels.split_labels(job.labels))
    return labels.write_labels({**own, SOURCE: str(job.job_id)})
