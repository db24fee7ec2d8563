"""The form to submit a job, with the applications that resources offer now."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from http import HTTPStatus
from typing import Any

from flask import request

from lgi_protocol import comma_lists, labels
from lgi_protocol.daemon_reference import without_reference
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.parameters import MOST as _MOST_PARAMETERS
from lgi_protocol.parameters import Parameter
from lgi_server.api import fields, plan_fields, uploads
from lgi_server.api.form import Form
from lgi_server.background.timestamp_batcher import Timestamp
from lgi_server.basic_interface import (
    array_form,
    array_submit,
    deadline_fields,
    filters,
    gpu_field,
    request_fields,
)
from lgi_server.basic_interface.array_submit import ArrayCutError, ReadRequest
from lgi_server.basic_interface.job import seen
from lgi_server.basic_interface.registry import Answer, PageContext, Redirect, Template
from lgi_server.services.access.principals import UserPrincipal
from lgi_server.services.jobs import idempotency, resubmission, retries, submission
from lgi_server.services.jobs.idempotency import IdempotencyKey
from lgi_server.services.jobs.submit_request import NO_PLAN, JobPayload, SubmitContext, SubmitRequest
from lgi_server.services.jobs.targets import applications_of
from lgi_server.storage.repository import Upload
from lgi_server.tables import active_resources
from lgi_server.tables.active_resources import NO_SERVER, ResourceRow
from lgi_server.tables.job_queue.jobs import JobRow

# The fields of the form, named as in the call; those in the second line are check boxes.
_NAMED = ("job_name", "labels")
_ACCESS = ("read_access", "write_access")
_PLAIN = (
    *("application", "job_specifics", "input", *_ACCESS, *_NAMED),
    *(*fields.PLANS, deadline_fields.ZONE.name, *array_form.NAMES, gpu_field.NAME, *request_fields.NAMES),
)
_BOXES = ("target_resources", "groups")
_FIELDS = (
    *(fields.APPLICATION, fields.TARGETS, fields.GROUPS, fields.INPUT),
    *(fields.SPECIFICS, fields.READ_ACCESS, fields.WRITE_ACCESS),
)
# Fields of ours, which are named at the begin of a message.
_OURS = (
    *(fields.JOB_NAME.name, *(one.name for one in array_form.WRITTEN), *fields.PLANS),
    *(*array_form.NAMES, gpu_field.NAME, *request_fields.NAMES),
)
# The application whose form is shown.
CHOICE = fields.Field("application", fields.SHORT, fields.E.APPLICATION_TOO_BIG, fields.E.APPLICATION)
LIKE = fields.Field("like", fields.INTEGER, fields.E.JOB_ID_TOO_BIG, fields.E.JOB_ID)
# Set for all elements of its array.
WHOLE = fields.Field("whole", fields.INTEGER, fields.E.LIMIT_TOO_BIG, fields.E.LIMIT_TOO_BIG)
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
        return _form(visit, {"application": visit.query.tag(CHOICE)}, (), visit.user.groups)
    job = seen(visit, like)
    offered = request_fields.offered(_resources(visit), job.application)
    rest, requested = request_fields.split(without_reference(job.job_specifics), offered.parameters)
    is_text = not filters.content(job.input).is_binary
    array_id = job.array_id if visit.query.number_or(WHOLE, 0) else None
    values = {
        "application": job.application,
        "job_specifics": rest,
        **requested,
        "input": job.input.decode("utf-8", "replace") if is_text else "",
        "job_name": job.job_name,
        "priority": str(job.user_priority or ""),
        "labels": job.labels if array_id else resubmission.labels_of(job),
        "like": str(job.job_id),
        "with_files": "1",
        **_plan(visit, job),
        **deadline_fields.values(job, visit.now),
        **(array_form.values(visit.transaction, array_id) if array_id else {}),
    }
    shown = _form(visit, values, (), visit.user.groups)
    element = job.array_index if array_id else None
    return replace(shown, values={**shown.values, "lacks_input": not is_text, "element": element})


def _plan(visit: PageContext, job: JobRow) -> dict[str, str]:
    plan = retries.plan_of(visit.transaction, job)
    shown = {fields.NOT_ON.name: comma_lists.join(plan.not_on)}
    if not job.retries:
        return shown
    tries = {"retries": str(plan.retries), "retry_on": plan.retry_on, "backoff": str(plan.backoff)}
    return {**shown, **tries}


def _form(
    visit: PageContext,
    values: Mapping[str, str],
    targets: tuple[str, ...],
    groups: tuple[str, ...],
    refused: LGIError | None = None,
) -> Template:
    resources = _resources(visit)
    offers = [Offer(one.resource_name, applications_of(one)) for one in resources]
    applications = sorted({name for offer in offers for name in offer.applications})
    chosen = values.get("application", "") or (applications[0] if len(applications) == 1 else "")
    shown: dict[str, Any] = {
        "offers": [offer for offer in offers if offer.applications],
        "applications": applications,
        "application": chosen,
        "offered": request_fields.offered(resources, chosen if chosen in applications else ""),
        "prefix": request_fields.PREFIX,
        "values": values,
        "element": None,
        "targets": targets,
        "groups": groups,
        "refused": refused,
        "request_id": _request_id(visit, refused),
        "at_fault": _field_at_fault(refused) if refused else "",
    }
    return Template(
        "basic_interface/submit.html", shown, HTTPStatus.BAD_REQUEST if refused else HTTPStatus.OK
    )


def _resources(visit: PageContext) -> Sequence[ResourceRow]:
    everyone = active_resources.everyone(visit.transaction)
    return sorted(
        (one for one in everyone if one.project_server == NO_SERVER), key=lambda one: one.resource_name
    )


def _request_id(visit: PageContext, refused: LGIError | None) -> str:
    """Return the key of a form: a new one, but for the form with which an array goes on."""
    kept = visit.posted.get(fields.REQUEST_ID.name, "") if isinstance(refused, ArrayCutError) else ""
    return kept or secrets.token_urlsafe(16)


def _field_at_fault(refused: LGIError) -> str:
    """Return the field that an error is about; those of ours have the number of another one."""
    named = refused.message.partition(" ")[0]
    is_ours = named in _OURS or named.startswith(request_fields.PREFIX)
    return named if is_ours else _AT_FAULT.get(refused.number, "")


def form_again(visit: PageContext, refused: LGIError | None) -> Template:
    """Return the form with the posted values and the error, if any; browsers have files chosen again."""
    names = [name for name in visit.posted if name.startswith(request_fields.PREFIX)][:_MOST_PARAMETERS]
    values = {name: visit.posted.get(name, "") for name in (*_PLAIN, LIKE.name, WITH_FILES, *names)}
    targets, groups = (tuple(visit.posted.getlist(name)) for name in _BOXES)
    return _form(visit, values, targets, groups, refused)


def with_commands(visit: PageContext, commands: Mapping[str, str]) -> Template:
    """Return the form with the posted values, and the commands that do the same as it."""
    form = form_again(visit, None)
    kept = visit.posted.get(fields.REQUEST_ID.name, "")
    return replace(form, values={**form.values, "commands": commands, "request_id": kept})


def submit_job(visit: PageContext) -> Answer:
    """Queue a job, or an array of them."""
    user = chosen_groups(visit.user, tuple(visit.posted.getlist("groups")))
    server = visit.visitor.server
    project = server.projects[visit.visitor.project]
    project.timestamps.add((Timestamp.SUBMIT_REQUEST, 0), visit.now)
    deadline = deadline_fields.read(visit.form, visit.now)
    form = visit.form.edited([deadline_fields.NAME], lambda _typed: str(deadline or ""))
    read_request = reader(visit)
    if array := array_form.read(form):
        return array_submit.submit(visit, user, array, form, read_request)
    der = visit.visitor.who.der
    context = SubmitContext(visit.transaction, server.config, visit.store, visit.now, project.settings, der)
    key = idempotency.make_key("user", user.name, form.line(fields.REQUEST_ID))
    job, _ = submission.submit_as_user(context, user, read_request(form, key))
    return Redirect(f"jobs/{job.job_id}")


def chosen_groups(user: UserPrincipal, groups: tuple[str, ...]) -> UserPrincipal:
    """Return the user with the posted groups; LGIError GROUPS unless at least one is the user's."""
    chosen = tuple(group for group in user.groups if group in groups)
    if not chosen:
        raise LGIError(ErrorNumber.GROUPS, "choose at least one")
    return replace(user, groups=chosen)


def reader(visit: PageContext) -> ReadRequest:
    """Return a function that reads a request from the text fields of a form; the others are those posted."""
    targets = comma_lists.unique(visit.posted.getlist("target_resources")) or (comma_lists.ANY,)
    chosen = Form({fields.TARGETS.name: comma_lists.join(targets)})
    like = visit.form.number_or(LIKE, -1) if visit.posted.get(WITH_FILES) else -1
    source = seen(visit, like).repository if like >= 0 else ""
    # Once, also for many jobs: it waits until the files are on disk.
    files = cache(partial(uploads.chosen_files, request, "files"))
    application = visit.form.line(fields.APPLICATION) if visit.form.has(fields.APPLICATION.name) else ""
    declared = request_fields.offered(_resources(visit), application).parameters

    def read(form: Form, key: IdempotencyKey | None) -> SubmitRequest:
        details = partial(_details, form, declared, source, files)
        return SubmitRequest(form.tag(fields.APPLICATION), chosen.names(fields.TARGETS), details, key)

    return read


def _details(
    form: Form, declared: Sequence[Parameter], source: str, files: Callable[[], tuple[Upload, ...]]
) -> JobPayload:
    """Return the other fields and the files of the form; ``source`` has those of another job."""
    return JobPayload(
        read_access=form.names(fields.READ_ACCESS),
        write_access=form.names(fields.WRITE_ACCESS),
        uploads=files(),
        job_specifics=request_fields.specifics(form, declared),
        input=form.typed(fields.INPUT),
        output=b"",
        job_name=form.checked(fields.JOB_NAME, labels.check_name),
        labels=form.checked(fields.LABELS, labels.normalize_labels),
        plan=plan_fields.posted(form) if form.has_any(fields.PLANS) else NO_PLAN,
        source=source,
    )
