"""The scripts that are run for actions: prologue, epilogue and abort script."""

import logging
import time

from lgi_daemon.jobs import stage_log
from lgi_daemon.jobs.job import LocalJob
from lgi_daemon.jobs.lifecycle import Action

log = logging.getLogger(__name__)

_SCRIPTS = {
    Action.PROLOGUE: "job_prologue_script",
    Action.EPILOGUE: "job_epilogue_script",
    Action.ABORT: "job_abort_script",
}


def run_script(job: LocalJob, action: Action) -> int:
    """Run the script of an action, log and return its exit status.

    Raise NoAnswerError when it exceeds its timeout.
    """
    name, timeouts = _SCRIPTS[action], job.scripts.timeouts
    job.stage_message, began = "", time.time()
    status = job.script_status(name, timeouts.check if action is Action.ABORT else timeouts.stage)
    if status == 0:
        log.debug("%s: %s succeeded", job.title, name)
    else:
        job.stage_message = stage_log.last_line(
            job.run.state(job.record), job.run.files(job.record).owner, began
        )
        said = f": {job.stage_message}" if job.stage_message else ""
        log.warning("%s: %s failed with exit status %d%s", job.title, name, status, said)
    return status
