"""The call by which a daemon reports, holds and gets jobs at once: wire.md 6, ours."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from lgi_protocol.daemon_reference import with_reference
from lgi_protocol.states import State
from lgi_protocol.xml import Element
from lgi_server.api import exchange_answer, fields
from lgi_server.api.call_record import log_account
from lgi_server.api.exchange_context import ExchangeContext
from lgi_server.api.exchange_form import FormReport
from lgi_server.api.responses import Elements
from lgi_server.background.timestamp_batcher import Timestamp
from lgi_server.background.work_subscription import ExchangeSubscription
from lgi_server.resources import announcements
from lgi_server.resources.job_change import read_change
from lgi_server.services.jobs import exchange
from lgi_server.services.jobs.exchange import ExchangeOutcome
from lgi_server.services.jobs.exchange_request import Verdict
from lgi_server.services.jobs.updates import JobChange
from lgi_server.tables.job_queue.jobs import JobRow

log = logging.getLogger("lgi.api")


def resource_exchange(call: ExchangeContext) -> Elements:
    """Judge reports, name held jobs that have changed, and give out jobs under references of the daemon.

    With ``wait`` an exchange that has nothing to answer is answered when there is something, or after so many
    seconds.
    """
    load = call.form.number_or(fields.LOAD, 0)
    daemon = call.form.line(fields.DAEMON)
    resource, is_new = announcements.store(call)
    posted = call.exchange
    announcements.store_machine(call, posted.machine)
    outcome = exchange.run(
        call.transaction,
        resource,
        posted.reports,
        posted.requests,
        partial(_change, call),
        totals=call.project.licences,
        most_running=call.project.settings.max_running_jobs,
        now=call.now,
        most=call.most_jobs or call.project.work_polls.share_beside_others(resource.resource_name),
    )
    for job in outcome.held.known:
        call.project.timestamps.add((Timestamp.JOB_PULSE, job.job_id), call.now)
    if not (outcome.has_news or is_new):
        call.wait_for(_subscription(call, outcome, load))
    _count(call, outcome)
    others = _other_daemons(call, daemon)
    header = call.answers.resource_header(resource, call.servers)
    return (*header, *exchange_answer.elements(call, outcome), *others, *_restored(call))


def _other_daemons(call: ExchangeContext, daemon: str) -> Elements:
    """Record the daemon, and return how many others have the resource's certificate, as a sign-up does."""
    resource_id = call.resource.resource_id
    number = call.project.daemons.record(call.transaction, resource_id, daemon, call.now) if daemon else 0
    return (Element("other_daemons", number),) if number else ()


def _restored(call: ExchangeContext) -> Elements:
    """Return when the database was restored, lately, and from a backup of when: daemons report ends again."""
    backup = call.project.restoration.recent(call.transaction, call.now)
    if backup is None:
        return ()
    return (Element("restored_at", backup.restored_at), Element("backup_made_at", backup.made_at))


def _change(call: ExchangeContext, report: FormReport, job: JobRow) -> JobChange:
    """Return the change of a report; the job stays with the daemon whatever its specifics say."""
    change = read_change(call, report.form, job)
    if not change.job_specifics:
        return change
    return replace(change, job_specifics=with_reference(report.reference, change.job_specifics))


def _subscription(call: ExchangeContext, outcome: ExchangeOutcome, load: int) -> ExchangeSubscription:
    """Return what the daemon waits for: work, and a change or an observer of a job that it has."""
    requests, known = call.exchange.requests, outcome.held.known
    wanted = {want.application: want.without for want in requests.wants}
    return ExchangeSubscription(
        call.resource.resource_name,
        frozenset(wanted) | {job.application for job in known},
        queued=frozenset(job_id for without in wanted.values() for job_id in without),
        aborting=frozenset(job.job_id for job in known if job.state == State.ABORTING),
        load=load,
        watched=requests.watched,
        is_drained=call.resource.is_drained,
        missing=frozenset(wanted),
        held=frozenset(job.job_id for job in known),
        has_gpus=any(want.gpus for want in requests.wants),
        attaches=requests.attached is not None,
    )


def _count(call: ExchangeContext, outcome: ExchangeOutcome) -> None:
    """Count the jobs that are given out, and log the reports that are refused, after the commit."""
    refused = [one for one in outcome.reports if one.error is not None]
    if refused:
        call.transaction.on_commit(partial(_log_refused, call, refused))
    for application, number in Counter(given.job.application for given in outcome.jobs).items():
        count = partial(call.runtime.metrics.offered, call.project.name, application, number)
        call.transaction.on_commit(count)


def _log_refused(call: ExchangeContext, refused: Sequence[Verdict]) -> None:
    """Log reports that are refused, as a call that is refused is logged."""
    resource, account = call.resource.resource_name, log_account(call.who)
    for one in refused:
        text = "resource_exchange %a: report of job %a refused: %s"
        log.warning(text, resource, one.job_id, ascii(str(one.error)), extra=account)
