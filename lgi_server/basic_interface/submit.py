"""The form to submit a job, with the applications that resources offer now."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from typing import Any

from flask import request

from lgi_protocol import comma_lists, labels
from lgi_protocol.daemon_reference import without_reference
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.api import fields, plan_fields, uploads
from lgi_server.api.form import Form
from lgi_server.background.timestamp_batcher import Timestamp
from lgi_server.basic_interface import filters
from lgi_server.basic_interface.job import seen
from lgi_server.basic_interface.registry import Answer, PageContext, Redirect, Template
from lgi_server.services.access.principals import UserPrincipal
from lgi_server.services.jobs import idempotency, resubmission, retries, submission
from lgi_server.services.jobs.submit_request import NO_PLAN, JobPayload, SubmitContext, SubmitRequest
from lgi_server.services.jobs.targets import applications_of
from lgi_server.tables import active_resources
from lgi_server.tables.active_resources import NO_SERVER
from lgi_server.tables.job_queue.jobs import JobRow

# The fields of the form, named as in the call; those in the second line are check boxes.
_NAMED = ("job_name", "labels")
_PLAIN = ("application", "job_specifics", "read_access", "write_access", "input", *_NAMED, *fields.PLANS)
_BOXES = ("target_resources", "groups")
_FIELDS = (
    *(fields.APPLICATION, fields.TARGETS, fields.GROUPS, fields.INPUT),
    *(fields.SPECIFICS, fields.READ_ACCESS, fields.WRITE_ACCESS),
)
# Fields of ours, which are named at the begin of a message.
_OURS = (fields.JOB_NAME.name, fields.LABELS.name, *fields.PLANS)
LIKE = fields.Field("like", fields.INTEGER, fields.E.JOB_ID_TOO_BIG, fields.E.JOB_ID)
# The check box for the files of that job.
WITH_FILES = "with_files"
# The field that an error is about.
_AT_FAULT: Mapping[ErrorNumber, str] = {
    **{number: field.name for field in _FIELDS for number in (field.too_big, field.malformed)},
    ErrorNumber.APPLICATION_UNKNOWN: "application",
    ErrorNumber.SUBMIT_REFUSED: "application",
    ErrorNumber.NO_TARGET: "target_resources",
    ErrorNumber.FILE_TOO_BIG: "files",
    ErrorNumber.UPLOAD: "files",
}


@dataclass(frozen=True)
class Offer:
    """A resource to choose, and its applications."""

    resource: str
    applications: tuple[str, ...]


def submit_form(visit: PageContext) -> Answer:
    """Return the form, empty or with the values of another job that the user may read."""
    like = visit.query.number_or(LIKE, -1)
    if like < 0:
        return _form(visit, {}, (), visit.user.groups)
    job = seen(visit, like)
    is_text = not filters.content(job.input).is_binary
    values = {
        "application": job.application,
        "job_specifics": without_reference(job.job_specifics),
        "input": job.input.decode("utf-8", "replace") if is_text else "",
        "job_name": job.job_name,
        "priority": str(job.user_priority or ""),
        "labels": resubmission.labels_of(job),
        "like": str(job.job_id),
        "with_files": "1",
        **_retries(visit, job),
    }
    shown = _form(visit, values, (), visit.user.groups)
    return replace(shown, values={**shown.values, "lacks_input": not is_text})


def _retries(visit: PageContext, job: JobRow) -> dict[str, str]:
    if not job.retries:
        return {}
    plan = retries.plan_of(visit.transaction, job)
    return {"retries": str(plan.retries), "retry_on": plan.retry_on, "backoff": str(plan.backoff)}


def _form(
    visit: PageContext,
    values: Mapping[str, str],
    targets: tuple[str, ...],
    groups: tuple[str, ...],
    refused: LGIError | None = None,
) -> Template:
    everyone = sorted(active_resources.everyone(visit.transaction), key=lambda one: one.resource_name)
    offers = [
        Offer(one.resource_name, applications_of(one)) for one in everyone if one.project_server == NO_SERVER
    ]
    shown: dict[str, Any] = {
        "offers": [offer for offer in offers if offer.applications],
        "applications": sorted({name for offer in offers for name in offer.applications}),
        "values": values,
        "targets": targets,
        "groups": groups,
        "refused": refused,
        "request_id": secrets.token_urlsafe(16),
        "at_fault": _field_at_fault(refused) if refused else "",
    }
    return Template(
        "basic_interface/submit.html", shown, HTTPStatus.BAD_REQUEST if refused else HTTPStatus.OK
    )


def _field_at_fault(refused: LGIError) -> str:
    """Return the field that an error is about; those of ours have the number of another one."""
    named = refused.message.partition(" ")[0]
    return named if named in _OURS else _AT_FAULT.get(refused.number, "")


def form_again(visit: PageContext, refused: LGIError) -> Template:
    """Return the form with the posted values and the error; browsers require files to be chosen again."""
    values = {name: visit.posted.get(name, "") for name in (*_PLAIN, LIKE.name, WITH_FILES)}
    targets, groups = (tuple(visit.posted.getlist(name)) for name in _BOXES)
    return _form(visit, values, targets, groups, refused)


def submit_job(visit: PageContext) -> Answer:
    """Queue a job."""
    user = _chosen(visit.user, tuple(visit.posted.getlist("groups")))
    server = visit.visitor.server
    submit_request = _submit_request(visit, user)
    project = server.projects[visit.visitor.project]
    project.timestamps.add((Timestamp.SUBMIT_REQUEST, 0), visit.now)
    context = SubmitContext(visit.transaction, server.config, visit.store, visit.now, project.licences)
    job, _ = submission.submit_as_user(context, user, submit_request)
    return Redirect(f"jobs/{job.job_id}")


def _chosen(user: UserPrincipal, groups: tuple[str, ...]) -> UserPrincipal:
    """Return the user with the posted groups; LGIError GROUPS unless at least one is the user's."""
    chosen = tuple(group for group in user.groups if group in groups)
    if not chosen:
        raise LGIError(ErrorNumber.GROUPS, "choose at least one")
    return replace(user, groups=chosen)


def _submit_request(visit: PageContext, user: UserPrincipal) -> SubmitRequest:
    """Return the posted request; its key makes a form that is sent twice create one job."""
    form = visit.form
    targets = comma_lists.unique(visit.posted.getlist("target_resources")) or (comma_lists.ANY,)
    chosen = Form({fields.TARGETS.name: comma_lists.join(targets)})
    key = idempotency.make_key("user", user.name, form.line(fields.REQUEST_ID))
    like = form.number_or(LIKE, -1) if visit.posted.get(WITH_FILES) else -1
    source = seen(visit, like).repository if like >= 0 else ""
    return SubmitRequest(
        form.tag(fields.APPLICATION), chosen.names(fields.TARGETS), partial(_details, form, source), key
    )


def _details(form: Form, source: str) -> JobPayload:
    """Return the other fields and the files of the form; ``source`` has those of another job."""
    return JobPayload(
        read_access=form.names(fields.READ_ACCESS),
        write_access=form.names(fields.WRITE_ACCESS),
        uploads=uploads.chosen_files(request, "files"),
        job_specifics=form.markup(fields.SPECIFICS, reserved=fields.DAEMON_REFERENCE),
        input=form.typed(fields.INPUT),
        output=b"",
        job_name=form.checked(fields.JOB_NAME, labels.check_name),
        labels=form.checked(fields.LABELS, labels.normalize_labels),
        plan=plan_fields.posted(form) if form.has_any(fields.PLANS) else NO_PLAN,
        source=source,
    )
