"""The files in the reports of an exchange, stored in the jobs' repositories before its transaction."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.api import fields
from lgi_server.api.context import CallRequest
from lgi_server.api.exchange_form import FormReport
from lgi_server.db.transaction import Transaction
from lgi_server.services.access import principals
from lgi_server.services.jobs import exchange_reports, updates
from lgi_server.services.jobs.exchange_request import Verdict
from lgi_server.storage import posted_files
from lgi_server.storage.posted_files import PostedFiles
from lgi_server.tables.job_queue import batches
from lgi_server.tables.job_queue.jobs import JobRow

log = logging.getLogger("lgi.api")


def store(call: CallRequest, reports: Sequence[FormReport | Verdict]) -> tuple[FormReport | Verdict, ...]:
    """Store the files of reports; return the reports.

    A report of whose files one is refused is the Verdict about that. Files of a job that another resource or
    daemon has are not stored; the report is refused for that later. LGIError unless the caller is
    registered.
    """
    having = [one for one in reports if isinstance(one, FormReport) and one.form.has(fields.FILES.name)]
    if not having:
        return tuple(reports)
    jobs = call.project.database.run(partial(_held_jobs, call, having), write=False)
    judged = _stored(call, [(one, jobs[one.job_id]) for one in having if one.job_id in jobs])
    return tuple(judged.get(one, one) if isinstance(one, FormReport) else one for one in reports)


def _held_jobs(
    call: CallRequest, reports: Sequence[FormReport], transaction: Transaction
) -> dict[int, JobRow]:
    """Return the reported jobs that the daemon has, by their numbers."""
    resource = principals.resource(transaction, call.who, call.project.resources).resource
    rows = batches.find(transaction, sorted({one.job_id for one in reports}))
    found = {}
    for report in reports:
        try:
            job = updates.check_visible(rows.get(report.job_id), resource, report.job_id)
            exchange_reports.check_held(job, report.reference)
        except LGIError:
            continue
        found[job.job_id] = job
    return found


def _stored(
    call: CallRequest, reports: Sequence[tuple[FormReport, JobRow]]
) -> dict[FormReport, FormReport | Verdict]:
    """Store the files of reports; return what becomes of each report."""
    judged: dict[FormReport, FormReport | Verdict] = {}
    posted: dict[FormReport, PostedFiles] = {}
    for report, job in reports:
        try:
            posted[report] = _posted(call, report, job.repository)
        except LGIError as error:
            judged[report] = _refused(report, error)
    outcomes = posted_files.store(call.runtime.store, list(posted.values())) if posted else []
    for report, outcome in zip(posted, outcomes, strict=True):
        judged[report] = (
            replace(report, stored=outcome) if isinstance(outcome, int) else _refused(report, outcome)
        )
    return judged


def _posted(call: CallRequest, report: FormReport, name: str) -> PostedFiles:
    if not name or not call.runtime.config.repositories_on_disk:
        raise LGIError(ErrorNumber.UPLOAD, "the job has no repository on the disk of this server")
    listed, contents = report.form.text(fields.FILES), report.form.data(fields.FILE_CONTENTS)
    return PostedFiles(name, listed, contents, call.who.account)


def _refused(report: FormReport, error: LGIError | OSError) -> Verdict:
    if isinstance(error, OSError):
        log.error("cannot store the files of job %d: %s", report.job_id, error)
        error = LGIError(ErrorNumber.UPLOAD, error.strerror or "")
    return Verdict(report.job_id, report.reference, error=error)
