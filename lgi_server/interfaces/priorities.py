"""The call by which users order their own queued jobs (wire.md 7, ours)."""

from lgi_protocol.xml import Element
from lgi_server.api import fields, job_outcomes, list_filters
from lgi_server.api.context import InterfaceContext
from lgi_server.api.plan_fields import posted_priority
from lgi_server.api.responses import Elements
from lgi_server.services.jobs import user_priorities


def interface_prioritize_jobs(call: InterfaceContext) -> Elements:
    """Give queued jobs a priority among the others of their user."""
    numbers = list_filters.numbers(call.form, call.runtime.config.max_jobs_at_once)
    if not call.form.text(fields.PRIORITY):
        raise fields.PRIORITY.refusal(fields.PRIORITY.malformed, "it is missing")
    priority = posted_priority(call.form)
    outcomes = user_priorities.set_by_user(call.transaction, call.user, numbers, priority, call.now)
    return job_outcomes.answer(call, numbers, outcomes, lambda job: (Element("priority", job.user_priority),))
