"""One job on this resource: its record, its scripts and its processes."""

import logging
import os
from dataclasses import replace
from threading import Lock

from lgi_daemon.config.log_levels import VERBOSE
from lgi_daemon.execution import process_table, processes, sandbox, uid_cleanup
from lgi_daemon.execution.process_table import ProcessSelector
from lgi_daemon.execution.process_watch import ProcessWatch
from lgi_daemon.execution.scripts import ScriptContext, Scripts
from lgi_daemon.files.reserve import is_disk_full
from lgi_daemon.jobs import script_variables
from lgi_daemon.jobs.failure_count import FailureCount
from lgi_daemon.jobs.lifecycle import ServerIntent, server_intent
from lgi_daemon.jobs.schedule import JobSchedule
from lgi_daemon.rundir.record import JobRecord, Phase
from lgi_daemon.rundir.run_directory import RunDirectory
from lgi_protocol import job_description, xml
from lgi_protocol.errors import ServerError
from lgi_protocol.job_usage import NO_USAGE

log = logging.getLogger(__name__)


class LocalJob:
    """A job that is stored on disk. Its record is changed by `save` alone, on disk first."""

    def __init__(self, record: JobRecord, run: RunDirectory, scripts: Scripts) -> None:
        """Take a record that is stored already."""
        self.record = record
        self.run = run
        self.scripts = scripts
        # What the server wants, by the record from which it was read: each tick asks.
        self._intent: tuple[JobRecord | None, ServerIntent] = None, ServerIntent.STALE
        # Held by the worker that works on the job; nobody else changes what follows.
        self.lock = Lock()
        self.schedule = JobSchedule(scripts.timeouts)
        # The server knows how the job ended, or that it is not ours: what is left here may be removed.
        self.closed = False
        self.removed = False
        self.failed_immediately = False
        # Of its LGI_* files when they were last known to be right: they have just been written or restored.
        self.fingerprint = run.files(record).fingerprint()
        self.prologue_failures = FailureCount(record.failed_prologues)
        self.epilogue_failures = FailureCount(record.failed_epilogues)
        # Further variables for the script that runs. And how often its streams could not be stored.
        self.hints: dict[str, str] = {}
        self.stream_failures = 0
        # Its server has not taken its streams with a report: they are stored by a request of their own.
        self.files_refused = False
        # What its server has answered and the record does not show yet; set without the lock.
        self.unapplied_answer: job_description.JobDescription | ServerError | None = None
        # No process of it was left, and no script was started since; and its LGI_* files were right then.
        self.is_quiet = self.is_intact = False
        # The last line that a failed prologue or epilogue has left in its log; empty for none.
        self.stage_message = ""
        # Why it cannot be started yet, for its user, empty if it can; and what its server was told last of
        # that, None for an unknown text: an earlier daemon has told it.
        self.wait_reason = ""
        self.told_reason: str | None = None
        # The remark for the user about the end of the job.
        self.remark = ""
        # The last poll of its server failed.
        self.server_unreachable = False
        # MB that all its processes may use together; 0 for no limit, or when it is not known yet.
        self.memory_limit = 0
        # When its state directory had changed last, in nanoseconds, and surely had no such limit; None before
        # the first look, 0 for one that was not certain.
        self.without_limit: int | None = None
        # This daemon has just accepted it from an exchange, and no script was asked yet.
        self.is_new = False
        # Its limits script has rejected it before, which was logged then.
        self.was_rejected = False
        self._watch = ProcessWatch()
        # What its cgroup has counted, and the largest sum of its processes that was seen, in bytes.
        self.counted = NO_USAGE
        self.seen_memory = 0
        # Why it was killed: it used more than it may. And whether the disk was full while it ran.
        self.excess = ""
        self.disk_was_full = False
        # Since when its epilogue says "later" while the disk is full and the server answers, in seconds of a
        # clock that never goes back; None for no such epilogue.
        self.full_since: float | None = None

    @property
    def title(self) -> str:
        """The name of the job in the log."""
        return self.record.title

    @property
    def intent(self) -> ServerIntent:
        """What the server wanted of the job when it answered last."""
        record = self.record
        source, intent = self._intent
        if source is not record:
            is_ours = xml.value(record.job_specifics, "daemon_reference") == record.reference
            intent = server_intent(record.state, is_ours and not record.disowned)
            self._intent = record, intent
        return intent

    @property
    def awaits_report(self) -> bool:
        """Whether the job has ended here and its end must be reported to the server next."""
        return bool(self.record.ending) and not self.closed and self.intent is not ServerIntent.STALE

    def is_leaving(self, now: float) -> bool:
        """Return whether the server has the end of the job, and it is gone or its removal has not failed."""
        return self.removed or (self.closed and self.schedule.next_check <= now)

    @property
    def context(self) -> ScriptContext:
        """The directory, user and variables its scripts run with."""
        record, directory = self.record, self.run.files(self.record).path
        hints = script_variables.variables(record, directory, self.run.state(record))
        hints |= self.hints
        uid = record.uid if self.run.sandboxed else None
        return ScriptContext(directory, uid, hints, record.limits, self.run.programs)

    @property
    def process_selector(self) -> ProcessSelector:
        """The properties by which its processes are recognized."""
        record = self.record
        uid = record.uid if self.run.sandboxed else os.geteuid()
        owns_uid = self.run.sandboxed and record.own_uid
        return ProcessSelector(record.reference, record.run, uid, owns_uid, self.scripts.sessions())

    def answered(self) -> None:
        """Record that the server has answered: from now on a failed script counts again."""
        self.prologue_failures.server_answered = self.epilogue_failures.server_answered = True

    def add_remark(self, text: str) -> None:
        """Add a text, once, to the remark for the user about the end of the job."""
        if text not in self.remark:
            self.remark = f"{self.remark}; {text}" if self.remark else text

    def save(self, **changes: object) -> None:
        """Change the record, on disk first. Raise OSError, and change nothing, when that fails."""
        changed = replace(self.record, **changes)  # type: ignore[arg-type]
        if changed != self.record:
            if self.record.run is not None:
                # What the job has changed is noticed before it is written over.
                self.restore_files()
            self.written(self.run.save(changed, self.record), changed)

    def written(self, files: list[str], record: JobRecord) -> None:
        """Take a record that is stored, and the LGI_* files that were written for it."""
        self.record = record
        self.run.files(record).update(self.fingerprint, files)

    def save_or_keep(self, **changes: object) -> None:
        """Change the record, in memory only while the disk is full: no job waits for space that it frees.

        For what a restarted daemon finds out again: from the server, or from the marks of the scripts.
        """
        try:
            self.save(**changes)
        except OSError as error:
            if not is_disk_full(error):
                raise
            self.record = replace(self.record, **changes)  # type: ignore[arg-type]

    def apply_server_state(self, answer: job_description.JobDescription, **more: object) -> None:
        """Store the state, target resources and specifics that the server has for the job."""
        self.save_or_keep(
            state=answer.state,
            target_resources=answer.target_resources,
            job_specifics=answer.job_specifics,
            **more,
        )

    def restore_files(self) -> None:
        """Write the LGI_* files again that the job has changed, with a warning for each."""
        if self.is_quiet and self.is_intact:
            return
        files = self.run.files(self.record)
        # Reading and hashing all of them, for each job in each cycle, would cost more than everything else.
        if not self.fingerprint or files.fingerprint() != self.fingerprint:
            for name in self.run.restore(self.record):
                log.warning("%s: %s was changed and has been restored", self.title, name)
            self.fingerprint = files.fingerprint()
        # Another job of the same user could change them.
        self.is_intact = self.is_quiet and self.run.sandboxed and self.record.own_uid

    def script_status(self, script: str, seconds: float | None = None) -> int:
        """Return the exit status of a script. Raise NoAnswerError when it exceeds its timeout."""
        self.is_quiet = self.is_intact = False
        return self.scripts.status(self.run.script(self.record, script), self.context, seconds)

    def script_succeeds(self, script: str, seconds: float | None = None) -> bool:
        """Return whether a script exits with 0. Raise NoAnswerError when it exceeds its timeout."""
        status = self.script_status(script, seconds)
        log.log(VERBOSE, "%s: %s exited with %d", self.title, script, status)
        return status == 0

    def is_alive(self) -> bool:
        """Return whether the run script itself is still running."""
        return self.record.run is not None and processes.alive(self.record.run)

    def seems_alive(self) -> bool:
        """Return whether the run script is still running, for a look at all jobs."""
        return self.record.run is not None and self._watch.sees(self.record.run)

    def disown(self, why: str) -> None:
        """Give the job up: the next check kills and removes it without a report."""
        if not self.record.disowned:
            log.warning("%s: given up: %s", self.title, why)
            self.save_or_keep(disowned=True)

    def bound_memory(self, pid: int) -> None:
        """Put its run script under ``job_max_memory``, if the kernel can enforce it here."""
        limit = self.record.bounds.memory
        try:
            if limit:
                self.scripts.cgroups.enter(self.record.reference, pid, limit)
        except OSError as error:
            log.warning("%s: has no cgroup, its memory will be added up: %s", self.title, error)

    def kill_processes(self) -> None:
        """Kill all processes of the job's own uid, or without one those recognized as the job's."""
        if self.is_quiet:
            return
        if self.run.sandboxed and self.record.own_uid:
            self.is_quiet = sandbox.kill_uid(self.record.uid)
            if not self.is_quiet:
                log.critical("%s: processes of uid %d cannot be killed", self.title, self.record.uid)
        else:
            killed = process_table.kill_all(self.process_selector)
            self.is_quiet = not killed
            if killed:
                log.info("%s: killed %d remaining processes", self.title, killed)
        counted = self.scripts.cgroups.usage(self.record.reference)
        self.counted = counted if counted != NO_USAGE else self.counted
        self.scripts.cgroups.remove(self.record.reference)

    def remove(self) -> None:
        """Kill remaining processes and delete the job from disk."""
        if self.is_alive() and self.record.run is not None:
            mark = f"LGI_DAEMON_REFERENCE={self.record.reference}"
            killed = processes.kill_session(self.record.run, mark)
            if killed:
                log.info("%s: killed %d remaining processes", self.title, killed)
        self.kill_processes()
        if self.run.sandboxed and self.record.own_uid and (left := uid_cleanup.clean_up_uid(self.record.uid)):
            log.info("%s: deleted %d files it left outside its directory", self.title, left)
        # For a job that was never ours the reason has been logged already.
        level = logging.DEBUG if self.record.phase is Phase.CLAIMING else logging.INFO
        self.run.remove(self.record)
        self.closed = self.removed = True
        log.log(level, "%s: removed from this resource", self.title)
