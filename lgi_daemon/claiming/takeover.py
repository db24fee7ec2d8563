"""Claims an offered job for the copy of it that is here already, instead of running it twice."""

import logging

from lgi_daemon.claiming.claim import OfferedJob
from lgi_daemon.jobs.job import LocalJob
from lgi_daemon.jobs.job_table import JobTable
from lgi_daemon.jobs.lifecycle import ServerIntent
from lgi_daemon.jobs.limits_check import passes_limits_script
from lgi_daemon.rundir.record import JobRecord, Phase, claimed_by
from lgi_protocol.daemon_reference import with_reference
from lgi_protocol.errors import ServerError
from lgi_protocol.job_repository import url_of
from lgi_protocol.resource_api import ResourceCalls
from lgi_protocol.states import State

log = logging.getLogger(__name__)


def local_copy(jobs: JobTable, offer: OfferedJob) -> LocalJob | None:
    """Return the copy of an offered job that is here: its server has queued it again, as after an outage.

    One that is given up or has been reported is none: it may take for ever to go. Nor is one of a job that is
    gone, whose number the server has given to another since: its database was restored.
    """
    for job in jobs:
        if _is_same(job.record, offer) and not _is_going(job):
            return job
    return None


def _is_same(here: JobRecord, offer: OfferedJob) -> bool:
    """Return whether a copy is of an offered job, which has a number and a repository of its own."""
    offered = offer.description
    return (
        (here.project, here.server, here.job_id) == (offer.project.name, offer.server, offered.job_id)
        and (here.application, here.owners) == (offer.application.name, offered.owners)
        and url_of(here.job_specifics) == url_of(offered.job_specifics)
    )


def _is_going(job: LocalJob) -> bool:
    is_given_up = job.record.phase is not Phase.CLAIMING and job.intent is ServerIntent.STALE
    return job.removed or job.closed or is_given_up


def take_over(job: LocalJob, offer: OfferedJob, calls: ResourceCalls, now: float) -> bool:
    """Claim an offered job for its local copy; return whether it is claimed.

    A copy that somebody works on is left alone: the job is offered again. Raise TransportError when the
    answer is lost; the copy then asks the server itself.
    """
    if not job.lock.acquire(blocking=False):
        return False
    try:
        if _is_going(job) or not _is_accepted(job):
            return False
        return _claim(job, offer, calls, now)
    finally:
        job.lock.release()


def _is_accepted(job: LocalJob) -> bool:
    """Return whether a job has passed its limits script; remove one that has not, whose claim was not made.

    A daemon that is killed while the script runs leaves a copy that was never checked.
    """
    if job.record.phase is not Phase.CLAIMING or passes_limits_script(job, logging.INFO):
        return True
    job.remove()
    return False


def _claim(job: LocalJob, offer: OfferedJob, calls: ResourceCalls, now: float) -> bool:
    record = job.record
    try:
        answer = calls.update(
            record.job_id,
            state=str(State.RUNNING),
            target_resources=offer.resource,
            job_specifics=with_reference(record.reference, offer.description.job_specifics),
        )
    except ServerError as error:
        log.warning("%s: the server does not give it back: %s", job.title, error)
        return False
    if claimed_by(record, answer):
        # An answer received before is older.
        job.unapplied_answer = None
        job.apply_server_state(
            answer, phase=Phase.ACCEPTED, state_time_stamp=answer.state_time_stamp, input=answer.input
        )
        job.schedule.server_changed(now)
        log.info("%s: the server had queued it again; it is taken back", job.title)
    return True
