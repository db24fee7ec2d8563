"""The calls by which users submit jobs (wire.md 7)."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from lgi_protocol import labels
from lgi_protocol.xml import Element
from lgi_server.api import fields, list_filters, plan_fields
from lgi_server.api.context import InterfaceContext
from lgi_server.api.form import Form
from lgi_server.api.responses import Elements
from lgi_server.services.jobs import bulk_submission, resubmission, submission
from lgi_server.services.jobs.idempotency import IdempotencyKey
from lgi_server.services.jobs.submit_request import NO_PLAN, JobPayload, SubmitRequest
from lgi_server.storage.repository import Upload

# What a submit can plan here: clients that want it ask first, since older servers read over the fields.
_PLANS = (Element("plans_hold", 1), Element("plans_after", 1), Element("plans_retries", 1))


def interface_submit_job(call: InterfaceContext) -> Elements:
    """Queue a job."""
    request = _request(call, call.form, call.uploads)
    job, servers = submission.submit_as_user(call.submit_context(), call.user, request)
    # As LGI: the answer has only those groups that may submit, and so own the job.
    user = replace(call.user, groups=tuple(group for group in call.user.groups if group in job.owners))
    shown = call.form.names(fields.SHOW)
    return (*call.answers.user_header(user, servers), call.answers.details(job, shown=shown))


def interface_submit_jobs(call: InterfaceContext) -> Elements:
    """Queue, ours, many jobs at once, each checked as if it were submitted by itself."""
    entries = [partial(_request, call, entry.form, entry.uploads) for entry in call.entries]
    outcomes = bulk_submission.submit_all_as_user(call.submit_context(), call.user, entries)
    request_ids = [entry.request_id for entry in call.entries]
    most = Element("most_jobs", call.runtime.config.max_jobs_at_once)
    known = (most, Element("file_times", 1), *_PLANS)
    return (*call.header(), *known, *call.answers.submitted(outcomes, request_ids))


def interface_resubmit_jobs(call: InterfaceContext) -> Elements:
    """Queue, ours, a job like each of those with these numbers, which have ended, with its files."""
    numbers = list_filters.numbers(call.form, call.runtime.config.max_jobs_at_once)
    keys = {job_id: _key(call, job_id) for job_id in numbers}
    outcomes = resubmission.resubmit_all(call.submit_context(), call.user, keys)
    most = Element("most_jobs", call.runtime.config.max_jobs_at_once)
    return (*call.header(), most, *call.answers.submitted(outcomes, numbers, resubmission.SOURCE))


def _key(call: InterfaceContext, job_id: int) -> IdempotencyKey | None:
    posted = call.form.line(fields.REQUEST_ID)
    form = Form({fields.REQUEST_ID.name: f"{posted}.{job_id}"} if posted else {})
    return call.idempotency_key("user", call.user.name, form)


def _request(call: InterfaceContext, form: Form, uploads: Callable[[], tuple[Upload, ...]]) -> SubmitRequest:
    """Return the request for one job."""
    return SubmitRequest(
        form.tag(fields.APPLICATION),
        form.names(fields.TARGETS),
        partial(_details, form, uploads),
        call.idempotency_key("user", call.user.name, form),
    )


def _details(form: Form, uploads: Callable[[], tuple[Upload, ...]]) -> JobPayload:
    """Return the other fields and the files, checked in the order of LGI.

    Users may not post the reference of a daemon (ruling 2).
    """
    return JobPayload(
        read_access=form.names(fields.READ_ACCESS),
        write_access=form.names(fields.WRITE_ACCESS),
        uploads=uploads(),
        job_specifics=form.markup(fields.SPECIFICS, reserved=fields.DAEMON_REFERENCE),
        input=form.data(fields.INPUT),
        output=form.data(fields.OUTPUT),
        job_name=form.checked(fields.JOB_NAME, labels.check_name),
        labels=form.checked(fields.LABELS, labels.normalize_labels),
        plan=plan_fields.posted(form) if form.has_any(fields.PLANS) else NO_PLAN,
    )
