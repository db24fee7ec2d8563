"""Asks the check scripts of a job what it does."""

import logging

from lgi_daemon.execution import process_table
from lgi_daemon.execution.process_table import ProcessTable
from lgi_daemon.jobs import excess, library
from lgi_daemon.jobs.job import LocalJob
from lgi_daemon.jobs.lifecycle import Activity

log = logging.getLogger(__name__)


def activity(job: LocalJob) -> Activity:
    """Ask the check scripts what a job does. Raise NoAnswerError when one exceeds its timeout.

    A job whose run script has not left its mark yet is not idle. The run script is checked first: it may
    end, with all its marks set, while the check scripts run.
    """
    if _has_ended_by_library(job):
        # No script is asked, and its epilogue restores the files.
        return Activity.FINISHED
    job.restore_files()
    alive = job.is_alive()
    if not alive and job.run.is_held(job.record):
        # The daemon was killed between the record of the start and the release: this was no start.
        log.info("%s: its run script was never released", job.title)
        job.save(run=None)
    if job.record.uses_library:
        return _activity_by_library(job, alive)
    seconds = job.schedule.check_timeout
    if job.script_succeeds("job_check_running_script", seconds):
        return Activity.RUNNING
    if job.script_succeeds("job_check_finished_script", seconds):
        return Activity.FINISHED
    if alive:
        return Activity.RUNNING
    return _activity_without_marks(job)


def _has_ended_by_library(job: LocalJob) -> bool:
    """Return whether a started job of the library has written that it has ended."""
    record = job.record
    if not record.uses_library or record.run is None or job.run.is_held(record):
        return False
    state = job.run.state(record)
    if not library.has_ended(state) and not job.is_alive():
        library.complete_end(state)
    return library.has_ended(state)


def _activity_by_library(job: LocalJob, alive: bool) -> Activity:
    """Ask less: a job has ended when it has written so, and runs while its run script does."""
    state = job.run.state(job.record)
    # Its run script may have ended just now.
    if library.has_ended(state) or (not alive and _has_ended_by_library(job)):
        return Activity.FINISHED
    if job.record.run is None and not library.has_begun(state):
        return Activity.IDLE
    if alive or job.script_succeeds("job_check_running_script", job.schedule.check_timeout):
        return Activity.RUNNING
    # The script writes an end for a job that has ended without one.
    return Activity.FINISHED if library.has_ended(state) else _activity_without_marks(job)


def _activity_without_marks(job: LocalJob) -> Activity:
    """Return LOST for a started job without processes that requests no restart; else RUNNING or IDLE."""
    if job.record.run is not None and not job.run.restart_requested(job.record):
        if excess.reason_of(job):
            # What the job started while its processes were killed would run on.
            process_table.kill_all(job.process_selector)
        # Processes that its run script has started may still run.
        table = ProcessTable()
        table.read()
        return Activity.RUNNING if table.select(job.process_selector) else Activity.LOST
    job.save(run=None)
    return Activity.IDLE
