"""The call by which users say that they have fetched the results of jobs (wire.md 7, ours)."""

from lgi_server.api import job_elements, job_outcomes, list_filters
from lgi_server.api.context import InterfaceContext
from lgi_server.api.responses import Elements
from lgi_server.services.jobs import fetched_results


def interface_confirm_results(call: InterfaceContext) -> Elements:
    """Note that the user has all results of jobs that have ended."""
    numbers = list_filters.numbers(call.form, call.runtime.config.max_jobs_at_once)
    outcomes = fetched_results.confirm_by_user(call.transaction, call.user, numbers, call.now)
    return job_outcomes.answer(call, numbers, outcomes, job_elements.fetched)
