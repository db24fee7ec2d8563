"""Storage of new jobs: their repositories, their rows, and the requests that have created them."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from lgi_server.services.jobs import (
    array_limits,
    array_submission,
    dependencies,
    event_log,
    exclusions,
    predecessors,
    retries,
)
from lgi_server.services.jobs.array_submission import ArraySubmit
from lgi_server.services.jobs.submit_request import NO_PLAN, PreparedJob, SubmitContext
from lgi_server.services.notifications import requests
from lgi_server.tables import job_access, job_holds, licence_wishes, submit_requests
from lgi_server.tables.job_queue import jobs
from lgi_server.tables.job_queue.jobs import JobRow
from lgi_server.tables.submit_requests import StoredRequest


def store_one(context: SubmitContext, prepared: PreparedJob) -> JobRow:
    """Create the repository of a job and store the job; a rollback removes the repository again.

    The repository is created first, so that no job is ever seen without its files.
    """
    store, job = context.store, prepared.job
    name = store.new_name()
    context.transaction.on_rollback(partial(store.remove, name))
    store.create(name, prepared.repository)
    job = replace(job, repository=name)
    made = replace(job, job_id=jobs.insert(context.transaction, job))
    return _store_related(context, [prepared], [made])[0]


def store_all(
    context: SubmitContext, prepared: Sequence[PreparedJob], array: ArraySubmit | None = None
) -> list[JobRow]:
    """Store jobs as `store_one` does, with the same number of statements as for one.

    Raises LGIError SUBMIT_REFUSED unless they can be elements of the ``array``, if there is one.
    """
    if not prepared:
        return []
    predecessors.check_all(prepared)
    before = array_submission.known(context, array, prepared) if array else None
    names = context.store.create_all([one.repository for one in prepared])
    for name in names:
        context.transaction.on_rollback(partial(context.store.remove, name))
    new = [replace(one.job, repository=name) for one, name in zip(prepared, names, strict=True)]
    if array and array.at_most:
        free = array_limits.free_slots(context.transaction, before.array_id if before else 0, array.at_most)
        new = array_limits.held(new, free, context.now)
    numbers = jobs.insert_all(context.transaction, new)
    made = [replace(job, job_id=numbers[job.repository]) for job in new]
    if array:
        made = array_submission.join(context, array, before, made)
        if before is None and made[0].array_id is not None:
            requests.store_of_array(context.transaction, made[0].array_id, prepared[0].plan, made[0])
    return _store_related(context, prepared, made)


def _store_related(
    context: SubmitContext, prepared: Sequence[PreparedJob], made: Sequence[JobRow]
) -> list[JobRow]:
    """Store what belongs to new jobs in other tables; return them as they are then, and log them later."""
    _store_requests(context, prepared, made)
    new = {(one.job.application, one.job.licences) for one in prepared if one.has_new_licences}
    for application, licences in sorted(new):
        licence_wishes.add(context.transaction, application, licences)
    for job in made:
        context.transaction.on_commit(partial(event_log.log_submitted, job))
    job_access.insert_all(context.transaction, made)
    holds = [replace(hold, job_id=job.job_id) for job in made for hold in job.holds]
    if holds:
        job_holds.insert(context.transaction, holds)
    context.transaction.news.extend(made)
    plans = {job.job_id: one.plan for one, job in zip(prepared, made, strict=True) if one.plan != NO_PLAN}
    if plans:
        retries.store(context.transaction, list(plans.items()))
        exclusions.store(context.transaction, made, plans)
        requests.store(context.transaction, plans, made)
    changed = dependencies.store(context.transaction, plans, context.now) if plans else {}
    return [changed.get(job.job_id, job) for job in made]


def _store_requests(context: SubmitContext, prepared: Sequence[PreparedJob], made: Sequence[JobRow]) -> None:
    """Store the requests that have a key, ordered by request_id, so that two calls cannot deadlock."""
    pairs = zip(prepared, made, strict=True)
    keys = [(one.key, one.fingerprint, job.job_id) for one, job in pairs if one.key]
    if keys:
        requests = [StoredRequest(key.request_id, fingerprint, job_id) for key, fingerprint, job_id in keys]
        ordered = sorted(requests, key=lambda one: one.request_id)
        submit_requests.insert(context.transaction, keys[0][0].caller, ordered, context.now)
