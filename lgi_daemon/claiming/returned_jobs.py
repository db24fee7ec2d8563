"""Reports of jobs that are not here: jobs that are given back, and ends that a restored server may not know.

A job that an exchange brought and that cannot be taken is given back by the next one. Nothing of it is
stored. After a kill its reference, which stays on the disk until then, brings it again.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from threading import Lock

from lgi_daemon.rundir.end_journal import ReportedEnd
from lgi_daemon.rundir.reference_pool import ReferencePool
from lgi_protocol.errors import ErrorNumber
from lgi_protocol.exchange import MOST_REPORTS, JobAnswer, Report
from lgi_protocol.job_end import End, normalize_reason
from lgi_protocol.states import State

log = logging.getLogger(__name__)

LOST_OUTPUT = "its output, and files that it stored last, may be lost: the server was restored from a backup"
# Of a server that gives jobs without end.
_MAX_REMEMBERED = 4096


class ReturnedJobs:
    """The jobs to give back, for several threads."""

    def __init__(self, references: ReferencePool) -> None:
        """Have none yet."""
        self._references = references
        self._guard = Lock()
        self._reports: dict[tuple[str, str, str, str], Report] = {}

    def add(self, project: str, server: str, job_id: str, reference: str, reason: str) -> None:
        """Give a job back in the next exchange with its server, which stores the reason.

        A job that another exchange brought too is given back for the first reason: the second one is only
        that its reference is no longer there.
        """
        key = project, server, job_id, reference
        report = Report(job_id, reference, str(State.QUEUED), end=End(reason=normalize_reason(reason)))
        with self._guard:
            known = self._reports.get(key)
            if (known and known.state == State.QUEUED) or len(self._reports) >= _MAX_REMEMBERED:
                return
            self._reports[key] = report
        log.info("job %s of %s: given back to %s: %s", job_id, project, server, reason)

    def tell_ends(self, project: str, server: str, ends: Iterable[ReportedEnd]) -> None:
        """Report ends again to a server that was restored: it may have the jobs as before them."""
        with self._guard:
            for one in ends:
                reason = "; ".join(filter(None, (one.reason, LOST_OUTPUT)))
                end = replace(one.end, reason=normalize_reason(reason))
                key = project, server, one.job_id, one.reference
                self._reports.setdefault(key, Report(one.job_id, one.reference, one.state, end=end))

    def reports(self, project: str, server: str) -> list[Report]:
        """Return the reports for one exchange with a server."""
        with self._guard:
            found = [report for key, report in self._reports.items() if key[:2] == (project, server)]
        return found[: MOST_REPORTS // 2]

    def answered(
        self, project: str, server: str, reports: Sequence[Report], answers: Sequence[JobAnswer]
    ) -> None:
        """Forget what the server has, or wants no more; a job that is locked there is sent again."""
        for report, answer in zip(reports, answers, strict=True):
            if answer.error is not None and answer.error.number == ErrorNumber.CANNOT_LOCK:
                continue
            if answer.error is not None:
                log.debug("job %s cannot be reported %s: %s", report.job_id, report.state, answer.error)
            with self._guard:
                self._reports.pop((project, server, report.job_id, report.daemon_reference), None)
            self._references.forget(report.daemon_reference)
