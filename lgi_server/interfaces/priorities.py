"""The call by which users order their own queued jobs (wire.md 7, ours)."""

from lgi_protocol.xml import Element
from lgi_server.api import fields, list_filters, responses
from lgi_server.api.context import InterfaceContext
from lgi_server.api.plan_fields import posted_priority
from lgi_server.api.responses import Elements
from lgi_server.services.jobs import user_priorities
from lgi_server.services.jobs.queued_jobs import Outcome
from lgi_server.tables.job_queue.jobs import JobRow


def interface_prioritize_jobs(call: InterfaceContext) -> Elements:
    """Give queued jobs a priority among the others of their user."""
    numbers = list_filters.numbers(call.form, call.runtime.config.max_jobs_at_once)
    if not call.form.text(fields.PRIORITY):
        raise fields.PRIORITY.refusal(fields.PRIORITY.malformed, "it is missing")
    priority = posted_priority(call.form)
    outcomes = user_priorities.set_by_user(call.transaction, call.user, numbers, priority, call.now)
    jobs = [
        Element("job", (Element("job_id", job_id), *_outcome(outcome)), number)
        for number, (job_id, outcome) in enumerate(zip(numbers, outcomes, strict=True), 1)
    ]
    most = Element("most_jobs", call.runtime.config.max_jobs_at_once)
    return (*call.header(), most, Element("number_of_jobs", len(jobs)), *jobs)


def _outcome(outcome: Outcome) -> Elements:
    if not isinstance(outcome, JobRow):
        return (responses.error(outcome),)
    return (Element("state", outcome.state), Element("priority", outcome.user_priority))
