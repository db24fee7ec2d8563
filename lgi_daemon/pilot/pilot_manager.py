"""The update of LGI_pilot: follow the pilots, count the waiting jobs, submit what is missing."""

import logging
import time
from collections.abc import Callable
from dataclasses import replace

from lgi_daemon.pilot.batch_system import BatchState
from lgi_daemon.pilot.demand import Decision, PilotCounts, decide
from lgi_daemon.pilot.failures import FailureHistory, read_failures
from lgi_daemon.pilot.pilot_directory import PilotDirectory
from lgi_daemon.pilot.pilot_end import LIFE_OF_SUCCESS, end_of
from lgi_daemon.pilot.pilot_queue import BatchSystemError, Pilot, PilotQueue
from lgi_daemon.pilot.record import age
from lgi_daemon.pilot.settings import PilotSettings
from lgi_daemon.pilot.status import STATUS, Status
from lgi_daemon.pilot.waiting_jobs import WaitingCount, count_waiting
from lgi_daemon.servers.connections import Connect, connector

log = logging.getLogger(__name__)
_FAILURES = "failures.json"


class PilotManager:
    """Keeps as many pilots in the batch system as the waiting jobs need."""

    def __init__(
        self,
        settings: PilotSettings,
        directory: PilotDirectory,
        connect: Connect | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Take over the pilots of a directory, which is claimed."""
        self.settings = settings
        self.queue = PilotQueue(settings, directory, clock)
        self._directory = directory
        self._connect = connect or connector(settings.configuration.credentials)
        self._clock = clock
        self._failures = read_failures(directory.read_json(_FAILURES))

    def update(self) -> Status:
        """Do one update and return its status, which is also written to the directory.

        A batch system or server that does not answer is part of the status. Raise OSError when the directory
        cannot be written.
        """
        status = self._updated()
        self._directory.write_json(STATUS, status.values())
        if status.submitted or status.waiting.problems:
            log.info("%d jobs wait, %d pilots submitted", status.waiting.total, status.submitted)
        for problem in status.waiting.problems:
            log.warning("%s", problem)
        return status

    def _updated(self) -> Status:
        nothing = WaitingCount((), ())
        try:
            pilots = self._follow()
        except BatchSystemError as error:
            log.warning("no pilots are submitted: %s", error)
            return self._status(nothing, [], 0, str(error))
        # The daemon of a pilot knows more, as what its scripts tell of a machine.
        is_alone = not any(one.state is BatchState.RUNNING for one in pilots)
        waiting = count_waiting(self.settings.configuration, self._connect, is_alone)
        decision = self._decide(waiting.total, pilots)
        submitted, reason = self._submit(decision.number)
        if submitted:
            try:
                pilots = self._follow()
            except BatchSystemError as error:
                reason = str(error)
        return self._status(waiting, pilots, submitted, reason or decision.reason)

    def _status(self, waiting: WaitingCount, pilots: list[Pilot], submitted: int, reason: str) -> Status:
        now = self._clock()
        return Status(now, waiting, tuple(pilots), submitted, reason, self.settings.limits)

    def _follow(self) -> list[Pilot]:
        """Return the pilots that there are, and note the ends of the others."""
        pilots = []
        for pilot in self.queue.pilots():
            if self.queue.has_ended(pilot):
                self._end(pilot)
            else:
                pilots.append(pilot)
                self._note_success(pilot)
        return pilots

    def _end(self, pilot: Pilot) -> None:
        end = end_of(pilot.record, self._directory)
        if end.is_failure:
            log.warning("pilot %s has failed: %s", pilot.record.name, end.text)
            self._fail(f"pilot {pilot.record.name}: {end.text}")
        else:
            log.info("pilot %s is over: %s", pilot.record.name, end.text)
            if pilot.record.submitted_at >= self._failures.failed_at:
                self._store(FailureHistory())
        self._directory.bury(pilot.record)

    def _note_success(self, pilot: Pilot) -> None:
        """Forget earlier failures when a pilot of a later time has worked for long enough."""
        began = self._directory.began_at(pilot.record.name)
        is_later = pilot.record.submitted_at >= self._failures.failed_at
        if began is not None and is_later and age(began, self._clock()) >= LIFE_OF_SUCCESS:
            self._store(FailureHistory())

    def _fail(self, reason: str) -> None:
        self._store(self._failures.add(self._clock(), reason))

    def _store(self, failures: FailureHistory) -> None:
        if failures != self._failures:
            self._failures = failures
            self._directory.write_json(_FAILURES, failures.values())

    def _decide(self, jobs: int, pilots: list[Pilot]) -> Decision:
        states = [one.state for one in pilots]
        counts = PilotCounts(states.count(BatchState.WAITING), states.count(BatchState.RUNNING))
        decision = decide(jobs, counts, self.settings.limits)
        now = self._clock()
        self._store(self._failures.at(now))
        if not decision.number or not self._failures.number:
            return decision
        what = f"{self._failures.number} failures in a row, the last one: {self._failures.reason}"
        if seconds := self._failures.pause(now):
            return Decision(0, f"for {seconds:.0f} s, after {what}")
        if counts.waiting:
            return Decision(0, f"one pilot is tried first, after {what}")
        return replace(decision, number=1)

    def _submit(self, number: int) -> tuple[int, str]:
        """Submit pilots up to the first that fails; return their number, and what was wrong."""
        for submitted in range(number):
            outcome = self.queue.submit()
            if outcome.message:
                log.warning("a pilot could not be submitted: %s", outcome.message)
                self._fail(outcome.message)
                return submitted, outcome.message
        return number, ""
