"""What resources and daemons wait for in long polls of work."""

from dataclasses import dataclass

from lgi_protocol import comma_lists
from lgi_protocol.states import State
from lgi_server.background.notices import JobNotice
from lgi_server.tables.job_queue.pending_work import ATTACHING, WATCHED, PendingJob

# The states of notices that some call may wait for. Thousands of calls may wait, so the notices of all other
# changes, of which each job makes two, are not compared with them.
CONCERNING = frozenset({State.QUEUED.value, State.ABORTING.value, ATTACHING})


@dataclass(frozen=True)
class WorkSubscription:
    """What a resource waits for: jobs of these applications that it does not know yet.

    ``queued`` and ``aborting`` are the jobs that it knows in these states. ``load`` is how full it is, in
    percent: resources with less load are woken first. ``watched`` are the jobs whose output it sends already,
    None if it cannot send output. One that is drained is not woken for queued jobs.
    One that ``attaches``, which is an exchange, waits for sessions of LGI_attach.
    """

    resource: str
    applications: frozenset[str]
    queued: frozenset[int] = frozenset()
    aborting: frozenset[int] = frozenset()
    load: int = 0
    watched: frozenset[int] | None = None
    is_drained: bool = False
    attaches: bool = False

    @property
    def caller(self) -> str:
        """The resource."""
        return self.resource

    @property
    def open_applications(self) -> frozenset[str]:
        """The applications of which the resource would take new jobs."""
        return self.applications

    @property
    def takes_jobs(self) -> bool:
        """Whether the resource waits for new jobs, not only for what becomes of those that it has."""
        return bool(self.open_applications) and not self.is_drained

    @property
    def observes(self) -> bool:
        """Whether the resource waits for users who watch or attach to its jobs."""
        return self.watched is not None or self.attaches

    def concerns(self, notice: JobNotice) -> bool:
        """Return whether a changed job may be one that the resource waits for."""
        return notice.state in {State.QUEUED, State.ABORTING} and notice.application in self.applications

    def names(self, _job: PendingJob) -> bool:
        """Return whether a call with the same fields is answered with news of a job."""
        return True

    def matches(self, job: PendingJob) -> bool:
        """Return whether a job is one that the resource waits for."""
        if job.state == WATCHED:
            is_new = self.watched is not None and job.job_id not in self.watched
            return is_new and self.resource in job.target_resources
        if job.state == ATTACHING or job.application not in self.applications:
            return False
        if job.state == State.ABORTING:
            return job.job_id not in self.aborting and self.resource in job.target_resources
        return (
            not self.is_drained
            and job.job_id not in self.queued
            and self.resource not in job.excluded
            and comma_lists.contains_any(job.target_resources, [self.resource])
        )


@dataclass(frozen=True)
class ExchangeSubscription(WorkSubscription):
    """What a daemon waits for in an exchange: new jobs, and changes and observers of those that it has.

    It names those in ``held``; news of others of its resource end the wait too, if they are of applications
    that it names. ``missing`` are the applications it wants jobs of; ``applications`` also has those of the
    held jobs. One without ``has_gpus`` waits for no job that needs GPUs.
    """

    missing: frozenset[str] = frozenset()
    held: frozenset[int] = frozenset()
    has_gpus: bool = False

    @property
    def open_applications(self) -> frozenset[str]:
        """The applications of which the daemon would take new jobs."""
        return self.missing

    def concerns(self, notice: JobNotice) -> bool:
        """Return whether a changed job may be one that the daemon waits for."""
        if notice.state == State.QUEUED:
            return notice.application in self.missing
        return notice.state in {State.ABORTING, ATTACHING} and notice.application in self.applications

    def names(self, job: PendingJob) -> bool:
        """Return whether the same exchange is answered with news of a job: to take it, or of one it holds."""
        return job.state == State.QUEUED or job.job_id in self.held

    def matches(self, job: PendingJob) -> bool:
        """Return whether a job is one that the daemon waits for."""
        if job.state == ATTACHING:
            return self.attaches and self.resource in job.target_resources
        if job.state == State.QUEUED:
            is_wanted = job.application in self.missing and (self.has_gpus or not job.needs_gpus)
            return is_wanted and super().matches(job)
        return super().matches(job)
