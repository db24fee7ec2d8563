"""Storing new jobs: their repositories, their rows, and what is remembered of their submits."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from lgi_server.services.jobs import event_log
from lgi_server.services.jobs.submit_request import PreparedJob, SubmitContext
from lgi_server.storage.base import NewRepository
from lgi_server.tables import job_access, licence_wishes, submit_requests
from lgi_server.tables.job_queue import jobs
from lgi_server.tables.job_queue.jobs import JobRow
from lgi_server.tables.submit_requests import StoredRequest


def store_one(context: SubmitContext, prepared: PreparedJob) -> JobRow:
    """Store a job and its repository; when the transaction does not last the repository goes again.

    The repository comes first, so that no job is ever seen without its files.
    """
    store, job = context.store, prepared.job
    name = store.new_name()
    context.transaction.on_rollback(partial(store.remove, name))
    store.create(name, job.write_access, prepared.uploads)
    job = replace(job, repository=name)
    made = replace(job, job_id=jobs.insert(context.transaction, job))
    _note(context, [prepared], [made])
    return made


def store_all(context: SubmitContext, prepared: Sequence[PreparedJob]) -> list[JobRow]:
    """Store jobs as `store_one` does, with as many statements for all of them as for one."""
    if not prepared:
        return []
    wanted = [NewRepository(one.job.write_access, one.uploads) for one in prepared]
    names = context.store.create_all(wanted)
    for name in names:
        context.transaction.on_rollback(partial(context.store.remove, name))
    new = [replace(one.job, repository=name) for one, name in zip(prepared, names, strict=True)]
    numbers = jobs.insert_all(context.transaction, new)
    made = [replace(job, job_id=numbers[job.repository]) for job in new]
    _note(context, prepared, made)
    return made


def _note(context: SubmitContext, prepared: Sequence[PreparedJob], made: Sequence[JobRow]) -> None:
    """Note what belongs to stored jobs in other tables, and in the log once the transaction has lasted."""
    _remember(context, prepared, made)
    wishes = {(one.job.application, one.job.licences) for one in prepared if one.is_new_wish}
    for application, wished in sorted(wishes):
        licence_wishes.wish(context.transaction, application, wished)
    for job in made:
        context.transaction.on_commit(partial(event_log.log_submitted, job))
    job_access.insert_all(context.transaction, made)


def _remember(context: SubmitContext, prepared: Sequence[PreparedJob], made: Sequence[JobRow]) -> None:
    """Remember the submits that have a key, in the order of their ids.

    Two calls with the same ones then wait for each other in one direction.
    """
    pairs = zip(prepared, made, strict=True)
    keys = [(one.key, one.fingerprint, job.job_id) for one, job in pairs if one.key]
    if keys:
        requests = [StoredRequest(key.request_id, fingerprint, job_id) for key, fingerprint, job_id in keys]
        ordered = sorted(requests, key=lambda one: one.request_id)
        submit_requests.insert(context.transaction, keys[0][0].caller, ordered, context.now)
