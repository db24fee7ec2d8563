"""The begin of a session of LGI_attach: who may attach to which jobs, and how many sessions there may be."""

import secrets
from functools import partial

from lgi_protocol import comma_lists, states
from lgi_protocol.capabilities import requested
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.states import State
from lgi_server.db.transaction import Transaction
from lgi_server.services.access.principals import UserPrincipal
from lgi_server.services.jobs import event_log, history
from lgi_server.services.jobs.attach_sessions import KEPT, SessionNews, upkept
from lgi_server.tables import attach_sessions, mutexes
from lgi_server.tables.attach_sessions import AttachRow
from lgi_server.tables.job_queue import jobs
from lgi_server.tables.job_queue.jobs import JobRow
from lgi_server.tables.job_queue.pending_work import ATTACHING

# Sessions at once: of one user, and of a project; and how many a user may begin in `KEPT` seconds, since each
# leaves two lines in the history, and its last output for that long.
MOST_EACH, MOST, MOST_NEW = 4, 32, 120


def begin(transaction: Transaction, user: UserPrincipal, job_id: int, now: int, *, is_allowed: bool) -> str:
    """Begin a session with a running job and return its token; ``is_allowed`` is the project's setting.

    Raises LGIError NO_JOB, READ_REFUSED, MODIFY_REFUSED or STATE.
    """
    job = jobs.find_summary(transaction, job_id)
    if job is None:
        raise LGIError(ErrorNumber.NO_JOB, f"job {job_id}")
    _check(job, user, is_allowed=is_allowed)
    mutexes.acquire(transaction, "attach", "SELECT 1")
    found = [upkept(transaction, one, now) for one in attach_sessions.all_of_project(transaction)]
    _check_number([one for one in found if not one.ended], user)
    if sum(one.user_name == user.name and one.begun > now - KEPT for one in found) >= MOST_NEW:
        raise _refusal(f"A user may begin {MOST_NEW} sessions of LGI_attach in {KEPT} s: try again later")
    token = secrets.token_hex(16)
    attach_sessions.insert(transaction, AttachRow(token, job_id, user.name, now, user_seen=now, used=now))
    history.record_event(transaction, job, f"user {user.name}", "LGI_attach begins", now)
    transaction.on_commit(partial(event_log.log_attached, job_id, user.name))
    transaction.news.append(SessionNews(job_id, ATTACHING, job.application))
    return token


def _check(job: JobRow, user: UserPrincipal, *, is_allowed: bool) -> None:
    what = f"job {job.job_id}"
    if not comma_lists.contains_any(job.read_access, user.names):
        raise LGIError(ErrorNumber.READ_REFUSED, what)
    if not is_allowed:
        raise _refusal("LGI_attach is not allowed in this project (attach of the server's configuration)")
    allows = requested(job.job_specifics, "attach")
    if allows == "no":
        raise _refusal(f"LGI_attach is not allowed by {what}")
    may_attach = user.name == next(iter(job.owners), "")
    may_attach |= allows == "shared" and comma_lists.contains_any(job.write_access, user.names)
    if not may_attach:
        raise LGIError(ErrorNumber.MODIFY_REFUSED, what, message="Only its owner may attach to the job")
    if states.normalized(job.state) != State.RUNNING:
        raise LGIError(
            ErrorNumber.STATE, f"{what} is {job.state}", message="Only a running job can be attached to"
        )


def _refusal(message: str) -> LGIError:
    return LGIError(ErrorNumber.MODIFY_REFUSED, message=message)


def _check_number(found: list[AttachRow], user: UserPrincipal) -> None:
    if sum(one.user_name == user.name for one in found) >= MOST_EACH:
        raise _refusal(f"{MOST_EACH} sessions of LGI_attach at once are allowed to a user: end one of them")
    if len(found) >= MOST:
        raise _refusal(f"There are {MOST} sessions of LGI_attach in this project, try again later")
