"""Long polls of open pages: answered when there is something new to show, or when their time is over.

Each costs a greenlet and an event, but no connection to the database and no slot.
"""

import time
from functools import partial

from flask import Response, request

from lgi_protocol.errors import LGIError
from lgi_server.api import fields, uploads
from lgi_server.api.dispatch import admit
from lgi_server.api.form import Form
from lgi_server.background.long_poll_users import KnownJobState, ListSubscription
from lgi_server.background.timestamp_batcher import Timestamp
from lgi_server.basic_interface import dispatch, job, responses
from lgi_server.basic_interface.list_pages import read_cursor
from lgi_server.basic_interface.registry import PageUser
from lgi_server.db.transaction import Transaction
from lgi_server.runtime import Runtime
from lgi_server.services.access import principals
from lgi_server.services.jobs import live_output

CHANGED, UNCHANGED = 200, 204
PROGRESS = fields.Field("progress", fields.SHORT, fields.E.LIMIT_TOO_BIG, fields.E.LIMIT_TOO_BIG)
# Seconds that a request may wait: fewer than after which a job counts as unwatched.
LONGEST = 25
SINCE = fields.Field("since", fields.SHORT, fields.E.START_TOO_BIG, fields.E.START_TOO_BIG)
# Seconds: changes further back are not looked for.
OLDEST = 300


def poll_job(server: Runtime, project: str, job_id: int) -> Response:
    """Return status 200 when a job has changed since the page was loaded, or 204 when it has not."""
    user = dispatch.authenticate(server, project)
    progress = Form(request.args).number_or(PROGRESS, 0)
    known = KnownJobState(user.user.name, job_id, request.args.get("state", ""), progress)
    try:
        is_current = _is_current(server, user, known)
        if is_current:
            _wait(server, user, known)
            dispatch.authenticate_user(server, request.environ)
            is_current = _is_current(server, user, known)
    except LGIError as refused:
        return responses.plain(responses.status_of(refused), refused.message)
    return responses.plain(UNCHANGED if is_current else CHANGED, "")


def _is_current(server: Runtime, user: PageUser, known: KnownJobState) -> bool:
    """Return whether a page shows the present state and output of a job, and store that it is watched.

    Raises LGIError NO_JOB for a job that the user may not read too.
    """

    def work(transaction: Transaction) -> bool:
        principals.check_user(transaction, user.user.name)
        view = live_output.view(transaction, user.user, known.job_id, 0)
        return known.is_current(view.job.state, view.progress)

    project = server.projects[user.project]
    with admit(server, user.who), job.hidden(known.job_id):
        is_current = project.database.run(work, write=False)
    project.timestamps.add((Timestamp.JOB_WATCH, known.job_id), int(time.time()))
    return is_current


def poll_list(server: Runtime, project: str) -> Response:
    """Return status 200 when a job of an open list has changed, or 204 when none has."""
    user = dispatch.authenticate(server, project)
    everybody = user.is_administrator and request.args.get("whose") == "all"
    cursors = map(read_cursor, request.args.get("known", "").split(","))
    subscription = ListSubscription(
        user.user.name,
        user.user.names if everybody else user.own_names,
        # A time far back would make the queries for all lists slow.
        max(Form(request.args).number_or(SINCE, user.now), user.now - OLDEST),
        frozenset(cursor for cursor in cursors if cursor is not None),
    )
    try:
        _check_user(server, user)
        has_changed = _wait(server, user, subscription)
        dispatch.authenticate_user(server, request.environ)
    except LGIError as refused:
        return responses.plain(responses.status_of(refused), refused.message)
    return responses.plain(CHANGED if has_changed else UNCHANGED, "")


def _check_user(server: Runtime, user: PageUser) -> None:
    """Raise LGIError CERTIFICATE for a revoked user."""
    check = partial(principals.check_user, name=user.user.name)
    with admit(server, user.who):
        server.projects[user.project].database.run(check, write=False)


def _wait(server: Runtime, user: PageUser, subscription: KnownJobState | ListSubscription) -> bool:
    """Wait for a change, for a limited time, and return whether there was one."""
    seconds = min(LONGEST, server.config.longest_wait)
    # Not the proxy: the connection is checked outside of the request's context.
    asked = request._get_current_object()  # type: ignore[attr-defined]
    has_gone = partial(uploads.client_disconnected, asked)
    return server.projects[user.project].user_polls.wait(subscription, seconds, has_gone) is not None
