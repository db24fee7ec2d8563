"""Jobs whose daemons are not heard of any more: the scheduler changes their states, or holds them."""

from dataclasses import replace
from functools import partial

from lgi_protocol import states
from lgi_protocol.job_end import NO_END, End, normalize_reason
from lgi_protocol.states import State
from lgi_server.db.transaction import Transaction
from lgi_server.services.jobs import event_log, history, holds, retries, settlement
from lgi_server.services.jobs.stamps import next_stamp
from lgi_server.tables import event_queue, job_holds
from lgi_server.tables.job_holds import Hold
from lgi_server.tables.job_queue import states as job_queue_states
from lgi_server.tables.job_queue.jobs import JobRow


def change_lost(
    transaction: Transaction, job: JobRow, state: State, why: str, now: int, *, is_held: bool = False
) -> None:
    """Change the state of a lost job, whose row this transaction has locked, for the reason ``why``.

    A job that is queued again gets the targets it was submitted with, if the history still has them. With
    ``is_held`` a job that is not tried again is queued, and held until a user releases it.
    """
    ended = _as_lost(transaction, job, State.ABORTED if is_held else state, why, now)
    retry = retries.after(transaction, job, ended, now, is_lost=True) if job.retries else None
    if retry:
        new, why = retry.job, retry.why
    else:
        new = _as_lost(transaction, job, state, why, now)
    if job_queue_states.change(transaction, job, new):
        if retry:
            retries.wait(transaction, [retry], now)
        elif is_held:
            hold = Hold(job.job_id, job_holds.USER, now, None, history.SCHEDULER, why[: job_holds.MOST_TEXT])
            holds.hold(transaction, [(new, None)], [hold])
        history.record_change(transaction, job, new, history.SCHEDULER, why)
        transaction.on_commit(partial(event_log.log_lost, job, new, why))
        transaction.news.append(new)
        settlement.settle(transaction, [new], now)
        event_queue.insert(transaction, event_queue.SCHEDULE_CYCLE, now)


def _as_lost(transaction: Transaction, job: JobRow, state: State, why: str, now: int) -> JobRow:
    targets = history.first_targets(transaction, job) if state == State.QUEUED else job.target_resources
    return replace(
        job,
        state=state.value,
        target_resources=targets,
        state_time_stamp=next_stamp(job, now),
        daemon_pulse=now,
        end=End(reason=normalize_reason(why)) if states.has_ended(state) else NO_END,
        started=None if state == State.QUEUED else job.started,
    )
