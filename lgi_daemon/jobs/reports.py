"""Reports the end of a job to its server, unless the server has received an earlier report."""

import logging
from dataclasses import dataclass, replace

from lgi_daemon.jobs import streams
from lgi_daemon.jobs.job import LocalJob
from lgi_daemon.jobs.restored_job import claim_fields, recognized
from lgi_daemon.rundir.record import claimed_by
from lgi_daemon.servers.connections import BackingOffError
from lgi_daemon.servers.sessions import SessionPool
from lgi_protocol.errors import ServerError, TransportError
from lgi_protocol.job_end import End, normalize_reason
from lgi_protocol.job_repository import RepositoryError, SmallFile
from lgi_protocol.resource_api import ResourceCalls
from lgi_protocol.states import State, normalized

log = logging.getLogger(__name__)

CLOSED = frozenset({State.FINISHED, State.ABORTED})
# Why a job that its limits script has rejected is dropped: its server queues it when its heartbeat stops.
NOT_TAKEN_BACK = "it may not run here, and the server takes no job back"


@dataclass(frozen=True)
class Ending:
    """What a report says of the end of a job."""

    output: bytes
    end: End
    files: tuple[SmallFile, ...] = ()


def read_ending(job: LocalJob, calls: ResourceCalls, *, takes_files: bool = False) -> Ending:
    """Return what to report of a job that has ended, and store its streams unless the report takes files.

    Raise RepositoryError or TransportError when they cannot be stored now.
    """
    record = job.record
    files = streams.for_report(job) if takes_files else ()
    if not files and (loss := streams.store(job, calls)):
        end = replace(record.end, reason=normalize_reason("; ".join(filter(None, (record.end.reason, loss)))))
        record = replace(record, end=end, remark="; ".join(filter(None, (record.remark, loss))))
    output, problem = job.run.files(record).output(record.max_output_size, record.remark, record.end)
    if problem:
        log.warning("%s: %s", job.title, problem)
    return Ending(output, record.end, files)


def report(job: LocalJob, ending: State, sessions: SessionPool) -> bool:
    """Report a job; return whether the server has its end, be it from an earlier report without answer."""
    project, server = job.record.project, job.record.server
    if ending is State.QUEUED:
        job.disown(NOT_TAKEN_BACK)
        return False
    try:
        with sessions.servers.tracking(server):
            calls, _answer = sessions.session(project, server)
            return _under_lock(job, ending, calls)
    except BackingOffError as reason:
        log.debug("%s: report postponed: %s", job.title, reason)
    except ServerError as error:
        log.warning("%s: reporting it %s to %s failed: %s", job.title, ending, server, error)
        sessions.sign_off(project, server)
    except RepositoryError as error:
        log.warning("%s: reporting it %s to %s failed: %s", job.title, ending, server, error)
    except TransportError as error:
        log.warning("%s: reporting it %s failed: %s", job.title, ending, error.reason)
        sessions.sign_off(project, server)
    return False


def _under_lock(job: LocalJob, ending: State, calls: ResourceCalls) -> bool:
    calls.lock(job.record.job_id)
    try:
        return _post(job, ending, calls)
    finally:
        unlock(calls, job.record.job_id)


def _post(job: LocalJob, ending: State, calls: ResourceCalls) -> bool:
    """Post the end of a locked job, unless another daemon has it now or the server has the end."""
    state = calls.job_state(job.record.job_id)
    if not claimed_by(job.record, recognized(job.record, state)):
        job.disown("another daemon has claimed it")
        return False
    if normalized(state.state) in CLOSED:
        log.info("%s: the server already has it as %s", job.title, state.state)
        return True
    if normalized(state.state) is State.QUEUED:
        # The server has queued it again while we were unreachable, and no other daemon has claimed it.
        calls.update(job.record.job_id, state=str(State.RUNNING), **claim_fields(job.record, state))
    read = read_ending(job, calls)
    calls.update(
        job.record.job_id,
        state=str(ending),
        output=read.output,
        # Servers from 1.41 on reject the report of a daemon that has lost the job.
        daemon_reference=job.record.reference,
        exit_code=read.end.exit_code,
        exit_signal=read.end.exit_signal,
        end_reason=read.end.reason,
        **vars(read.end.usage),
    )
    log.info("%s: reported %s with %d bytes of output", job.title, read.end.text(ending), len(read.output))
    return True


def unlock(calls: ResourceCalls, job_id: str) -> None:
    """Unlock a job; when that fails the end of the session unlocks it."""
    try:
        calls.unlock(job_id)
    except (ServerError, TransportError) as error:
        log.debug("cannot unlock job %s: %s", job_id, error)
