"""The call by which users change who else has access to jobs (wire.md 7, ours)."""

from lgi_protocol import comma_lists
from lgi_protocol.xml import Element
from lgi_server.api import fields, job_outcomes, list_filters
from lgi_server.api.context import InterfaceContext
from lgi_server.api.responses import Elements
from lgi_server.services.jobs import sharing
from lgi_server.services.jobs.sharing import AccessChange
from lgi_server.tables.job_queue.jobs import JobRow


def interface_share_jobs(call: InterfaceContext) -> Elements:
    """Let others read jobs, or change them too, or take their access away."""
    config, form = call.runtime.config, call.form
    numbers = list_filters.numbers(form, config.max_jobs_at_once)
    change = AccessChange(
        form.names(fields.READ_ACCESS), form.names(fields.WRITE_ACCESS), form.names(fields.NO_ACCESS)
    )
    outcomes = sharing.share_by_user(
        call.transaction, call.user, numbers, change, admin_group=config.admin_group, now=call.now
    )
    unknown = sharing.unknown_names(call.transaction, call.user, change, config.admin_group)
    more = (Element("unknown_names", comma_lists.join(unknown)),) if unknown else ()

    def access(job: JobRow) -> Elements:
        return (
            Element("read_access", comma_lists.join(job.read_access)),
            Element("write_access", comma_lists.join(job.write_access)),
            *more,
        )

    return job_outcomes.answer(call, numbers, outcomes, access)
