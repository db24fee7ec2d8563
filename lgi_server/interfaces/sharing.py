"""The call by which users change who else has access to jobs (wire.md 7, ours)."""

from lgi_protocol import comma_lists
from lgi_protocol.xml import Element
from lgi_server.api import fields, list_filters, responses
from lgi_server.api.context import InterfaceContext
from lgi_server.api.responses import Elements
from lgi_server.services.jobs import sharing
from lgi_server.services.jobs.sharing import AccessChange, Outcome
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
    jobs = [
        Element("job", (Element("job_id", job_id), *_outcome(outcome)), number)
        for number, (job_id, outcome) in enumerate(zip(numbers, outcomes, strict=True), 1)
    ]
    most = Element("most_jobs", config.max_jobs_at_once)
    return (*call.header(), most, Element("number_of_jobs", len(jobs)), *jobs)


def _outcome(outcome: Outcome) -> Elements:
    if not isinstance(outcome, JobRow):
        return (responses.error(outcome),)
    return (
        Element("state", outcome.state),
        Element("read_access", comma_lists.join(outcome.read_access)),
        Element("write_access", comma_lists.join(outcome.write_access)),
    )
