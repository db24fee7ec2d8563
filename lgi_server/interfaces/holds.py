"""The calls by which users hold queued jobs and release them (wire.md 7, ours)."""

from collections.abc import Sequence

from lgi_protocol import comma_lists
from lgi_protocol.xml import Element
from lgi_server.api import fields, job_elements, list_filters, responses
from lgi_server.api.context import InterfaceContext
from lgi_server.api.responses import Elements
from lgi_server.services.jobs import holds
from lgi_server.services.jobs.queued_jobs import Outcome
from lgi_server.tables.job_holds import AFTER, RETRY, USER
from lgi_server.tables.job_queue.jobs import JobRow

# The holds that users may take away, and those that they do take away unless they say which.
_REASONS, _USUAL = (USER, AFTER, RETRY), (USER,)


def interface_hold_jobs(call: InterfaceContext) -> Elements:
    """Keep queued jobs from being given out, until they are released."""
    numbers = list_filters.numbers(call.form, call.runtime.config.max_jobs_at_once)
    text = call.form.line(fields.HOLD_TEXT)
    return _answer(call, numbers, holds.hold_by_user(call.transaction, call.user, numbers, text, call.now))


def interface_release_jobs(call: InterfaceContext) -> Elements:
    """Take away the holds of queued jobs: those of users, or for the posted reasons."""
    numbers = list_filters.numbers(call.form, call.runtime.config.max_jobs_at_once)
    reasons = call.form.names(fields.HOLD_REASONS) or _USUAL
    if unknown := set(reasons) - set(_REASONS):
        field, known = fields.HOLD_REASONS, comma_lists.join(_REASONS)
        raise field.refusal(field.malformed, f"{min(unknown)[:40]!r} is not one of {known}")
    return _answer(
        call, numbers, holds.release_by_user(call.transaction, call.user, numbers, call.now, reasons)
    )


def _answer(call: InterfaceContext, numbers: Sequence[int], outcomes: Sequence[Outcome]) -> Elements:
    jobs = [
        Element("job", (Element("job_id", job_id), *_outcome(outcome)), number)
        for number, (job_id, outcome) in enumerate(zip(numbers, outcomes, strict=True), 1)
    ]
    most = Element("most_jobs", call.runtime.config.max_jobs_at_once)
    return (*call.header(), most, Element("number_of_jobs", len(jobs)), *jobs)


def _outcome(outcome: Outcome) -> Elements:
    if not isinstance(outcome, JobRow):
        return (responses.error(outcome),)
    return (Element("state", outcome.state), *job_elements.holds(outcome))
