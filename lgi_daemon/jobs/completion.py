"""The end of a job on this resource: its abort and epilogue scripts, and what its server is to be told."""

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from lgi_daemon.execution.scripts import NoAnswerError
from lgi_daemon.files.reserve import says_full
from lgi_daemon.jobs.lifecycle import Action, ServerIntent
from lgi_daemon.rundir import end_file
from lgi_protocol.job_end import NO_END, End, normalize_reason
from lgi_protocol.states import State

if TYPE_CHECKING:
    from lgi_daemon.jobs.job import LocalJob

log = logging.getLogger(__name__)

# A job whose epilogue fails this often ends without what it should have brought home. An epilogue that says
# "later" (sysexits' EX_TEMPFAIL), or fails while the server is away, is no such failure.
MOST_EPILOGUES = 8
LATER = 75
# Before this try to abort it whatever runs under a uid that is the job's alone is killed, and it is the last.
MOST_ABORTS = 2
# Why nothing is known of the end of a job whose marks are gone.
LOST = "the job ended without a trace of its own end"
FULL = "No space left on device"


def note(job: "LocalJob", ending: State) -> None:
    """Store what the server is to be told, once: later the marks of the scripts may be gone."""
    record = job.record
    if record.ending:
        return
    if job.excuse and job.standing is ServerIntent.UNWANTED:
        # Its user has ended it, and it has not come to a good end before.
        ending = State.ABORTED
    told = end_file.read(job.run.state(record), job.run.files(record).owner)
    if job.lost_at is not None and told == NO_END and ending is State.FINISHED:
        told = End(reason=LOST)
    if FULL not in f"{told.reason}{job.excuse}" and job.run.is_full():
        _excuse(job, FULL)
    end = replace(told, reason=normalize_reason("; ".join(filter(None, (told.reason, job.excuse)))))
    try:
        job.note(ending=str(ending), end=end, remark=job.excuse)
    except OSError as error:
        if not says_full(error):
            raise
        # They are stored elsewhere by now, or never will be.
        _delete_files(job)
        job.note(ending=str(ending), end=end, remark=job.excuse)


def abort(job: "LocalJob") -> bool:
    """End it. A job with a uid of its own may kill the script or lie to it, but not twice."""
    job.tries += 1
    is_last = job.tries >= MOST_ABORTS and job.run.sandboxed and job.record.own_uid
    if is_last:
        job.kill_processes()
    try:
        done = job.status(Action.ABORT) == 0
    except NoAnswerError:
        if not is_last:
            raise
        done = False
    if is_last and not done:
        log.critical("%s: is killed, since its job_abort_script does not succeed", job.title)
        _excuse(job, "job_abort_script failed; the processes of the job were killed")
    if is_last or done:
        job.kill_processes()
    return is_last or done


def epilogue(job: "LocalJob") -> bool:
    """Bring home what it has made; whether that is over, for good or ill."""
    # It has finished: what it has left running could change its files, and stay for ever.
    job.kill_processes()
    try:
        status = job.status(Action.EPILOGUE)
        if status not in (0, LATER) and job.run.is_full():
            return _make_room(job)
    except NoAnswerError as error:
        if not _gives_up(job, f"did not end: {error}"):
            raise
        return True
    return status == 0 or _gives_up(job, f"ended with status {status}", status == LATER)


def _make_room(job: "LocalJob") -> bool:
    """Try the epilogue again with the room that is kept for that, then with that of the job's own files."""
    job.run.reserve.give()
    status = job.status(Action.EPILOGUE)
    if status not in (0, LATER):
        _delete_files(job)
        status = job.status(Action.EPILOGUE)
    if status not in (0, LATER):
        _excuse(job, f"{FULL}: job_epilogue_script failed; files may be missing")
    return status != LATER


def _delete_files(job: "LocalJob") -> None:
    log.critical(
        "%s: its files are deleted: the disk is full, and there is no room for its report", job.title
    )
    job.run.files(job.record).empty()


def _gives_up(job: "LocalJob", how: str, later: bool = False) -> bool:
    """Whether a failed epilogue is the last one: of too many, or of a job nobody wants any more.

    However long a server is away, no result is lost by it: of the failures between two of its answers one
    counts, and none of an epilogue that says "later".
    """
    job.tries += 1
    if job.heard and not later:
        job.failures += 1
        job.heard = False
    if job.failures < MOST_EPILOGUES and job.standing is ServerIntent.WANTED:
        return False
    _excuse(job, f"job_epilogue_script failed {job.tries} times; files may be missing")
    log.critical("%s: job_epilogue_script %s; the job ends without it", job.title, how)
    return True


def _excuse(job: "LocalJob", text: str) -> None:
    if text not in job.excuse:
        job.excuse = f"{job.excuse}; {text}" if job.excuse else text
