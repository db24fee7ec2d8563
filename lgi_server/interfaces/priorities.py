"""The call by which users order their own queued jobs (wire.md 7, ours)."""

from lgi_protocol.xml import Element
from lgi_server.api import fields, job_outcomes, list_filters
from lgi_server.api.context import InterfaceContext
from lgi_server.api.plan_fields import posted_deadline, posted_priority
from lgi_server.api.responses import Elements
from lgi_server.services.jobs import user_priorities
from lgi_server.services.jobs.user_priorities import OrderChange
from lgi_server.tables.job_queue.jobs import JobRow


def interface_prioritize_jobs(call: InterfaceContext) -> Elements:
    """Give queued jobs a priority among the others of their user, or a deadline."""
    numbers = list_filters.numbers(call.form, call.runtime.config.max_jobs_at_once)
    deadline = posted_deadline(call.form)
    if deadline is None and not call.form.text(fields.PRIORITY):
        raise fields.PRIORITY.refusal(fields.PRIORITY.malformed, "it is missing")
    priority = posted_priority(call.form) if call.form.text(fields.PRIORITY) else None
    change = OrderChange(priority, deadline)
    outcomes = user_priorities.set_by_user(call.transaction, call.user, numbers, change, call.now)

    def shown(job: JobRow) -> Elements:
        # Only on request: a caller sees from it that this server knows the field.
        known = () if deadline is None else (Element("deadline", job.deadline or 0),)
        return (Element("priority", job.user_priority), *known)

    return job_outcomes.answer(call, numbers, outcomes, shown)
