"""The calls by which users submit jobs (wire.md 7)."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from lgi_protocol.xml import Element
from lgi_server.api import fields
from lgi_server.api.context import InterfaceContext
from lgi_server.api.fields import Form
from lgi_server.api.responses import Elements
from lgi_server.services.jobs import bulk_submission, submission
from lgi_server.services.jobs.submit_request import JobPayload, SubmitRequest
from lgi_server.storage.repository import Upload


def interface_submit_job(call: InterfaceContext) -> Elements:
    """Queue a job."""
    wanted = _wanted(call, call.form, call.uploads)
    job, servers = submission.submit_as_user(call.submit_context(), call.user, wanted)
    # As LGI: of the groups those are answered that may submit, and so own the job.
    user = replace(call.user, groups=tuple(group for group in call.user.groups if group in job.owners))
    return (*call.answers.user_header(user, servers), call.answers.details(job))


def interface_submit_jobs(call: InterfaceContext) -> Elements:
    """Ours: queue many jobs at once, each as if it were submitted by itself."""
    entries = [partial(_wanted, call, entry.form, entry.uploads) for entry in call.entries]
    outcomes = bulk_submission.submit_all_as_user(call.submit_context(), call.user, entries)
    request_ids = [entry.request_id for entry in call.entries]
    most = Element("most_jobs", call.runtime.config.max_jobs_at_once)
    return (*call.header(), most, Element("file_times", 1), *call.answers.submitted(outcomes, request_ids))


def _wanted(call: InterfaceContext, form: Form, uploads: Callable[[], tuple[Upload, ...]]) -> SubmitRequest:
    """Return a job that is to be submitted."""
    return SubmitRequest(
        form.tag(fields.APPLICATION),
        form.names(fields.TARGETS),
        partial(_details, form, uploads),
        call.idempotency_key("user", call.user.name, form),
    )


def _details(form: Form, uploads: Callable[[], tuple[Upload, ...]]) -> JobPayload:
    """Return the rest of a submit, in LGI's order of faults.

    A user may not claim to be a daemon (ruling 2).
    """
    return JobPayload(
        read_access=form.names(fields.READ_ACCESS),
        write_access=form.names(fields.WRITE_ACCESS),
        uploads=uploads(),
        job_specifics=form.markup(fields.SPECIFICS, reserved=fields.DAEMON_REFERENCE),
        input=form.data(fields.INPUT),
        output=form.data(fields.OUTPUT),
    )
