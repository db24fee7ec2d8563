"""The prologue of a job: run again after growing delays, and given up after too many failures."""

import logging

from lgi_daemon.execution.scripts import NoAnswerError
from lgi_daemon.jobs import completion, library, library_settings
from lgi_daemon.jobs.action_scripts import run_script
from lgi_daemon.jobs.failure_count import EX_DATAERR, EX_TEMPFAIL
from lgi_daemon.jobs.job import LocalJob
from lgi_daemon.jobs.lifecycle import Action
from lgi_protocol.exchange import MOST_WAIT_REASON
from lgi_protocol.job_end import normalize_reason
from lgi_protocol.states import State

log = logging.getLogger(__name__)

# A job whose prologue fails this often is aborted. One that exits with EX_TEMPFAIL, or fails while the server
# is unreachable, does not count; one that exits with EX_DATAERR is the last.
MAX_PROLOGUES = 8


def prologue(job: LocalJob) -> bool:
    """Run the prologue of a job; return whether it succeeded. After too many failures the job ends.

    That of the library is not started where it has nothing to fetch. Raise OSError when that cannot be noted.
    """
    if _fetches_nothing(job):
        library.prepare(
            job.run.state(job.record), job.run.files(job.record).owner, job.record.max_output_size
        )
        return True
    try:
        status = run_script(job, Action.PROLOGUE)
    except NoAnswerError as error:
        if not _is_last(job, str(error)):
            raise
        return False
    if status == 0:
        job.wait_reason = ""
        return True
    said = f": {job.stage_message}" if job.stage_message else ""
    _is_last(job, f"exit status {status}{said}", status)
    return False


def _fetches_nothing(job: LocalJob) -> bool:
    record = job.record
    if not (record.uses_library and record.repository_files == 0 and record.has_state_directory):
        return False
    return library_settings.is_settings(job.run.script(record, "job_prologue_script").read_bytes())


def _is_last(job: LocalJob, failure: str, status: int | None = None) -> bool:
    """Return whether a failed prologue was the last: then the end of the job is in its record."""
    job.schedule.start_failed()
    job.prologue_failures.add(status == EX_TEMPFAIL)
    failed = job.prologue_failures.number
    job.save_or_keep(failed_prologues=failed)
    if failed < MAX_PROLOGUES and status != EX_DATAERR:
        job.wait_reason = normalize_reason(f"job_prologue_script: {failure}")[:MOST_WAIT_REASON]
        return False
    attempts = max(failed, job.schedule.start_failures)
    times = "once" if attempts == 1 else f"{attempts} times"
    log.critical("%s: job_prologue_script failed %s; giving up: %s", job.title, times, failure)
    job.add_remark(f"job_prologue_script failed {times}, the job was not started: {failure}")
    completion.save_end(job, State.ABORTED)
    return True
