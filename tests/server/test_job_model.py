"""Every state of a job with three daemons, a user and the scheduler, and every step from there.

The model below is small enough to be read. Each of its steps is done to a real job as well: what the server
allows and refuses is what the model says.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

import pytest

from lgi_protocol import states
from lgi_protocol.errors import ErrorNumber, ServerError
from lgi_protocol.resource_api import ResourceCalls
from lgi_protocol.states import State
from lgi_server.config.scheduler import SchedulerSettings
from lgi_server.services.access.principals import UserPrincipal
from lgi_server.services.jobs import deletion
from lgi_server.services.jobs.locking import JobLockedError
from lgi_server.services.scheduling import reaper
from tests.support.grid import Grid, UserCalls

DAEMONS = (1, 2, 3)
JOBS = 3
NOBODY = 0
GONE = "gone"


@dataclass(frozen=True)
class Job:
    """A job as the server knows it: its state, whose session has it locked, whose reference it carries."""

    state: str = State.QUEUED
    lock: int = NOBODY
    holder: int = NOBODY


@dataclass(frozen=True)
class Step:
    """Something that a daemon does, or, as 0, user or scheduler; ``state`` is what an update posts."""

    what: str
    daemon: int = NOBODY
    state: str = ""


STEPS = (
    *(Step(what, daemon) for what in ("lock", "unlock", "leave") for daemon in DAEMONS),
    *(Step("update", daemon, state) for daemon in DAEMONS for state in State),
    Step("delete"),
    Step("lose"),
)


def after(job: Job, step: Step) -> tuple[Job, int]:
    """Return the job after a step, and the error number with which the step was refused, 0 for none."""
    if job.state == GONE and step.what not in {"leave", "lose"}:
        return job, (ErrorNumber.NOT_YOUR_LOCK if step.what in {"unlock", "update"} else ErrorNumber.NO_JOB)
    match step.what:
        case "lock":
            return _locked(job, step.daemon)
        case "unlock":
            return (
                (replace(job, lock=NOBODY), 0)
                if job.lock == step.daemon
                else (job, ErrorNumber.NOT_YOUR_LOCK)
            )
        case "leave":
            return (replace(job, lock=NOBODY) if job.lock == step.daemon else job), 0
        case "update":
            return _updated(job, step)
        case "delete":
            return _deleted(job)
        case _:
            return _lost(job), 0


def _locked(job: Job, daemon: int) -> tuple[Job, int]:
    if job.holder not in {NOBODY, daemon}:
        return job, ErrorNumber.NOT_A_TARGET
    return (job, ErrorNumber.CANNOT_LOCK) if job.lock else (replace(job, lock=daemon), 0)


def _updated(job: Job, step: Step) -> tuple[Job, int]:
    """A daemon posts its reference with each update, which makes a queued job its own."""
    if job.lock != step.daemon or (job.state != State.QUEUED and job.holder != step.daemon):
        return job, ErrorNumber.NOT_YOUR_LOCK
    if not states.resource_may_change(job.state, step.state):
        return job, ErrorNumber.STATE
    return replace(job, state=step.state, holder=step.daemon), 0


def _deleted(job: Job) -> tuple[Job, int]:
    if job.lock:
        return job, ErrorNumber.BACK_OFF
    return (Job(GONE) if states.removable(job.state) else replace(job, state=State.ABORTING)), 0


def _lost(job: Job) -> Job:
    """The scheduler finds no heartbeat of a job; a locked job does not count as lost."""
    if job.lock:
        return job
    if job.state == State.RUNNING:
        return replace(job, state=State.QUEUED, holder=NOBODY)
    return replace(job, state=State.ABORTED) if job.state == State.ABORTING else job


def paths() -> dict[Job, tuple[Step, ...]]:
    """Return every job that can come about, with the shortest way to it."""
    found: dict[Job, tuple[Step, ...]] = {Job(): ()}
    fresh = [Job()]
    while fresh:
        job = fresh.pop(0)
        for step in STEPS:
            following, refused = after(job, step)
            if not refused and following not in found:
                found[following] = (*found[job], step)
                fresh.append(following)
    return found


class RealJobs:
    """Does the steps of the model to real jobs."""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self._names = {daemon: f"res{daemon}@model" for daemon in DAEMONS}
        self._daemons: dict[int, ResourceCalls] = {
            daemon: grid.resource(name) for daemon, name in self._names.items()
        }
        self._user: UserCalls = grid.user()
        self._now = int(time.time())
        self.job_id = 0

    def begin(self) -> None:
        """Submit a job; steps are done to this one from now on."""
        self.job_id = self._user.submit()

    def do(self, step: Step) -> int:
        """Do a step; answer the error number with which it was refused, 0 for none."""
        try:
            self._do(step)
        except ServerError as refused:
            return refused.number
        except JobLockedError:
            return ErrorNumber.BACK_OFF
        return 0

    def _do(self, step: Step) -> None:
        job_id = str(self.job_id)
        match step.what:
            case "lock":
                self._daemons[step.daemon].lock(job_id)
            case "unlock":
                self._daemons[step.daemon].unlock(job_id)
            case "leave":
                self._daemons[step.daemon].sign_off()
                self._daemons[step.daemon].sign_up()
            case "update":
                self._daemons[step.daemon].update(
                    job_id,
                    state=step.state,
                    target_resources=self._names[step.daemon],
                    job_specifics=f"<daemon_reference> {reference(step.daemon)} </daemon_reference>",
                )
            case "delete":
                self._delete()
            case _:
                self._lose()

    def _delete(self) -> None:
        """Over the wire a locked job is waited for half a minute, which is tried elsewhere."""
        if self.seen().lock:
            user = UserPrincipal(self._user.name, (self._user.groups,))
            self._grid.database.run(
                lambda transaction: deletion.delete_by_user(
                    transaction, user, self.job_id, NoStore(), self._now
                )
            )
        self._user.delete(self.job_id)

    def _lose(self) -> None:
        """Let the scheduler look so late that every pulse is old."""
        self._now += 100_000
        reaper.requeue_lost_jobs(self._grid.database, SchedulerSettings(), self._now)

    def seen(self) -> Job:
        """Return the job as the tables have it."""
        rows = self._grid.rows("SELECT * FROM job_queue WHERE job_id = %s", self.job_id)
        if not rows:
            return Job(GONE)
        locks = self._grid.rows(
            "SELECT resource_name FROM running_locks JOIN active_resources"
            " ON running_locks.resource_id = active_resources.resource_id WHERE job_id = %s",
            self.job_id,
        )
        assert (rows[0]["lock_state"] == 1) == bool(locks)
        numbers = {name: daemon for daemon, name in self._names.items()}
        target = str(rows[0]["target_resources"])
        return Job(
            str(rows[0]["state"]),
            numbers[str(locks[0]["resource_name"])] if locks else NOBODY,
            numbers.get(target, NOBODY),
        )


class NoStore:
    """Where the files of a job would be; a job that is locked is not removed."""

    def remove_all(self, repositories: list[str]) -> None:
        raise AssertionError(f"{repositories} were removed though their jobs are locked")


def reference(daemon: int) -> str:
    """Return the daemon reference of a daemon of the model."""
    return f"{daemon:032X}"


def test_three_daemons_bring_a_job_into_every_state_of_the_model() -> None:
    """The search finds all states, each with a way to it; no end is left, no lock changes hands."""
    found = paths()

    assert {job.state for job in found} == {*State, GONE}
    assert {job.lock for job in found} == {NOBODY, *DAEMONS}
    for job, step in product(found, STEPS):
        following, refused = after(job, step)
        assert not refused or following == job
        assert following in found
        if states.has_ended(job.state):
            assert following.state in {job.state, GONE}
        if job.lock and following.lock != job.lock:
            assert (step.what, step.daemon) in {("unlock", job.lock), ("leave", job.lock)}
            assert following.lock == NOBODY
        if job.state in {State.RUNNING, State.ABORTING} and following.holder != job.holder:
            assert step.what == "lose"


def test_three_jobs_and_three_daemons_keep_out_of_each_others_way() -> None:
    """A daemon that leaves frees what it has locked of three jobs, and changes nothing else."""
    found = sorted(paths(), key=repr)
    few = [job for job in found if job.lock in {NOBODY, 1} or job.holder in {NOBODY, 1}]

    for jobs in product(few, repeat=JOBS):
        held = [job.lock for job in jobs if job.lock]
        for daemon in DAEMONS:
            left = [after(job, Step("leave", daemon))[0] for job in jobs]
            assert [job.lock for job in left if job.lock] == [lock for lock in held if lock != daemon]
            assert [job.state for job in left] == [job.state for job in jobs]


@pytest.mark.slow
def test_a_real_job_takes_every_step_as_the_model_does(grid: Grid) -> None:
    """From each state, by each step: the same state after it, or the same refusal and no change."""
    real = RealJobs(grid)

    wrong = list(differences(real, paths()))

    assert wrong == []


def differences(real: RealJobs, ways: dict[Job, tuple[Step, ...]]) -> Iterator[str]:
    """Yield a sentence for each step that a real job does not take as the model says."""
    for job, way in ways.items():
        for step in STEPS:
            if not real.job_id or real.seen() != job:
                real.begin()
                for before in way:
                    real.do(before)
            assert real.seen() == job, (way, real.seen())
            following, refused = after(job, step)
            answered = real.do(step)
            if (answered, real.seen()) != (refused, following):
                yield f"{job}, {step}: {answered} {real.seen()}, the model says {refused} {following}"
