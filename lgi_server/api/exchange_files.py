"""The files in the reports of an exchange, stored in the jobs' repositories before its transaction."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.api import fields
from lgi_server.api.context import CallRequest
from lgi_server.api.exchange_form import FormReport
from lgi_server.db.transaction import Transaction
from lgi_server.services.access import principals
from lgi_server.services.jobs import exchange_reports, updates
from lgi_server.services.jobs.exchange_request import Verdict
from lgi_server.storage import file_list
from lgi_server.storage.copies import copied, store_all
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
    judged = {one: _stored(call, one, jobs[one.job_id]) for one in having if one.job_id in jobs}
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


def _stored(call: CallRequest, report: FormReport, job: JobRow) -> FormReport | Verdict:
    try:
        return replace(report, stored=_store(call, report, job.repository))
    except LGIError as error:
        return Verdict(report.job_id, report.reference, error=error)
    except OSError as error:
        log.error("cannot store the files of job %d: %s", job.job_id, error)
        refused = LGIError(ErrorNumber.UPLOAD, error.strerror or "")
        return Verdict(report.job_id, report.reference, error=refused)


def _store(call: CallRequest, report: FormReport, name: str) -> int:
    """Store the files of a report in a repository; return their number. Raise LGIError, OSError."""
    if not name or call.runtime.config.remote:
        raise LGIError(ErrorNumber.UPLOAD, "the job has no repository on this server")
    repositories = call.runtime.store
    listed, contents = report.form.text(fields.FILES), report.form.data(fields.FILE_CONTENTS)
    budget = repositories.budget(call.who.account, name)
    budget.announce(len(contents))
    with budget.temporary_file() as arrived:
        arrived.write(contents)
        arrived.flush()
        uploads = file_list.read(listed, Path(arrived.name))
        with copied(repositories, name, uploads, budget) as copies:
            if not any(one.refused for one in copies):
                store_all(repositories, name, copies)
    for one in copies:
        if one.refused is not None:
            raise one.refused
    return len(copies)
