"""Brings the record of a job up to date with what its server has answered."""

import logging

from lgi_daemon.jobs.job import LocalJob
from lgi_daemon.jobs.lifecycle import ServerIntent, reported_state
from lgi_daemon.jobs.reports import CLOSED, unlock
from lgi_daemon.jobs.restored_job import claim_fields, recognized
from lgi_daemon.rundir.record import Phase, claimed_by
from lgi_daemon.servers.sessions import SessionPool
from lgi_protocol.errors import ErrorNumber, ServerError
from lgi_protocol.job_description import JobDescription
from lgi_protocol.resource_api import ResourceCalls
from lgi_protocol.states import State, normalized

log = logging.getLogger(__name__)

# Errors of a job that the server does not have, or not for this resource.
LOST = (ErrorNumber.NO_JOB, ErrorNumber.NOT_VISIBLE)


def apply_answer(job: LocalJob) -> bool:
    """Store what the server has answered while others worked on a job, as far as that takes no call.

    Return whether the server now wants something else of it.
    """
    answer, intent = job.unapplied_answer, job.intent
    if job.record.phase is not Phase.ACCEPTED:
        return False
    if isinstance(answer, ServerError):
        if answer.number in LOST:
            job.disown(str(answer))
    elif answer is not None:
        _store_state(job, recognized(job.record, answer))
    return job.intent is not intent


def reconcile(job: LocalJob, answer: JobDescription, sessions: SessionPool, now: float) -> None:
    """Bring the record up to date with the state at the server. Errors are those of the calls."""
    answer = recognized(job.record, answer)
    ours = claimed_by(job.record, answer)
    if job.record.phase is Phase.CLAIMING and not ours:
        _check_claim(job, answer, now)
    elif ours and job.record.ending and normalized(answer.state) in CLOSED:
        log.info("%s: the server has it as %s", job.title, answer.state)
        close(job, now)
    elif not ours or answer.state_time_stamp != job.record.state_time_stamp:
        _apply_change(job, answer, sessions, now)


def drop_claim(job: LocalJob, reason: str) -> None:
    """Remove a job that was not claimed."""
    log.info("%s: claim failed: %s", job.title, reason)
    job.remove()


def close(job: LocalJob, now: float) -> None:
    """Let the next check remove a job whose end the server has; keep the end for one that is restored."""
    state = reported_state(job.intent, State(job.record.ending))
    if state is not State.QUEUED:
        job.run.ended.add(job.record, str(state))
    job.closed = True
    job.schedule.server_changed(now)


def _check_claim(job: LocalJob, answer: JobDescription, now: float) -> None:
    """Drop a claim that the server does not confirm, unless its call may still be under way."""
    if answer.state == State.QUEUED and not job.schedule.claim_expired(now):
        job.schedule.claim_unconfirmed(now)
    else:
        drop_claim(job, f"the server has it as {answer.state!r} without our reference")


def _apply_change(job: LocalJob, answer: JobDescription, sessions: SessionPool, now: float) -> None:
    """Store a changed state at once, then the details: only they contain the input."""
    job.schedule.server_changed(now)
    if job.record.phase is Phase.ACCEPTED or not claimed_by(job.record, answer):
        _store_state(job, answer)
    if not claimed_by(job.record, answer) or job.record.disowned:
        return
    if job.intent is ServerIntent.REQUEUED and job.record.ending:
        return  # Its report takes it back.
    calls, sign_up = sessions.session(job.record.project, job.record.server)
    if not _lock(job, calls, now):
        return
    try:
        if job.intent is ServerIntent.REQUEUED:
            _take_back(job, calls, sign_up.resource)
        details = calls.details(job.record.job_id)
    finally:
        unlock(calls, job.record.job_id)
    job.apply_server_state(
        details, phase=Phase.ACCEPTED, state_time_stamp=details.state_time_stamp, input=details.input
    )


def _lock(job: LocalJob, calls: ResourceCalls, now: float) -> bool:
    """Lock a job; return False for one that was queued again and that somebody else is considering."""
    try:
        calls.lock(job.record.job_id)
    except ServerError as error:
        if job.intent is not ServerIntent.REQUEUED or error.number != ErrorNumber.CANNOT_LOCK:
            raise
        # Once another daemon has taken it, it is no longer ours.
        job.schedule.claim_unconfirmed(now)
        return False
    return True


def _take_back(job: LocalJob, calls: ResourceCalls, resource: str) -> None:
    """Claim a locked job again that the server has queued, as after an outage: it is here all the time."""
    state = calls.job_state(job.record.job_id)
    if claimed_by(job.record, recognized(job.record, state)) and normalized(state.state) is State.QUEUED:
        log.info("%s: the server has queued it again; it is taken back", job.title)
        calls.update(
            job.record.job_id,
            state=str(State.RUNNING),
            target_resources=resource,
            **claim_fields(job.record, state),
        )


def _store_state(job: LocalJob, answer: JobDescription) -> None:
    if answer.state != job.record.state:
        log.info("%s: the server now has it as %s", job.title, answer.state)
    job.apply_server_state(answer)
