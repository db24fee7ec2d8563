"""The calls by which users hold queued jobs and release them (wire.md 7, ours)."""

from lgi_protocol import comma_lists
from lgi_protocol.xml import Element
from lgi_server.api import fields, job_elements, job_outcomes, list_filters
from lgi_server.api.context import InterfaceContext
from lgi_server.api.responses import Elements
from lgi_server.services.jobs import holds
from lgi_server.tables import job_holds
from lgi_server.tables.job_holds import AFTER, RETRY, USER
from lgi_server.tables.job_queue.jobs import JobRow

# The holds that users may take away, and those that they do take away unless they say which.
_REASONS, _USUAL = (USER, AFTER, RETRY), (USER,)


def interface_hold_jobs(call: InterfaceContext) -> Elements:
    """Keep queued jobs from being given out, until they are released."""
    numbers = list_filters.numbers(call.form, call.runtime.config.max_jobs_at_once)
    text = call.form.line(fields.HOLD_TEXT)
    outcomes = holds.hold_by_user(call.transaction, call.user, numbers, text, call.now)
    return job_outcomes.answer(call, numbers, outcomes, job_elements.holds)


def interface_release_jobs(call: InterfaceContext) -> Elements:
    """Take away the holds of queued jobs: those of users, or for the posted reasons."""
    numbers = list_filters.numbers(call.form, call.runtime.config.max_jobs_at_once)
    reasons = call.form.names(fields.HOLD_REASONS) or _USUAL
    if unknown := set(reasons) - set(_REASONS):
        field, known = fields.HOLD_REASONS, comma_lists.join(_REASONS)
        raise field.refusal(field.malformed, f"{min(unknown)[:40]!r} is not one of {known}")
    before = job_holds.of_jobs(call.transaction, numbers)
    outcomes = holds.release_by_user(call.transaction, call.user, numbers, call.now, reasons)

    def shown(job: JobRow) -> Elements:
        taken = {one.reason for one in before.get(job.job_id, ())} - {one.reason for one in job.holds}
        return (Element("released", int(bool(taken))), *job_elements.holds(job))

    return job_outcomes.answer(call, numbers, outcomes, shown)
