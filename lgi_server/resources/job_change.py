"""The fields with which a resource changes a job, in a call for one job and in an exchange (wire.md 6)."""

from functools import partial

from lgi_server.api import end_fields, fields, specifics
from lgi_server.api.context import ResourceContext
from lgi_server.api.form import Form, check_size
from lgi_server.services.jobs import updates
from lgi_server.services.jobs.updates import JobChange
from lgi_server.tables.job_queue.jobs import JobRow


def read_change(call: ResourceContext, form: Form, job: JobRow) -> JobChange:
    """Return the posted change of a job; its fields are checked in the order of LGI.

    An end is counted after the commit.
    """
    updates.check_reference(job, form.line(fields.REFERENCE))
    state = updates.check_state(job, form.line(fields.NEW_STATE))
    targets = form.names(fields.NEW_TARGETS)
    change = JobChange(
        state=state,
        target_resources=updates.check_new_targets(call.transaction, job, call.resource, targets),
        input=form.data(fields.INPUT),
        output=form.data(fields.OUTPUT),
        job_specifics=updates.check_takeover(job, form.markup(fields.ECHOED_SPECIFICS, _echoed)),
        end=end_fields.posted(form, state or job.state),
    )
    result = change.end.result(state)
    if result is not None and not job.ended:
        count_end = partial(call.runtime.metrics.ended, call.project.name, job.application, result.value)
        call.transaction.on_commit(count_end)
    return change


def _echoed(posted: str) -> str:
    """Return job_specifics, as a daemon posts them back, without the server's own tags.

    Raises LGIError SPECIFICS_TOO_BIG; the tags of server and daemon do not count.
    """
    check_size(fields.SPECIFICS, specifics.without_server_tags(posted))
    return specifics.without_repository(posted)
