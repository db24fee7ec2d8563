"""Tells a project server how a job ended, and finds out whether it has heard so."""

import logging

from lgi_daemon.jobs.job import LocalJob
from lgi_daemon.rundir.record import claimed_by
from lgi_daemon.servers.connections import BackingOffError, SessionPool
from lgi_protocol.errors import ServerError, TransportError
from lgi_protocol.resource_api import ResourceCalls
from lgi_protocol.states import State, normalized

log = logging.getLogger(__name__)

CLOSED = frozenset({State.FINISHED, State.ABORTED})


def report(job: LocalJob, ending: State, round_: SessionPool) -> bool:
    """Whether the server has the job's end: now, or since an earlier report whose answer was lost."""
    project, server = job.record.project, job.record.server
    try:
        with round_.servers.watching(server):
            calls, _answer = round_.session(project, server)
            return _under_lock(job, ending, calls)
    except BackingOffError as reason:
        log.debug("%s: not reported yet: %s", job.title, reason)
    except ServerError as error:
        log.warning("%s: %s could not report it %s: %s", job.title, server, ending, error)
        round_.sign_off(project, server)
    except TransportError as error:
        log.warning("%s: could not be reported %s: %s", job.title, ending, error.reason)
        round_.sign_off(project, server)
    return False


def _under_lock(job: LocalJob, ending: State, calls: ResourceCalls) -> bool:
    calls.lock(job.record.job_id)
    try:
        return _tell(job, ending, calls)
    finally:
        unlock(calls, job.record.job_id)


def _tell(job: LocalJob, ending: State, calls: ResourceCalls) -> bool:
    """Post the end of a locked job, unless another daemon has it by now or the server knows."""
    held = calls.job_state(job.record.job_id)
    if not claimed_by(job.record, held):
        job.disown("another daemon has taken it over")
        return False
    if normalized(held.state) in CLOSED:
        log.info("%s: the server already has it as %s", job.title, held.state)
        return True
    if normalized(held.state) is State.QUEUED:
        # The server gave it up while we were away, and nobody else has taken it: it is running here.
        calls.update(job.record.job_id, state=str(State.RUNNING), daemon_reference=job.record.reference)
    record = job.record
    output, problem = job.run.files(record).output(record.max_output_size, record.remark, record.end)
    if problem:
        log.warning("%s: %s", job.title, problem)
    calls.update(
        record.job_id,
        state=str(ending),
        output=output,
        # Looked at by servers from 1.41 on: they refuse a report of a daemon that lost the job.
        daemon_reference=record.reference,
        exit_code=record.end.exit_code,
        exit_signal=record.end.exit_signal,
        end_reason=record.end.reason,
    )
    log.info("%s: reported %s with %d bytes of output", job.title, record.end.text(ending), len(output))
    return True


def unlock(calls: ResourceCalls, job_id: str) -> None:
    """Free a job; when that fails the end of the session frees it."""
    try:
        calls.unlock(job_id)
    except (ServerError, TransportError) as error:
        log.debug("job %s was not unlocked: %s", job_id, error)
