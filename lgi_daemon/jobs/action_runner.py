"""Executes the actions of a job's life cycle."""

import logging
from dataclasses import replace

from lgi_daemon.execution.processes import ProcessId
from lgi_daemon.execution.scripts import NoAnswerError
from lgi_daemon.jobs import completion, core_binding, library, library_start, reconciliation
from lgi_daemon.jobs.job import LocalJob
from lgi_daemon.jobs.lifecycle import Action, Actions
from lgi_daemon.jobs.limits_check import check_limits
from lgi_daemon.jobs.prologue import prologue
from lgi_protocol.states import State

log = logging.getLogger(__name__)

_ENDS = {
    Action.REPORT_FINISHED: State.FINISHED,
    Action.REPORT_ABORTED: State.ABORTED,
    Action.GIVE_BACK: State.QUEUED,
}


def execute(job: LocalJob, actions: Actions) -> bool:
    """Execute actions in order until one fails, or until the end of the job must be reported.

    Return whether none failed; the end of the job is then in its record. A job is not started when its server
    has come to want something else of it while the prologue ran.
    """
    for action in actions:
        if action is Action.RUN and reconciliation.apply_answer(job):
            return False
        if action in _ENDS:
            completion.save_end(job, _ENDS[action])
            return True
        if not _execute(job, action):
            return False
    return True


def _execute(job: LocalJob, action: Action) -> bool:
    if action is Action.CHECK_LIMITS:
        return check_limits(job)
    if action is Action.RUN:
        return _start(job)
    if action is Action.EPILOGUE:
        return completion.epilogue(job)
    if action is Action.ABORT:
        return completion.abort(job)
    if action is Action.PROLOGUE:
        return prologue(job)
    if action is Action.DISOWN:
        job.disown(f"the server has it as {job.record.state!r}")
    else:
        job.remove()
    return True


def _start(job: LocalJob) -> bool:
    script = job.run.script(job.record, "job_run_script")
    settings = library.settings_of(job.record, script)
    cores = core_binding.cores_of(job.record, settings)

    def save_start(identity: ProcessId) -> None:
        core_binding.bind(identity.pid, cores)
        begun = replace(job.record, run=identity)
        job.written(job.run.begin(begun, job.record), begun)
        job.bound_memory(identity.pid)

    job.run.clear_restart_request(job.record)
    job.is_quiet = job.is_intact = False
    job.hints = library_start.variables(job.record, settings, job.run.programs)
    job.hints |= core_binding.HINT if cores else {}
    try:
        identity = job.scripts.start(script, job.context, save_start)
    except NoAnswerError:
        # The first line of the script has not run.
        job.save(run=None)
        raise
    finally:
        job.hints = {}
    log.info("%s: started, pid %d", job.title, identity.pid)
    return True
