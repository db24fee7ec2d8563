"""The limits script of a job: it says whether the job may run here now, before anything of it is run."""

import logging
from dataclasses import replace

from lgi_daemon.execution.scripts import NoAnswerError
from lgi_daemon.jobs import library, library_requests
from lgi_daemon.jobs.job import LocalJob
from lgi_protocol.job_directory import DamagedFileError, JobDirectory
from lgi_protocol.job_end import End, normalize_reason
from lgi_protocol.states import State

log = logging.getLogger(__name__)

REFUSAL = "job_check_limits_script of the resource does not allow it now"


def passes_limits_script(job: LocalJob, level: int) -> bool:
    """Ask the limits script of a job; any error counts as a rejection, so that nothing is left behind.

    That of the library is not started where the daemon knows its answer. A rejection is logged at ``level``.
    """
    try:
        if _allows(job):
            return True
        log.log(level, "%s: rejected by job_check_limits_script%s", job.title, _detail(job))
    except (NoAnswerError, OSError, ValueError) as error:
        log.warning("%s: rejected: %s", job.title, error)
    return False


def _allows(job: LocalJob) -> bool:
    name = "job_check_limits_script"
    settings = library.settings_of(job.record, job.run.script(job.record, name))
    if settings is not None and library.is_installed(job.run.programs, f"{settings.get('backend', '')}.sh"):
        is_allowed = library_requests.is_allowed(settings, job.record.job_specifics)
        if is_allowed is not None:
            return is_allowed
    return job.script_succeeds(name)


def check_limits(job: LocalJob) -> bool:
    """Return whether a job from an exchange may run here; its record says so, or that it goes back."""
    if passes_limits_script(job, logging.DEBUG if job.was_rejected else logging.INFO):
        # Stored with the start of the job; after a kill before that it is asked again.
        job.record = replace(job.record, limits_checked=True)
        return True
    job.save(ending=str(State.QUEUED), end=End(reason=normalize_reason(f"{REFUSAL}{_detail(job)}")))
    return False


def _detail(job: LocalJob) -> str:
    """Return what the script of a job of the library says of a rejection, with a colon; usually nothing."""
    try:
        text = JobDirectory(job.run.state(job.record)).read_plain("refused", 1000)
    except (DamagedFileError, OSError):
        return ""
    said = normalize_reason(text.decode("utf-8", "replace"))
    return f": {said}" if said else ""
