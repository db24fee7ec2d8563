"""Periodic clean-up: jobs without a daemon, idle sessions, abandoned locks."""

from functools import partial

from lgi_protocol.states import State
from lgi_server.config.scheduler import SchedulerSettings
from lgi_server.db.pool import Database
from lgi_server.db.transaction import Transaction
from lgi_server.services.access import resource_sessions
from lgi_server.services.jobs import history, locking, losses
from lgi_server.tables import running_sessions as session_table
from lgi_server.tables.job_queue import heartbeats, jobs, kinds, lock_states
from lgi_server.tables.server_heartbeats import Reachable

# Sessions ended in one transaction, so that no transaction is long.
AT_ONCE = 50
# The oldest locks that are examined: a large project has many that are held.
MOST_LOCKS = 10_000
# The start of the reason that the history has for a lost job.
_NO_PULSE = "no pulse"


def requeue_lost_jobs(
    database: Database, settings: SchedulerSettings, now: int, reachable: Reachable | None = None
) -> int:
    """Queue running jobs without a recent heartbeat again, abort aborting ones; return how many these were.

    A job that was lost as often as ``most_losses`` says is held until a user releases it.

    A job is lost when no heartbeat came for its whole limit while a server could be reached all the time,
    in the time ``reachable``, always by default. Each job has a transaction of its own that checks it again,
    since its daemon may call at this moment.
    """
    since, until = (reachable.since, min(now, reachable.until)) if reachable else (0, now)
    lost = 0
    for application in database.run(kinds.applications, write=False):
        limit = settings.pulse_limit_of(application)
        oldest = until - limit
        if since > oldest:
            continue
        database.run(partial(_correct_future_heartbeats, application=application, limit=limit, now=now))
        find = partial(heartbeats.older, application=application, oldest=oldest)
        why = f"{_NO_PULSE} for {limit} s"
        end = partial(_end_lost, oldest=oldest, why=why, most=settings.most_losses, now=now)
        for job_id in database.run(find, write=False):
            lost += database.run(partial(end, job_id=job_id))
    return lost


def _correct_future_heartbeats(transaction: Transaction, application: str, limit: int, now: int) -> None:
    """Set heartbeats more than ``limit`` seconds in the future to ``now``: they would not get old."""
    early = heartbeats.later(transaction, application, now + limit)
    for begin in range(0, len(early), jobs.AT_ONCE):
        heartbeats.store(transaction, early[begin : begin + jobs.AT_ONCE], now)


def _end_lost(transaction: Transaction, job_id: int, *, oldest: int, why: str, most: int, now: int) -> bool:
    job = heartbeats.lock_if_older(transaction, job_id, oldest)
    if job is None:
        return False
    is_held, state = False, State.QUEUED
    if job.state == State.ABORTING:
        state = State.ABORTED
    elif most and (times := 1 + history.count_requeues(transaction, job_id, _NO_PULSE)) >= most:
        # The job itself may be what ends its daemons.
        is_held, why = True, f"{why}, lost {times} times"
    losses.change_lost(transaction, job, state, why, now, is_held=is_held)
    return True


def end_idle_sessions(database: Database, limit: int, now: int) -> int:
    """End the sessions without a call for ``limit`` seconds, and free their jobs; return their number."""

    def work(transaction: Transaction) -> int:
        session_table.bring_back(transaction, now + limit, now)
        idle = session_table.expired(transaction, now - limit, AT_ONCE)
        for session_id in idle:
            resource_sessions.sign_off(transaction, session_id)
        return len(idle)

    ended = 0
    while some := database.run(work):
        ended += some
    return ended


def free_stale_locks(database: Database, limit: int, now: int) -> int:
    """Free jobs whose lock belongs to no session; return how many.

    A lock of an interface or of an ended session is freed after ``limit`` seconds, a lock_state without a
    lock at once.
    """
    freed = 0
    while some := database.run(partial(locking.free_abandoned, oldest=now - limit, looks=MOST_LOCKS)):
        freed += some
    for application, state in database.run(kinds.kinds, write=False):
        find = partial(lock_states.orphaned_lock_states, application=application, state=state)
        for job_id in database.run(find, write=False):
            freed += database.run(partial(locking.clear_orphaned_lock_state, job_id=job_id))
    return freed
