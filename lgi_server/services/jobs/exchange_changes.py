"""The changes of one exchange: collected while it is judged, and stored together at its end."""

from dataclasses import replace
from functools import partial

from lgi_protocol.daemon_reference import with_reference, without_reference
from lgi_protocol.states import State
from lgi_server.db.transaction import Transaction
from lgi_server.services.jobs import event_log, history, holds, retries, settlement, updates
from lgi_server.services.jobs.history import RecordedChange
from lgi_server.services.jobs.retries import Retry
from lgi_server.services.jobs.stamps import next_stamp
from lgi_server.services.jobs.updates import JobChange
from lgi_server.tables import event_queue
from lgi_server.tables.active_resources import ResourceRow
from lgi_server.tables.job_queue import bulk_changes
from lgi_server.tables.job_queue.bulk_changes import RowChange
from lgi_server.tables.job_queue.jobs import JobRow
from lgi_server.tables.job_queue.row_copy import with_values


class ExchangeChanges:
    """Changes of jobs by a resource, whose rows the transaction has locked."""

    def __init__(self, transaction: Transaction, resource: ResourceRow, now: int) -> None:
        """Begin without changes; ``now`` is in seconds."""
        self.transaction, self.resource, self.now = transaction, resource, now
        self._rows: dict[int, RowChange] = {}
        self._history: list[RecordedChange] = []
        self._given: list[JobRow] = []
        self._retries: list[Retry] = []

    def __len__(self) -> int:
        return len(self._rows)

    def current(self, job: JobRow) -> JobRow:
        """Return a job that was read from the database as these changes leave it."""
        known = self._rows.get(job.job_id)
        return known.new if known else job

    @property
    def started(self) -> list[JobRow]:
        """The jobs that are queued in the database, but no more after these changes."""
        return [one.new for one in self._rows.values() if one.old.state == State.QUEUED != one.new.state]

    @property
    def more_running(self) -> int:
        """How many more jobs resources have than the database shows; below 0 for fewer."""
        left = {State.QUEUED, State.FINISHED, State.ABORTED}
        return sum((one.old.state in left) - (one.new.state in left) for one in self._rows.values())

    def apply(self, old: JobRow, change: JobChange) -> JobRow:
        """Return a job after a change, as a resource makes it in a session, unless nothing would differ.

        It is as reported, also if it is queued again instead of ending, because it has failed.
        """
        new = updates.changed(old, change, self.now)
        if with_values(new, state_time_stamp=old.state_time_stamp, daemon_pulse=old.daemon_pulse) == old:
            return old
        retry = retries.after(self.transaction, old, new, self.now) if new.retries else None
        if retry:
            self._retries.append(retry)
        stored, why = (retry.job, retry.why) if retry else (new, history.end_text(new))
        self.add(old, stored, why)
        log = partial(event_log.log_updated, old, stored, self.resource.resource_name)
        self.transaction.on_commit(log)
        return new

    def claimed(self, job: JobRow, reference: str = "") -> JobRow:
        """Return a queued job as it is when this resource has it, under its old reference or another one.

        Raises LGIError NO_TARGET or APPLICATION_UNKNOWN when the resource does not offer its application.
        """
        targets = updates.check_new_targets(
            self.transaction, job, self.resource, (self.resource.resource_name,)
        )
        specifics = with_reference(reference, job.job_specifics) if reference else ""
        change = JobChange(State.RUNNING.value, targets, job_specifics=specifics)
        return updates.changed(job, change, self.now)

    def take_back(self, job: JobRow, taken: JobRow) -> None:
        """Add that a daemon has a job again, which the scheduler had queued again."""
        self.add(job, taken)
        log = partial(event_log.log_updated, job, taken, self.resource.resource_name)
        self.transaction.on_commit(log)

    def give(self, job: JobRow, reference: str) -> JobRow:
        """Return a queued job after the resource has got it under a reference."""
        new = self.claimed(job, reference)
        self.add(job, new, given=reference)
        self._given.append(new)
        return new

    def give_back(self, job: JobRow, targets: tuple[str, ...], why: str) -> JobRow:
        """Return a job after the resource has given it back before anything of it ran."""
        new = replace(
            job,
            state=State.QUEUED.value,
            target_resources=targets,
            job_specifics=without_reference(job.job_specifics),
            state_time_stamp=next_stamp(job, self.now),
            daemon_pulse=self.now,
            started=None,
        )
        # Daemons of earlier versions write the words themselves.
        why = why.removeprefix(f"{history.GIVEN_BACK}: ")
        self.add(job, new, f"{history.GIVEN_BACK}: {why}" if why else history.GIVEN_BACK)
        log = partial(event_log.log_given_back, job, self.resource.resource_name, why)
        self.transaction.on_commit(log)
        return new

    def add(self, old: JobRow, new: JobRow, why: str = "", given: str = "") -> None:
        """Add a change, which the history has for the reason ``why``; a job may change more than once."""
        known = self._rows.get(old.job_id)
        self._rows[old.job_id] = RowChange(known.old if known else old, new, given)
        self._history.append(RecordedChange(old, new, f"resource {self.resource.resource_name}", why))

    def store(self) -> None:
        """Store all changes, with the same number of statements for any number of them."""
        if not self._rows:
            return
        history.record_changes(self.transaction, self._history)
        bulk_changes.store(self.transaction, [self._rows[job_id] for job_id in sorted(self._rows)])
        retries.wait(self.transaction, self._retries, self.now)
        holds.drop(self.transaction, [one.old for one in self._rows.values() if one.old.is_on_hold])
        self.transaction.news.extend(one.new for one in self._rows.values())
        settlement.settle(self.transaction, [one.new for one in self._rows.values()], self.now)
        if self._given:
            log = partial(event_log.log_given, self._given, self.resource.resource_name)
            self.transaction.on_commit(log)
        event_queue.job_changed(self.transaction, self.now)
