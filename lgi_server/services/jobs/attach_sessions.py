"""Sessions of LGI_attach: bytes that go between a user and the daemon of a running job, through the database.

Both ends call this server; whichever worker or server answers them. A session ends when one of its ends says
so or is silent, some seconds after its job, when nothing was sent for long, and at its longest time. The
history of the job says who was attached when and for how long, and never what was sent.
"""

from dataclasses import dataclass, replace
from enum import Enum
from functools import partial

from lgi_protocol import states
from lgi_protocol.attach_frames import MOST_WAITING
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.states import State
from lgi_server.db.transaction import Transaction
from lgi_server.services.access import job_holder
from lgi_server.services.access.principals import UserPrincipal
from lgi_server.services.jobs import event_log, history
from lgi_server.tables import attach_sessions
from lgi_server.tables.active_resources import ResourceRow
from lgi_server.tables.attach_sessions import AttachRow
from lgi_server.tables.job_queue import jobs

# Bytes in one second, in both directions together.
RATE = 256 * 1024
# Seconds: until an end that says nothing has gone; until a daemon must have answered; after the job's end;
# without any data; of a whole session.
SILENCE, ANSWER, AFTER_JOB, IDLE, LONGEST = 45, 30, 15, 1800, 8 * 3600
# How often the time of a call is stored; and how long an ended session stays for what its ends still ask.
SEEN, KEPT = 5, 60
# The state of a `SessionNews` about data.
SENT = "attached"


@dataclass(frozen=True)
class SessionNews:
    """What other workers are told of: a session of a job waits for its daemon, or has new data."""

    job_id: int
    state: str
    application: str = ""


class Side(Enum):
    """The end of a session that calls: what it sends, and what it receives."""

    USER = ("input", "output")
    DAEMON = ("output", "input")

    @property
    def sends(self) -> str:
        """What this end sends."""
        return self.value[0]

    @property
    def receives(self) -> str:
        """What this end receives."""
        return self.value[1]


@dataclass(frozen=True)
class JobDaemon:
    """A calling resource, and the reference under which its daemon has a job."""

    resource: ResourceRow
    reference: str


@dataclass(frozen=True)
class Posted:
    """What one end posts: ``data`` from byte ``offset`` of all that it sends; how many bytes it has received.

    ``is_closing``: it sends no more, and wants no more.
    """

    offset: int
    data: bytes
    received: int
    is_closing: bool


@dataclass(frozen=True)
class Exchanged:
    """What it is answered: ``data`` from byte ``offset`` on; ``accepted`` bytes of what it sends are stored.

    ``has_changed``: something was stored, so that the call cannot wait.
    """

    session: AttachRow
    accepted: int
    offset: int
    data: bytes
    has_changed: bool


def upkept(transaction: Transaction, session: AttachRow, now: int) -> AttachRow:
    """End a session whose ends have gone, and delete one that ended a while ago; return it as it is then."""
    if session.ended and now > session.ended + KEPT:
        attach_sessions.delete(transaction, [session.session_token])
    elif not session.ended and (reason := _end_reason(session, now)):
        session = _end(transaction, session, reason, now)
        attach_sessions.set_end(transaction, session)
    return session


def upkeep(transaction: Transaction, now: int) -> None:
    """End the sessions whose ends have gone, and delete what is left of those that have ended."""
    for session in attach_sessions.all_of_project(transaction):
        upkept(transaction, session, now)


def exchange_with_user(
    transaction: Transaction, user: UserPrincipal, token: str, posted: Posted, now: int
) -> Exchanged:
    """Take and return data of a user's session. Raises LGIError NO_SESSION."""
    session = attach_sessions.lock(transaction, token)
    if session is None or session.user_name != user.name:
        raise LGIError(ErrorNumber.NO_SESSION, message="There is no such session of LGI_attach")
    return _exchange(transaction, session, Side.USER, posted, now)


def exchange_with_daemon(
    transaction: Transaction, caller: JobDaemon, token: str, posted: Posted, now: int
) -> Exchanged:
    """Take and return data of a session with a job of a daemon; LGIError NO_SESSION for any other session."""
    session = attach_sessions.lock(transaction, token)
    job = jobs.find_summary(transaction, session.job_id) if session else None
    if (
        session is None
        or job is None
        or caller.resource.resource_name not in job.target_resources
        or not job_holder.is_held(job, caller.reference)
    ):
        raise LGIError(ErrorNumber.NO_SESSION, message="There is no such session of LGI_attach")
    return _exchange(transaction, session, Side.DAEMON, posted, now)


def _exchange(transaction: Transaction, old: AttachRow, side: Side, posted: Posted, now: int) -> Exchanged:
    new = _seen(_received(old, side, posted.received), side, now)
    if side is Side.USER and posted.is_closing:
        new = replace(new, output_waiting=b"")
    if not new.ended:
        new = _sent(new, side, posted, now)
        reason = _end_reason(new, now) or _job_end(transaction, new, now)
        if posted.is_closing or reason:
            new = _end(transaction, new, reason, now)
    if new != old:
        attach_sessions.store(transaction, new)
        transaction.news.append(SessionNews(new.job_id, SENT))
    length, waiting = getattr(new, f"{side.receives}_length"), getattr(new, f"{side.receives}_waiting")
    return Exchanged(
        new, getattr(new, f"{side.sends}_length"), length - len(waiting), waiting, has_changed=new != old
    )


def _received(session: AttachRow, side: Side, received: int) -> AttachRow:
    """Return a session without what this end has received."""
    length, name = getattr(session, f"{side.receives}_length"), f"{side.receives}_waiting"
    waiting = getattr(session, name)
    left = min(max(length - received, 0), len(waiting))
    return replace(session, **{name: waiting[len(waiting) - left :]})


def _sent(session: AttachRow, side: Side, posted: Posted, now: int) -> AttachRow:
    """Return a session with as much of posted data as there is room for, and as may be sent in a second.

    What was posted before, and was answered in vain, is skipped.
    """
    length, waiting = getattr(session, f"{side.sends}_length"), getattr(session, f"{side.sends}_waiting")
    if posted.offset > length:
        raise LGIError(ErrorNumber.START_TOO_BIG, message=f"offset is beyond the {length} bytes that came")
    moved = session.moved if session.used == now else 0
    room = min(MOST_WAITING - len(waiting), RATE - moved)
    new = posted.data[length - posted.offset :][: max(room, 0)]
    if not new:
        return session
    sent = {f"{side.sends}_length": length + len(new), f"{side.sends}_waiting": waiting + new}
    return replace(session, used=now, moved=moved + len(new), **sent)


def _seen(session: AttachRow, side: Side, now: int) -> AttachRow:
    if side is Side.USER:
        return replace(session, user_seen=now) if now >= session.user_seen + SEEN else session
    return replace(session, daemon_seen=now) if now >= session.daemon_seen + SEEN else session


def _end_reason(session: AttachRow, now: int) -> str:
    """Return why a session has to end, empty if it may go on."""
    if now > session.begun + LONGEST:
        return f"a session may take {LONGEST // 3600} hours"
    if now > session.used + IDLE:
        return f"nothing was sent for {IDLE // 60} minutes"
    if now > session.user_seen + SILENCE:
        return "LGI_attach of the user has gone"
    if not session.daemon_seen:
        late = now > session.begun + ANSWER
        return "the resource does not answer: its daemon may be too old for LGI_attach" if late else ""
    return "the daemon of the job has gone" if now > session.daemon_seen + SILENCE else ""


def _job_end(transaction: Transaction, session: AttachRow, now: int) -> str:
    """Return that the job has ended, if it has for some seconds: its daemon ends the session before."""
    job = jobs.find_summary(transaction, session.job_id)
    if job is None:
        return "the job was deleted"
    runs = states.normalized(job.state) in {State.RUNNING, State.ABORTING}
    return "" if runs or now <= job.state_time_stamp + AFTER_JOB else "the job has ended"


def _end(transaction: Transaction, session: AttachRow, reason: str, now: int) -> AttachRow:
    """Return an ended session, in which nothing waits for the daemon any more, and record its end."""
    seconds, name = now - session.begun, session.user_name
    why = f"LGI_attach has ended after {seconds} s" + (f": {reason}" if reason else "")
    job = jobs.find_summary(transaction, session.job_id)
    if job is not None:
        history.record_event(transaction, job, f"user {name}", why, now)
    transaction.on_commit(partial(event_log.log_attach_ended, session.job_id, name, seconds, reason))
    return replace(session, ended=now, end_reason=reason, input_waiting=b"")
