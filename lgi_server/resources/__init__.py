"""The calls of resources: one endpoint per URL below /resources (wire.md 6)."""

from lgi_protocol.exchange import MOST_TEXT
from lgi_server.api.context import ResourceContext, SessionContext
from lgi_server.api.exchange_context import ExchangeContext
from lgi_server.api.job_context import JobContext
from lgi_server.api.registry import Route
from lgi_server.resources import (
    attach,
    exchange,
    job_certificates,
    job_sessions,
    job_submit,
    jobs,
    locks,
    output,
    resource_data,
    sessions,
    submit,
    work,
)

# Bytes of the fields of an exchange as they are posted: signs of XML take three bytes there.
MOST_EXCHANGE = MOST_TEXT + MOST_TEXT // 2

ROUTES = (
    Route(
        sessions.resource_signup_resource,
        ResourceContext,
        for_jobs=Route(job_sessions.resource_signup_resource, JobContext, writes=False),
    ),
    Route(
        sessions.resource_signoff_resource,
        SessionContext,
        for_jobs=Route(job_sessions.resource_signoff_resource, JobContext, writes=False),
    ),
    Route(work.resource_request_work, SessionContext),
    Route(work.resource_wait, ResourceContext, writes=False),
    Route(exchange.resource_exchange, ExchangeContext, most_text=MOST_EXCHANGE, is_repeatable=True),
    Route(locks.resource_lock_job, SessionContext),
    Route(locks.resource_unlock_job, SessionContext),
    Route(jobs.resource_request_job_details, SessionContext, writes=False),
    Route(jobs.resource_update_job, SessionContext),
    Route(jobs.resource_job_state, ResourceContext, writes=False),
    Route(
        submit.resource_submit_job,
        SessionContext,
        takes_files=True,
        for_jobs=Route(job_submit.resource_submit_job, JobContext, takes_files=True),
    ),
    Route(output.resource_job_tail, ResourceContext),
    Route(attach.resource_attach_stream, ResourceContext, is_repeatable=True),
    Route(job_certificates.resource_job_certificate, ResourceContext, writes=False),
    Route(resource_data.resource_request_resource_data, ResourceContext, writes=False),
)
