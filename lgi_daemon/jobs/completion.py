"""The end of a job on this resource: its abort and epilogue scripts, and what is reported to its server."""

import logging
import time
from dataclasses import replace

from lgi_daemon.execution.scripts import NoAnswerError
from lgi_daemon.files.reserve import is_disk_full
from lgi_daemon.jobs import excess, library_epilogue, measurement, memory_limit, streams
from lgi_daemon.jobs.action_scripts import run_script
from lgi_daemon.jobs.failure_count import EX_TEMPFAIL
from lgi_daemon.jobs.job import LocalJob
from lgi_daemon.jobs.lifecycle import Action, ServerIntent
from lgi_daemon.rundir import end_file
from lgi_protocol.job_end import NO_END, End, normalize_reason
from lgi_protocol.job_usage import NO_USAGE
from lgi_protocol.states import State

log = logging.getLogger(__name__)

# A job whose epilogue fails this often ends without the files it should have stored. An epilogue that exits
# with EX_TEMPFAIL, or fails while the server is unreachable, does not count.
MAX_EPILOGUES = 8
# This attempt to abort a job is the last: before it all processes of the job's own uid are killed.
MAX_ABORTS = 2
# The reason reported for a job whose marks are missing.
LOST = "the job left no record of its end"
UNREADABLE = "the record of the job's end cannot be read"
FULL = "No space left on device"
FULL_MEANWHILE = f"the disk was full while it ran: {FULL}"
# Seconds for which a full disk keeps the files of a job that its server, though it answers, does not take.
# The server may use the same disk.
PATIENCE = 60.0
DELETED = f"{FULL}: its files were deleted, so that it could be reported"
# The disk may have been full for less than the second between two looks at it.
EMPTY = f"the record of the job's end is empty, as on a full disk: {FULL}"


def save_end(job: LocalJob, ending: State) -> None:
    """Store what is to be reported, once: later the marks of the scripts may be missing."""
    record = job.record
    if record.ending:
        return
    if job.remark and job.intent is ServerIntent.UNWANTED:
        # Its user has aborted it, and it had not ended well before.
        ending = State.ABORTED
    end = _read_end(job)
    if end == NO_END and ending is State.FINISHED:
        end = _missing_end(job)
    if (reason := excess.reason_of(job)) and reason not in end.reason:
        job.add_remark(reason)
    if end == NO_END and end_file.is_empty(job.run.state(record)):
        job.add_remark(EMPTY)
    if FULL not in f"{end.reason}{job.remark}" and (job.disk_was_full or job.run.is_full()):
        job.add_remark(FULL if job.run.is_full() else FULL_MEANWHILE)
    reason = normalize_reason("; ".join(filter(None, (end.reason, job.remark))))
    usage = measurement.usage_of(job) if ending is not State.QUEUED else NO_USAGE
    end = replace(end, reason=reason, usage=usage)
    try:
        job.save(ending=str(ending), end=end, remark=job.remark)
    except OSError as error:
        if not is_disk_full(error):
            raise
        # The epilogue has stored them elsewhere by now, or never will.
        _delete_files(job)
        # Others may take what that frees. It is reported all the same.
        job.save_or_keep(ending=str(ending), end=end, remark=job.remark)


def _read_end(job: LocalJob) -> End:
    return end_file.read(job.run.state(job.record), job.run.files(job.record).owner)


def _missing_end(job: LocalJob) -> End:
    """Return why nothing is known of the end of a finished job; NO_END when its scripts tell no ends."""
    if end_file.is_written(job.run.state(job.record)):
        return End(reason=UNREADABLE)
    is_explained = job.schedule.lost_at is None or excess.reason_of(job)
    return NO_END if is_explained else End(reason=LOST)


def abort(job: LocalJob) -> bool:
    """Abort a job; return whether it has ended.

    One with a uid of its own may kill its abort script or deceive it, but not twice.
    """
    job.schedule.end_attempted()
    is_last = job.schedule.end_attempts >= MAX_ABORTS and job.run.sandboxed and job.record.own_uid
    if is_last:
        job.kill_processes()
    try:
        succeeded = run_script(job, Action.ABORT) == 0
    except NoAnswerError:
        if not is_last:
            raise
        succeeded = False
    if is_last and not succeeded:
        log.critical("%s: job_abort_script keeps failing; the job was killed", job.title)
        job.add_remark("job_abort_script failed; the processes of the job were killed")
    if is_last or succeeded:
        job.kill_processes()
    return is_last or succeeded


def epilogue(job: LocalJob) -> bool:
    """Run the epilogue of a job; return whether it succeeded or is given up."""
    memory_limit.note_kills(job)
    # The job has finished: processes it has left could change its files, and run for ever.
    job.kill_processes()
    job.restore_files()
    job.run.files(job.record).discard_odd_output()
    try:
        status = _run_epilogue(job)
        if _needs_space(job, status):
            return _retry_with_space(job)
    except NoAnswerError as error:
        if not _is_last_epilogue(job, f"did not end: {error}"):
            raise
        return True
    return status == 0 or _is_last_epilogue(job, f"ended with status {status}", status == EX_TEMPFAIL)


def _run_epilogue(job: LocalJob) -> int:
    if library_epilogue.finish(job):
        return 0
    job.hints = streams.hints(job)
    try:
        return run_script(job, Action.EPILOGUE)
    finally:
        job.hints = {}


def _needs_space(job: LocalJob, status: int) -> bool:
    """Return whether an epilogue may have failed since the disk is full; not while the server is away."""
    if status == 0 or not job.run.is_full():
        job.full_since = None
        return False
    if status != EX_TEMPFAIL:
        return True
    if job.full_since is None or job.server_unreachable:
        job.full_since = time.monotonic()
    return time.monotonic() >= job.full_since + PATIENCE


def _retry_with_space(job: LocalJob) -> bool:
    """Retry the epilogue with the reserved disk space, then with that of the job's own files."""
    job.run.reserve.release()
    status = _run_epilogue(job)
    if status != 0:
        _delete_files(job)
        status = _run_epilogue(job)
        if status == 0:
            job.add_remark(DELETED)
    if status not in (0, EX_TEMPFAIL):
        job.add_remark(f"{FULL}: job_epilogue_script failed; files may be missing")
    return status != EX_TEMPFAIL


def _delete_files(job: LocalJob) -> None:
    log.critical("%s: the disk is full; deleting its files to make space for its report", job.title)
    job.run.files(job.record).empty()


def _is_last_epilogue(job: LocalJob, failure: str, is_temporary: bool = False) -> bool:
    """Return whether to give up after a failed epilogue: after too many, or when the job is not wanted."""
    job.schedule.end_attempted()
    job.epilogue_failures.add(is_temporary)
    job.save_or_keep(failed_epilogues=job.epilogue_failures.number)
    is_wanted = job.intent in {ServerIntent.WANTED, ServerIntent.REQUEUED}
    if job.epilogue_failures.number < MAX_EPILOGUES and is_wanted:
        return False
    attempts = max(job.epilogue_failures.number, job.schedule.end_attempts)
    job.add_remark(f"job_epilogue_script failed {attempts} times; files may be missing")
    log.critical("%s: job_epilogue_script %s; giving up, the job ends without it", job.title, failure)
    return True
