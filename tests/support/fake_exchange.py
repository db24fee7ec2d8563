"""`resource_exchange` of the server in memory: reports, holds, references and wants, in this order."""

from dataclasses import replace
from typing import TYPE_CHECKING

from lgi_protocol import comma_lists, exchange_text, xml
from lgi_protocol.demand import demand_of
from lgi_protocol.errors import ErrorNumber, ServerError
from lgi_protocol.exchange import (
    WITH_FILES,
    Exchange,
    ExchangeAnswer,
    GivenJob,
    Hold,
    JobAnswer,
    Report,
    Want,
)
from lgi_protocol.job_description import JobDescription
from lgi_protocol.job_usage import NO_USAGE
from lgi_protocol.states import has_ended

if TYPE_CHECKING:
    from tests.support.fake_server import FakeServer


class FakeExchange:
    """One exchange with a server; its values pass through the text of the wire, as the real ones."""

    def __init__(self, server: "FakeServer", resource: str) -> None:
        self.server = server
        self.resource = resource

    def answer(self, exchange: Exchange) -> ExchangeAnswer:
        """Do everything, as in one transaction."""
        text = exchange_text.write(exchange)
        assert len(text.encode()) < 8 * 1024 * 1024
        assert len({one.daemon_reference for one in exchange.references}) == len(exchange.references)
        reports = tuple(self._report(one) for one in exchange.reports)
        holds = tuple(answer for one in exchange.holds if (answer := self._hold(one)))
        known = [one.daemon_reference for one in exchange.references]
        spent = tuple(one for one in known if self._is_spent(one))
        again = [job for one in known if one not in spent and (job := self._job_of(one))]
        taken = {job.daemon_reference for job in again}
        unused = [one for one in known if one not in spent and one not in taken]
        new = [job for want in exchange.wants for job in self._take(want, unused)]
        watched = (
            self.server.looked_at - {*(exchange.watched or ())} if exchange.watched is not None else set()
        )
        return ExchangeAnswer(
            resource=self.resource,
            reports=reports,
            holds=holds,
            watched=tuple(sorted(watched)),
            spent=spent,
            jobs=tuple(GivenJob(job, repository_files=0) for job in (*again, *new)),
        )

    def _report(self, report: Report) -> JobAnswer:
        try:
            job = self._reported(report)
        except ServerError as error:
            return JobAnswer(report.job_id, report.daemon_reference, error=error)
        # An older one does not know the element.
        files = len(report.files) if self.server.exchange >= WITH_FILES else 0
        return JobAnswer(report.job_id, report.daemon_reference, job.state, job.state_time_stamp, files=files)

    def _reported(self, report: Report) -> JobDescription:
        job = self._ours(report)
        if job.job_id in self.server.locks:
            raise _error(ErrorNumber.CANNOT_LOCK)
        if job.job_id in self.server.refusals:
            raise _error(self.server.refusals[job.job_id])
        if report.state == job.state and has_ended(job.state):
            return job
        if report.state == "queued":
            if job.state != "running":
                raise _error(ErrorNumber.STATE)
            specifics = job.job_specifics[next(xml.elements(job.job_specifics)).end :].strip()
            self.server.returned.append((job.job_id, report.end.reason))
            self.server.change(job.job_id, state="queued", target_resources=("any",), job_specifics=specifics)
        elif has_ended(job.state):
            raise _error(ErrorNumber.STATE)
        else:
            output = report.output or job.output
            end = replace(report.end, usage=NO_USAGE)
            self.server.usages[job.job_id] = report.end.usage
            self.server.change(job.job_id, state=report.state, output=output, end=end)
        return self.server.jobs[job.job_id]

    def _ours(self, one: Report | Hold) -> JobDescription:
        job = self.server.jobs.get(one.job_id)
        if job is None:
            raise _error(ErrorNumber.NO_JOB)
        if job.daemon_reference != one.daemon_reference:
            raise _error(ErrorNumber.NOT_YOUR_LOCK)
        return job

    def _hold(self, hold: Hold) -> JobAnswer | None:
        self.server.pulses.append(hold.job_id)
        if hold.wait_reason is not None:
            self.server.wait_reasons.append(hold.wait_reason)
        try:
            job = self._ours(hold)
        except ServerError as error:
            return JobAnswer(hold.job_id, hold.daemon_reference, error=error)
        if job.state == "queued" and job.job_id not in self.server.locks:
            self.server.change(job.job_id, state="running", target_resources=(self.resource,))
            job = self.server.jobs[job.job_id]
        if job.state_time_stamp == hold.state_time_stamp:
            return None
        return JobAnswer(
            hold.job_id,
            hold.daemon_reference,
            job.state,
            job.state_time_stamp,
            job.job_specifics,
            job.target_resources,
        )

    def _job_of(self, reference: str) -> JobDescription | None:
        found = [job for job in self.server.jobs.values() if job.daemon_reference == reference]
        return found[0] if found else None

    def _is_spent(self, reference: str) -> bool:
        job = self._job_of(reference)
        return job is not None and has_ended(job.state)

    def _take(self, want: Want, unused: list[str]) -> list[JobDescription]:
        allowed = [one for one in comma_lists.split(want.owners) if not one.startswith("!")]
        denied = [one[1:] for one in comma_lists.split(want.owners) if one.startswith("!")]
        found = []
        for job in list(self.server.jobs.values()):
            if job.state != "queued" or job.application != want.application or job.job_id in want.without:
                continue
            if job.job_id in self.server.locks or len(found) == want.count or not unused:
                continue
            if comma_lists.contains_any(denied, job.owners):
                continue
            if allowed and not comma_lists.contains_any(allowed, job.owners):
                continue
            if want.cores is not None and want.cores <= len(found):
                continue
            if demand_of(job.job_specifics).gpus > (want.gpus or 0):
                continue
            found.append(self._claim(job, unused.pop(0)))
        return found

    def _claim(self, job: JobDescription, reference: str) -> JobDescription:
        inside = job.job_specifics
        former = xml.find(inside, "daemon_reference")
        if former is not None:
            inside = f"{inside[: former.begin]}{inside[former.end :]}"
        specifics = f"<daemon_reference> {reference} </daemon_reference> {inside.strip()}".strip()
        self.server.change(
            job.job_id, state="running", target_resources=(self.resource,), job_specifics=specifics
        )
        self.server.given.append((job.job_id, reference))
        return self.server.jobs[job.job_id]


def _error(number: ErrorNumber) -> ServerError:
    return ServerError(int(number), number.message)
