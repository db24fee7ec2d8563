"""The jobs of this resource, and who does what is due for them: workers, side by side.

What always holds:

* A job is worked on by whoever has its ``hold``, and by nobody else. Nobody waits for it: who does not get it
  leaves the job for the next time.
* Looks run a job's scripts and call no server; an errand calls one server and runs no script. There is one
  errand at a time for a server, so that a slow one costs one worker and no other server.
* One thread, the one that ticks, hands out and drops jobs that are gone. Jobs come in from the workers that
  take them, which hold them until the server has said whose they are.
"""

from collections import defaultdict
from collections.abc import Iterator
from functools import partial

from lgi_daemon.jobs.job import LocalJob
from lgi_daemon.jobs.local_check import LocalCheck
from lgi_daemon.jobs.server_sync import ServerSync
from lgi_daemon.jobs.worker_pool import KeyedWorkerPool

# In one errand, after which a job that ended meanwhile has its turn.
MOST_ERRANDS = 50
# What the server wants of a job is asked before its scripts, but not waited for longer than this, in seconds.
POLL_PATIENCE = 10.0


class JobTable:
    """All jobs on this resource. Local scripts are asked often, servers once per fast cycle."""

    def __init__(
        self, looks: LocalCheck, errands: ServerSync, lookers: KeyedWorkerPool, callers: KeyedWorkerPool
    ) -> None:
        """``lookers`` run scripts, ``callers`` call servers."""
        self.clock = looks.clock
        self.fast = looks.fast
        self._looks = looks
        self._errands = errands
        self._lookers = lookers
        self._callers = callers
        self._jobs: dict[str, LocalJob] = {}

    def __iter__(self) -> Iterator[LocalJob]:
        """The jobs at this moment."""
        return iter(list(self._jobs.values()))

    def __len__(self) -> int:
        """How many there are."""
        return len(self._jobs)

    def add(self, job: LocalJob) -> None:
        """Look after a job from now on."""
        job.first_seen = job.look_at = job.poll_at = self.clock.now
        job.ask_at = self._looks.next_question()
        self._jobs[job.record.reference] = job

    def forget(self, job: LocalJob) -> None:
        """Look after a job no longer."""
        self._jobs.pop(job.record.reference, None)

    def look_again(self) -> None:
        """Ask all servers and scripts at the next occasion."""
        for job in self:
            job.poll_at = job.look_at = self.clock.now

    def hand_out(self) -> int:
        """Have done what is due now; how many jobs have ended since the last time."""
        ended = 0
        errands: dict[str, list[LocalJob]] = defaultdict(list)
        for job in self:
            if job.gone:
                self.forget(job)
                ended += 1
                continue
            calls_server = self._errands.due(job)
            if calls_server:
                errands[job.record.server].append(job)
            is_asked = calls_server and self.clock.now < job.poll_at + POLL_PATIENCE
            if not is_asked and self._looks.due(job):
                self._lookers.give(job.record.reference, partial(self._looks.look, job))
        for server, jobs in errands.items():
            # Ends first: a user waits for them, and they make room.
            jobs.sort(key=lambda job: not job.waits_for_report)
            self._callers.give(("jobs", server), partial(self._errands.run, jobs[:MOST_ERRANDS]))
        return ended
