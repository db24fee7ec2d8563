"""The calls by which users submit jobs (wire.md 7)."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice

from lgi_protocol import labels
from lgi_protocol.xml import Element
from lgi_server.api import fields, list_filters, plan_fields
from lgi_server.api.context import InterfaceContext
from lgi_server.api.form import Form
from lgi_server.api.responses import Elements
from lgi_server.services.jobs import bulk_submission, idempotency, resubmission, submission, urgency
from lgi_server.services.jobs.array_submission import ArraySubmit
from lgi_server.services.jobs.bulk_submission import Outcome
from lgi_server.services.jobs.idempotency import IdempotencyKey
from lgi_server.services.jobs.submit_request import NO_PLAN, JobPayload, SubmitRequest
from lgi_server.storage.repository import Upload
from lgi_server.tables.job_arrays import MOST_ELEMENTS
from lgi_server.tables.job_queue.jobs import JobRow

# What a submit can plan here: clients that want it ask first, since older servers read over the fields.
_PLANS = tuple(
    Element(f"plans_{what}", 1)
    for what in (
        *("hold", "after", "after_arrays", "retries", "priority", "deadline", "urgent", "not_on", "notify"),
    )
)


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
    array = _array(call)
    if array and not call.entries and call.form.has(fields.APPLICATION.name):
        application = call.form.tag(fields.APPLICATION)
        bulk_submission.check_size(call.submit_context(), call.user, application, array)
        if plan_fields.is_urgent(call.form):
            urgency.check_size(call.submit_context(), call.user.names, array.size)
    entries = [partial(_request, call, entry.form, entry.uploads, array) for entry in call.entries]
    outcomes = bulk_submission.submit_all_as_user(call.submit_context(), call.user, entries, array)
    request_ids = [entry.request_id for entry in call.entries]
    most = Element("most_jobs", call.runtime.config.max_jobs_at_once)
    arrays = (Element("most_elements", MOST_ELEMENTS), *_array_id(outcomes))
    known = (most, Element("file_times", 1), *_PLANS, *arrays)
    return (*call.header(), *known, *call.answers.submitted(outcomes, request_ids))


def _array(call: InterfaceContext) -> ArraySubmit | None:
    """Return the array of a bulk submit, if it is posted; LGIError."""
    posted = call.form.line(fields.ARRAY)
    key = idempotency.make_key("user", call.user.name, posted)
    if key is None:
        return None
    at_most = call.form.number(fields.AT_MOST) if call.form.has(fields.AT_MOST.name) else 0
    array = ArraySubmit(key, call.form.number(fields.ARRAY_SIZE), at_most)
    array.check()
    return array


def _array_id(outcomes: Sequence[Outcome]) -> tuple[Element, ...]:
    known = (one.array_id for one in outcomes if isinstance(one, JobRow) and one.array_id is not None)
    return tuple(Element("array_id", array_id) for array_id in islice(known, 1))


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


def _request(
    call: InterfaceContext,
    form: Form,
    uploads: Callable[[], tuple[Upload, ...]],
    array: ArraySubmit | None = None,
) -> SubmitRequest:
    """Return the request for one job."""
    return SubmitRequest(
        form.tag(fields.APPLICATION),
        form.names(fields.TARGETS),
        partial(_details, form, uploads),
        call.idempotency_key("user", call.user.name, form),
        (array.key.request_id, form.number(fields.ARRAY_INDEX)) if array else None,
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
