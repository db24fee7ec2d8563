"""One job on this resource: asks its scripts, carries out the steps of its life."""

import logging
import os
from dataclasses import replace
from threading import Lock

from lgi_daemon.config.log_levels import VERBOSE
from lgi_daemon.execution import process_table, processes, sandbox, uid_cleanup
from lgi_daemon.execution.process_table import Belongings, ProcessTable
from lgi_daemon.execution.processes import ProcessId
from lgi_daemon.execution.scripts import CHECK_SECONDS, STAGE_SECONDS, NoAnswerError, Place, Scripts
from lgi_daemon.files.reserve import says_full
from lgi_daemon.jobs import completion
from lgi_daemon.jobs.lifecycle import Action, Actions, Activity, ServerIntent, server_intent
from lgi_daemon.rundir.record import JobRecord, Phase
from lgi_daemon.rundir.run_directory import RunDirectory
from lgi_protocol import resource_api, xml
from lgi_protocol.states import State

log = logging.getLogger(__name__)

# What a check script may still take once it has failed to answer: each time half of what it was.
SHORTEST_CHECK = 15.0
_ENDS = {Action.REPORT_FINISHED: State.FINISHED, Action.REPORT_ABORTED: State.ABORTED}
SCRIPTS = {
    Action.PROLOGUE: ("job_prologue_script", STAGE_SECONDS),
    Action.EPILOGUE: ("job_epilogue_script", STAGE_SECONDS),
    Action.ABORT: ("job_abort_script", CHECK_SECONDS),
}


class LocalJob:
    """A job that is on disk. Its record is changed by `note` alone, on disk first."""

    def __init__(self, record: JobRecord, run: RunDirectory, scripts: Scripts) -> None:
        """The record must be stored already."""
        self.record = record
        self.run = run
        self.scripts = scripts
        # Whoever works on the job has this; all that follows is changed by nobody else.
        self.hold = Lock()
        # The server knows how it ended, or that it is nobody's: what is left of it may go. Then it is gone.
        self.closed = False
        self.gone = False
        # In the seconds of the daemon's clock: when to look next, to ask its scripts though its run script is
        # alive, to ask the server and to tell it the end.
        self.look_at = 0.0
        self.ask_at = 0.0
        self.poll_at = 0.0
        self.report_at = 0.0
        self.first_seen = 0.0
        self.started_at: float | None = None
        self.starts = 0
        self.failed_at_once = False
        # Of its LGI_* files when they were right, 0 when that is not known.
        self.fingerprint = 0
        # Its run script was alive when last looked at: its end is worth a look at once.
        self.watched = False
        # Since when it looks as if nothing were left of it.
        self.lost_at: float | None = None
        # How often in a row the script of its end was tried in vain, how many of these failures were its own,
        # whether its server has answered since the last of them, and what is to be said of it.
        self.tries = 0
        self.failures = 0
        self.heard = True
        self.excuse = ""
        # Its server could not be reached when it was asked last.
        self.away = False
        # How often in a row its scripts have not answered, and how long it is left alone for that.
        self.silences = 0
        self.pause = 0.0
        self.quiet_until = 0.0
        self.quiet_as: ServerIntent | None = None
        # MB that all its processes may have together; 0 when there is no limit, or it is not known yet.
        self.memory_limit = 0

    @property
    def title(self) -> str:
        """How the job is called in the log."""
        return self.record.title

    @property
    def standing(self) -> ServerIntent:
        """What the server wanted of it when it was asked last."""
        reference = xml.value(self.record.job_specifics, "daemon_reference")
        is_ours = reference == self.record.reference and not self.record.disowned
        return server_intent(self.record.state, is_ours)

    @property
    def waits_for_report(self) -> bool:
        """Whether nothing is left to do for it here before its server knows how it ended."""
        return bool(self.record.ending) and not self.closed and self.standing is not ServerIntent.STALE

    @property
    def place(self) -> Place:
        """Where and as whom its scripts run."""
        record, directory = self.record, self.run.files(self.record).path
        hints = {
            "LGI_DAEMON_REFERENCE": record.reference,
            "LGI_JOB_DIRECTORY": str(directory),
            "LGI_JOB_ID": record.job_id,
            "LGI_PROJECT": record.project,
            "LGI_APPLICATION": record.application,
        }
        if record.has_state_directory:
            hints["LGI_STATE_DIRECTORY"] = str(self.run.state(record))
        uid = record.uid if self.run.sandboxed else None
        return Place(directory, uid, hints, record.limits, self.run.programs)

    @property
    def belongings(self) -> Belongings:
        """What its processes are known by."""
        record = self.record
        uid = record.uid if self.run.sandboxed else os.geteuid()
        owns_uid = self.run.sandboxed and record.own_uid
        return Belongings(record.reference, record.run, uid, owns_uid, self.scripts.sessions())

    def note(self, **changes: object) -> None:
        """Change the record, on disk first. OSError when the disk does not take it; then nothing changed."""
        changed = replace(self.record, **changes)  # type: ignore[arg-type]
        if changed != self.record:
            self.run.save(changed)
            self.record = changed

    def note_server(self, told: resource_api.JobDescription, **more: object) -> None:
        """Take over what the server said of the job."""
        changes = {
            "state": told.state,
            "target_resources": told.target_resources,
            "job_specifics": told.job_specifics,
            **more,
        }
        try:
            self.note(**changes)
        except OSError as error:
            if not says_full(error):
                raise
            # After a restart the server is asked again. That a job is to be aborted makes room.
            self.record = replace(self.record, **changes)  # type: ignore[arg-type]

    def check_files(self) -> None:
        """Raise the alarm when the job has changed LGI_* files, and write them again."""
        files = self.run.files(self.record)
        # To read and digest them all, for each job at each cycle, would cost more than all the rest.
        if self.fingerprint and files.fingerprint() == self.fingerprint:
            return
        for name in self.run.restore(self.record):
            log.warning("%s: %s was changed by somebody and is restored", self.title, name)
        self.fingerprint = files.fingerprint()

    def says(self, script: str, seconds: float = CHECK_SECONDS) -> bool:
        """Whether a script answers yes. NoAnswerError when it does not answer in time."""
        status = self.scripts.status(self.run.script(self.record, script), self.place, seconds)
        log.log(VERBOSE, "%s: %s answered %d", self.title, script, status)
        return status == 0

    def is_alive(self) -> bool:
        """Whether the run script itself still runs."""
        return self.record.run is not None and processes.alive(self.record.run)

    def activity(self) -> Activity:
        """What the scripts say. NoAnswerError when one does not answer in time.

        A run script that has not yet left its mark is no idle job: whether it lives is asked first, since it
        may end, with all its marks set, while the others are asked.
        """
        self.check_files()
        alive = self.is_alive()
        seconds = max(SHORTEST_CHECK, CHECK_SECONDS / 2**self.silences)
        if self.says("job_check_running_script", seconds):
            return Activity.RUNNING
        if self.says("job_check_finished_script", seconds):
            return Activity.FINISHED
        if alive:
            return Activity.RUNNING
        return self._activity_without_marks()

    def _activity_without_marks(self) -> Activity:
        """Of a job that neither runs nor has finished: one that was started is not started again unasked."""
        if self.record.run is not None and not self.run.asks_to_start(self.record):
            # What its run script has started may go on without it.
            table = ProcessTable()
            table.read()
            return Activity.RUNNING if table.of(self.belongings) else Activity.LOST
        self.note(run=None)
        return Activity.IDLE

    def carry_out(self, step: Actions) -> bool:
        """Do the acts of a step in order until one fails, or until the server must be told first.

        Whether none failed; how the job ended is then in its record.
        """
        for act in step:
            if act in _ENDS:
                completion.note(self, _ENDS[act])
                return True
            if not self._do(act):
                return False
        return True

    def _do(self, act: Action) -> bool:
        if act in SCRIPTS:
            return self._stage(act)
        if act is Action.RUN:
            return self._start()
        if act is Action.DISOWN:
            self.disown(f"the server has it as {self.record.state!r}")
        else:
            self.remove()
        return True

    def _stage(self, act: Action) -> bool:
        if act is Action.EPILOGUE:
            return completion.epilogue(self)
        if act is Action.ABORT:
            return completion.abort(self)
        return self.status(act) == 0

    def status(self, act: Action) -> int:
        """The exit status of the script of an act, with a word in the log."""
        name, seconds = SCRIPTS[act]
        status = self.scripts.status(self.run.script(self.record, name), self.place, seconds)
        if status == 0:
            log.debug("%s: %s succeeded", self.title, name)
        else:
            log.warning("%s: %s failed with exit status %d", self.title, name, status)
        return status

    def _start(self) -> bool:
        def note(identity: ProcessId) -> None:
            begun = replace(self.record, run=identity)
            self.run.begin(begun)
            self.record = begun

        self.run.forget_request(self.record)
        try:
            identity = self.scripts.start(self.run.script(self.record, "job_run_script"), self.place, note)
        except NoAnswerError:
            # Its first line has not run.
            self.note(run=None)
            raise
        log.info("%s: started, pid %d", self.title, identity.pid)
        return True

    def disown(self, why: str) -> None:
        """From now on it is nobody's: the next look kills and removes it without telling a server."""
        if not self.record.disowned:
            log.warning("%s: no longer ours: %s", self.title, why)
            self.note(disowned=True)

    def kill_processes(self) -> None:
        """Kill whatever runs under a uid that is this job's alone, else what is known to be the job's."""
        if not (self.run.sandboxed and self.record.own_uid):
            if killed := process_table.end(self.belongings):
                log.info("%s: %d processes were left and are killed", self.title, killed)
        elif not sandbox.empty(self.record.uid):
            log.critical("%s: processes of uid %d cannot be killed", self.title, self.record.uid)

    def remove(self) -> None:
        """Kill what is left of it and delete it from disk."""
        if self.record.run is not None:
            mark = f"LGI_DAEMON_REFERENCE={self.record.reference}"
            killed = processes.kill_session(self.record.run, mark)
            if killed:
                log.info("%s: %d processes were left and are killed", self.title, killed)
        self.kill_processes()
        if self.run.sandboxed and self.record.own_uid and (left := uid_cleanup.clean_up_uid(self.record.uid)):
            log.info("%s: had left %d things outside of its directory; they are deleted", self.title, left)
        # Of one that was never ours it was said why not.
        level = logging.DEBUG if self.record.phase is Phase.CLAIMING else logging.INFO
        self.run.remove(replace(self.record, phase=Phase.REMOVING))
        self.closed = self.gone = True
        log.log(level, "%s: removed from this resource", self.title)
