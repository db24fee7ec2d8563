"""Submits pilots to the batch system, and follows those that are there."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from lgi_daemon.pilot import batch_command
from lgi_daemon.pilot.batch_command import CommandOutcome
from lgi_daemon.pilot.batch_system import BatchJob, BatchState, PilotScript
from lgi_daemon.pilot.pilot_directory import PilotDirectory
from lgi_daemon.pilot.record import PilotRecord, age, new_record
from lgi_daemon.pilot.settings import PilotSettings

log = logging.getLogger(__name__)

# Seconds for a submit, whose answer cannot be repeated, and for a query.
SUBMIT_SECONDS, QUERY_SECONDS = 60.0, 60.0
# A pilot without an answer to its submit, or that the batch system does not list yet, is waited for so long:
# longer than a submit takes, also one that an LGI_pilot has left behind.
SUBMIT_GRACE = 2 * SUBMIT_SECONDS
# What a pilot has written may be seen here later than its end.
END_GRACE = 15.0


class BatchSystemError(Exception):
    """The batch system has not answered a query; nothing is known of the pilots."""


@dataclass(frozen=True)
class Pilot:
    """A pilot and its state in the batch system; None when it is not listed."""

    record: PilotRecord
    state: BatchState | None


class PilotQueue:
    """The pilots of a directory in the batch system."""

    def __init__(
        self, settings: PilotSettings, directory: PilotDirectory, clock: Callable[[], float] = time.time
    ) -> None:
        """Ask nothing yet."""
        self.settings = settings
        self.directory = directory
        self._clock = clock

    def query(self) -> list[BatchJob]:
        """Return all jobs of this user in the batch system. Raise BatchSystemError."""
        system = self.settings.batch_system
        outcome = batch_command.run(system.query(), QUERY_SECONDS)
        if outcome.code != 0:
            raise BatchSystemError(outcome.message)
        try:
            return system.read_jobs(outcome.output)
        except ValueError as error:
            raise BatchSystemError(f"the answer of {system.name} cannot be parsed: {error}") from None

    def pilots(self) -> list[Pilot]:
        """Return all pilots, the records as they are now known. Raise BatchSystemError and OSError."""
        records = self.directory.records()
        jobs = self.query() if records else []
        by_id = {one.batch_id: one for one in jobs}
        by_name = {one.name: one for one in jobs}
        pilots = []
        for record in records:
            job = by_id.get(record.batch_id) if record.batch_id else by_name.get(record.name)
            pilots.append(self._followed(record, job))
        return pilots

    def _followed(self, record: PilotRecord, job: BatchJob | None) -> Pilot:
        """Store what is new of a pilot."""
        now = self._clock()
        is_listed = job is not None and job.state is not BatchState.ENDED
        fresh = replace(record, submitted_at=min(record.submitted_at, now))
        if job is not None and not record.batch_id:
            fresh = replace(fresh, batch_id=job.batch_id)
        if is_listed:
            fresh = replace(fresh, missing_since=0.0)
        elif self._may_appear(fresh, job, now):
            return Pilot(self._saved(record, fresh), BatchState.WAITING)
        elif not 0.0 < record.missing_since <= now:
            fresh = replace(fresh, missing_since=now)
        return Pilot(self._saved(record, fresh), job.state if job and is_listed else None)

    def _may_appear(self, record: PilotRecord, job: BatchJob | None, now: float) -> bool:
        """Return whether a pilot was submitted so lately that the batch system may not list it yet."""
        is_young = age(record.submitted_at, now) < SUBMIT_GRACE
        return job is None and is_young and self.directory.began_at(record.name) is None

    def _saved(self, record: PilotRecord, fresh: PilotRecord) -> PilotRecord:
        if fresh != record:
            self.directory.save(fresh)
        return fresh

    def has_ended(self, pilot: Pilot) -> bool:
        """Return whether a pilot is over, and what it has written can be seen."""
        if pilot.state is not None:
            return False
        is_old = age(pilot.record.missing_since, self._clock()) >= END_GRACE
        return is_old or bool(self.directory.exit_code(pilot.record.name))

    def submit(self) -> CommandOutcome:
        """Submit one pilot, after its record. The message of the outcome says what was wrong.

        Raise OSError when the record cannot be written.
        """
        record = new_record(self._clock())
        file = self.directory.create(record, self.settings.daemon)
        script = PilotScript(record.name, file, file.parent / "batch.log")
        system = self.settings.batch_system
        words = [*system.submit(script), *self.settings.submit_options, str(file)]
        outcome = batch_command.run(words, SUBMIT_SECONDS)
        batch_id = system.read_id(outcome.output) if outcome.code == 0 else ""
        if batch_id:
            self.directory.save(replace(record, batch_id=batch_id))
            log.info("pilot %s is job %s of %s", record.name, batch_id, system.name)
            return outcome
        return self._refused(record, outcome)

    def _refused(self, record: PilotRecord, outcome: CommandOutcome) -> CommandOutcome:
        """Forget a pilot that was certainly not accepted; any other one is looked for by its name."""
        message = outcome.message or f"its answer has no id: {outcome.output[:80]!r}"
        if outcome.code:
            try:
                is_known = any(job.name == record.name for job in self.query())
            except BatchSystemError:
                is_known = True
            if not is_known:
                self.directory.forget(record)
        return replace(outcome, message=message)
