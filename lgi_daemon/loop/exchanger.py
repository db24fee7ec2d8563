"""Exchanges with the servers that take them: one call reports on jobs, names those here, and brings new ones.

A worker makes an exchange when something is due. Beside it, on a connection of its own, a server holds one
that waits for news (`held_exchanges`). Each has references of its own, so that no job comes in both answers;
the job of a lost answer, which the next exchange asks for again, is accepted once.
"""

import logging
from contextlib import ExitStack

from lgi_daemon.claiming.fetcher import JobFetcher
from lgi_daemon.claiming.given_jobs import GivenJobs, rejected_version
from lgi_daemon.claiming.machine_reports import MachineReports
from lgi_daemon.claiming.returned_jobs import ReturnedJobs
from lgi_daemon.claiming.vacancies import VacancyFinder
from lgi_daemon.files.disk_space import DiskSpace
from lgi_daemon.jobs.attach_sessions import AttachSessions
from lgi_daemon.jobs.exchange_jobs import ExchangeJobs, Reported
from lgi_daemon.jobs.job import LocalJob
from lgi_daemon.jobs.job_table import JobTable
from lgi_daemon.jobs.output_sender import OutputSender
from lgi_daemon.loop.exchange_vacancies import ExchangeVacancies
from lgi_daemon.loop.outgoing_exchange import OutgoingExchange
from lgi_daemon.loop.restored_servers import RestoredServers
from lgi_daemon.rundir.record import Phase
from lgi_daemon.rundir.run_directory import RunDirectory
from lgi_daemon.servers.exchange_servers import Announcement
from lgi_protocol.exchange import MOST_REPORTS, ExchangeAnswer
from lgi_protocol.job_description import JobDescription
from lgi_protocol.resource_api import ResourceCalls
from lgi_protocol.states import State

log = logging.getLogger(__name__)


class Exchanger:
    """Makes up exchanges and applies their answers, for any number of threads."""

    def __init__(
        self,
        fetcher: JobFetcher,
        jobs: JobTable,
        run: RunDirectory,
        *,
        exchange_jobs: ExchangeJobs,
        vacancy_finder: VacancyFinder,
        output_sender: OutputSender,
        attach_sessions: AttachSessions,
        disk: DiskSpace,
    ) -> None:
        """Take the jobs of ``jobs``, and the configuration of ``fetcher``."""
        self._fetcher = fetcher
        self._jobs = jobs
        self._references = run.references
        self.exchange_jobs = exchange_jobs
        # What was logged of items that servers cannot read.
        self._refusals: set[str] = set()
        self._output_sender = output_sender
        self._attach_sessions = attach_sessions
        self.disk = disk
        self._machine_reports = MachineReports(jobs, lambda: fetcher.configuration)
        claimer = fetcher.claimer
        self._rejected_jobs = claimer.rejected_jobs
        self.returned_jobs = ReturnedJobs(run.references)
        self._restored_servers = RestoredServers(run.ended, self.returned_jobs)
        self._given_jobs = GivenJobs(
            jobs,
            run,
            fetcher.scripts,
            reservations=claimer.reservations,
            rejected_jobs=claimer.rejected_jobs,
            returned_jobs=self.returned_jobs,
        )
        self.vacancies = ExchangeVacancies(fetcher, vacancy_finder, self._given_jobs, run.references, disk)

    def jobs_of(self, project: str, server: str) -> list[LocalJob]:
        """Return the jobs that exchanges with a server are about; unconfirmed claims are not."""
        return [
            job
            for job in self._jobs
            if (job.record.project, job.record.server) == (project, server)
            and job.record.phase is Phase.ACCEPTED
        ]

    def load(self) -> int:
        """Return the load of this resource in percent: servers give jobs to the least loaded first.

        It is the part of the slots that is taken, or how busy the cores are, by whomever, if that is more.
        """
        slots = 100 * len(self._jobs) // self._fetcher.configuration.rules.job_limit
        return max(slots, self._machine_reports.busy())

    def make_up(
        self, announcement: Announcement, calls: ResourceCalls, until_end: ExitStack, *, is_held: bool = False
    ) -> OutgoingExchange:
        """Return an exchange; a held one has no reports.

        Until the end of ``until_end`` its references are in no other exchange, and the jobs that are reported
        are locked: that must come after its answer was applied.
        """
        project, server = announcement.project, announcement.server
        jobs = self.jobs_of(project, server)
        returned = [] if is_held else self.returned_jobs.reports(project, server)
        reported: list[Reported] = []
        if not is_held:
            most, takes_files = MOST_REPORTS - len(returned), announcement.takes_files
            reported = self.exchange_jobs.reports(jobs, calls, until_end, most, takes_files=takes_files)
        self._reject(project, server, reported)
        without = [one.job_id for one in returned]
        vacancies, references = self.vacancies.reserve(announcement, reported, without)
        until_end.callback(self._references.release, references)
        return OutgoingExchange(
            tuple(reported),
            tuple(returned),
            tuple(self.exchange_jobs.holds(jobs, reported)),
            vacancies,
            references,
            self._output_sender.sending(project, server),
            self._machine_reports.news(project, server),
            self._attach_sessions.known(project, server),
        )

    def _reject(self, project: str, server: str, reported: list[Reported]) -> None:
        """Remember which jobs go back since their limits script rejected them: they are not wanted again."""
        for one in reported:
            if one.report.state == State.QUEUED:
                version = rejected_version(project, server, one.job.record.application, one.report.job_id)
                if not self._rejected_jobs.retry_in(version):
                    self._rejected_jobs.record(version)

    def send(
        self,
        outgoing: OutgoingExchange,
        calls: ResourceCalls,
        seconds: int = 0,
        capabilities: str = "",
    ) -> ExchangeAnswer:
        """Make the call of an exchange; its errors are passed on."""
        with ExitStack() as undo:
            undo.callback(self._references.unanswered, outgoing.names)
            answer = calls.exchange(
                outgoing.message(),
                self._fetcher.sessions.daemon,
                seconds,
                load=self.load(),
                capabilities=capabilities,
            )
            undo.pop_all()
        return answer

    def apply(
        self,
        outgoing: OutgoingExchange,
        answer: ExchangeAnswer,
        announcement: Announcement,
    ) -> bool:
        """Apply an answer; return whether the server may have more jobs for the room that is left.

        Raise ValueError for one that belongs to another exchange.
        """
        project, server = announcement.project, announcement.server
        count = len(outgoing.reported)
        if len(answer.reports) != count + len(outgoing.returned):
            raise ValueError("it does not name the jobs that were reported")
        self.exchange_jobs.apply_reports(outgoing.reported, answer.reports[:count])
        self.returned_jobs.answered(project, server, outgoing.returned, answer.reports[count:])
        for reference in answer.spent:
            if reference in outgoing.names:
                self._references.forget(reference)
        self._references.answered(outgoing.names)
        self._machine_reports.note_answer(project, server, outgoing.machine)
        self.exchange_jobs.apply_holds(outgoing.held, answer.holds)
        self._accept(answer, announcement)
        self._output_sender.start(project, server, answer.watched)
        self._attach_sessions.start(project, server, answer.attaches)
        self._fetcher.sessions.log_others(project, server, answer.other_daemons)
        self._log_refused(server, answer)
        self._restored_servers.tell_ends(project, server, answer)
        return answer.has_more or outgoing.is_filled_by(answer)

    def _log_refused(self, server: str, answer: ExchangeAnswer) -> None:
        """Say once what of the configuration a server cannot read: it gets no jobs until that is changed."""
        refused = {f"{server} refuses what is wanted for {one.name!a}: {one.error}" for one in answer.refused}
        for text in sorted(refused - self._refusals):
            log.warning("%s", text)
        self._refusals |= refused

    def _reject_briefly(self, project: str, server: str, job: JobDescription) -> None:
        version = rejected_version(project, server, job.application, job.job_id)
        self._rejected_jobs.record(version, is_brief=True)

    def considered_again(self, project: str, server: str) -> float | None:
        """Return in how many seconds a job may be wanted that is not now, since it was given back."""
        return self._rejected_jobs.next_end(project, server)

    def has_new_returns(self, outgoing: OutgoingExchange, announcement: Announcement) -> bool:
        """Return whether jobs have come with the answer that must be given back."""
        waiting = self.returned_jobs.reports(announcement.project, announcement.server)
        return any(report not in outgoing.returned for report in waiting)

    def _accept(self, answer: ExchangeAnswer, announcement: Announcement) -> None:
        project, server = announcement.project, announcement.server
        for given in answer.jobs:
            reason = self._given_jobs.accept(
                given,
                self._fetcher.configuration,
                project=project,
                server=server,
                sign_up=announcement.sign_up,
                fingerprint=self._fetcher.servers.certificate_fingerprint,
            )
            if not reason:
                # Not "|=", as another thread may set it meanwhile.
                self._fetcher.claimed_any = True
            else:
                self._reject_briefly(project, server, given.description)
