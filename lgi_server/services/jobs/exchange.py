"""One exchange with a daemon: its reports, the jobs it holds, and new jobs (wire.md 6, ours).

What a daemon may do follows from the reference of a job, not from sessions and locks. An exchange whose
answer was lost is made again: what was done is answered again, and nothing more is changed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lgi_protocol import states
from lgi_protocol.states import State
from lgi_server.db.transaction import Transaction
from lgi_server.services.jobs import exchange_holds, exchange_reports, wait_reasons
from lgi_server.services.jobs.exchange_changes import ExchangeChanges
from lgi_server.services.jobs.exchange_holds import HeldJobs
from lgi_server.services.jobs.exchange_reports import Report
from lgi_server.services.jobs.exchange_request import (
    GivenJob,
    PostedHold,
    PostedReference,
    PostedWant,
    RefusedItem,
    Verdict,
)
from lgi_server.services.jobs.exchange_wants import JobHandout
from lgi_server.services.jobs.licences import Amounts
from lgi_server.services.jobs.live_output import INTEREST
from lgi_server.services.jobs.updates import JobChange
from lgi_server.tables import attach_sessions
from lgi_server.tables.active_resources import ResourceRow
from lgi_server.tables.attach_sessions import AttachRow
from lgi_server.tables.job_queue import batches, pending_work
from lgi_server.tables.job_queue.jobs import JobRow
from lgi_server.tables.job_queue.pending_work import ATTACHING, WATCHED


@dataclass(frozen=True)
class Requests:
    """What a daemon posts beside its reports; ``watched`` is None if it cannot send output.

    ``attached`` are the sessions of LGI_attach that it knows, None if it has none.
    A hold that cannot be read is the Verdict about it; ``refused`` are other items that cannot be read.
    """

    holds: Sequence[PostedHold | Verdict]
    wants: Sequence[PostedWant]
    references: Sequence[PostedReference]
    watched: frozenset[int] | None
    refused: Sequence[RefusedItem] = ()
    attached: frozenset[str] | None = None


@dataclass(frozen=True)
class ExchangeOutcome:
    """What an exchange has done, and what it answers; see `lgi_protocol.exchange.ExchangeAnswer`."""

    reports: Sequence[Verdict]
    held: HeldJobs
    watched: Sequence[int]
    handout: JobHandout
    attaches: Sequence[AttachRow] = ()

    @property
    def has_news(self) -> bool:
        """Whether there is anything to tell; that a job is locked for a moment is none."""
        differs = any(not one.may_pass for one in self.held.verdicts)
        if self.watched or self.attaches:
            return True
        return bool(self.reports or differs or self.jobs or self.handout.spent)

    @property
    def jobs(self) -> Sequence[GivenJob]:
        """The jobs that are given out."""
        return self.handout.jobs


def run(
    transaction: Transaction,
    resource: ResourceRow,
    reports: Sequence[Report | Verdict],
    requests: Requests,
    read_change: Callable[[Report, JobRow], JobChange],
    *,
    totals: Amounts,
    now: int,
    most: int | None = None,
    most_running: int = 0,
) -> ExchangeOutcome:
    """Judge the reports, take back held jobs that were queued again, and give out new ones, at ``now``.

    ``read_change`` returns the change that a report makes to a job, or raises LGIError, which is the answer
    to this report; one that cannot be read is the Verdict about it. ``totals`` are the project's licences.
    At most ``most`` jobs are given out, None for as many as are wanted, and none when ``most_running`` jobs
    of the project run, 0 for any number; what a daemon has already it keeps.
    """
    changes = ExchangeChanges(transaction, resource, now)
    reported = {one.job_id for one in reports if not isinstance(one, Verdict)}
    holds = [one for one in requests.holds if isinstance(one, Verdict) or one.job_id not in reported]
    held_ids = [one.job_id for one in holds if not isinstance(one, Verdict)]
    references = {one.reference: one for one in requests.references}
    rows = batches.read(transaction, sorted(reported), held_ids, list(references))
    verdicts = exchange_reports.judge(changes, rows.reported, reports, read_change, totals)
    held = exchange_holds.judge(changes, rows.held, holds, totals)
    _record_waits(changes, held, holds)
    watched, attaches = _observed(transaction, held, requests, now)
    handout = JobHandout(changes, references, most)
    handout.answer_again(rows.given)
    handout.give(requests.wants, totals, most_running)
    changes.store()
    return ExchangeOutcome(verdicts, held, watched, handout, attaches)


def _record_waits(changes: ExchangeChanges, held: HeldJobs, holds: Sequence[PostedHold | Verdict]) -> None:
    """Record why held jobs cannot be started yet, as far as the daemon says it of those that it has."""
    running = {one.job_id for one in held.known if states.normalized(one.state) is State.RUNNING}
    said = {one.job_id: one.wait_reason for one in holds if isinstance(one, PostedHold)}
    reasons = {job_id: why for job_id, why in said.items() if why is not None and job_id in running}
    wait_reasons.record(changes.transaction, changes.resource.resource_name, reasons, changes.now)


def _observed(
    transaction: Transaction, held: HeldJobs, requests: Requests, now: int
) -> tuple[list[int], list[AttachRow]]:
    """Return the held jobs that a user watches, and sessions with held jobs, as far as they are new."""
    if (requests.watched is None and requests.attached is None) or not held.known:
        return [], []
    mine = {one.job_id for one in held.known}
    found = pending_work.find_watched(transaction, now - INTEREST)
    watched = {one.job_id for one in found if one.state == WATCHED} & mine
    attaching = {one.job_id for one in found if one.state == ATTACHING} & mine
    if requests.watched is None:
        watched = set()
    sessions: list[AttachRow] = []
    if attaching and requests.attached is not None:
        waiting = attach_sessions.unanswered(transaction, sorted(attaching))
        sessions = [one for one in waiting if one.session_token not in requests.attached]
    return sorted(watched - (requests.watched or frozenset())), sessions
