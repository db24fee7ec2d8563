"""Held requests of open pages: answered when there is something new to show, or when their time is over.

One costs a greenlet and an event: it has no connection to the database and no place among the requests.
"""

import time
from functools import partial

from flask import Response, request

from lgi_protocol.errors import LGIError
from lgi_server.api import fields, uploads
from lgi_server.api.dispatch import admit, authenticate_user
from lgi_server.api.fields import Form
from lgi_server.background.long_poll_users import KnownJobState, ListSubscription
from lgi_server.background.timestamp_batcher import Timestamp
from lgi_server.basic_interface import dispatch, job, responses
from lgi_server.basic_interface.job_list import read_place
from lgi_server.basic_interface.registry import PageUser
from lgi_server.db.transaction import Transaction
from lgi_server.runtime import Runtime
from lgi_server.services.jobs import live_output

NEWS, NO_NEWS = 200, 204
PROGRESS = fields.Field("progress", fields.SHORT, fields.E.LIMIT_TOO_BIG, fields.E.LIMIT_TOO_BIG)
# A page that asks is answered at the latest after so many seconds, soon enough to be known to look still.
LONGEST = 25
SINCE = fields.Field("since", fields.SHORT, fields.E.START_TOO_BIG, fields.E.START_TOO_BIG)
# An open list may be that old, in seconds.
OLDEST = 300


def poll_job(server: Runtime, project: str, job_id: int) -> Response:
    """Return whether the state of a job is another one than the page shows: 200, or 204 for no news."""
    known = dispatch.authenticate(server, project)
    query = Form(request.args)
    wish = KnownJobState(known.user.name, job_id, request.args.get("state", ""), query.number_or(PROGRESS, 0))
    try:
        is_so = _is_so(server, known, wish)
        if is_so:
            _wait(server, known, wish)
            authenticate_user(server, request.environ)
            is_so = _is_so(server, known, wish)
    except LGIError as refused:
        return responses.plain(responses.status_of(refused), refused.message)
    return responses.plain(NO_NEWS if is_so else NEWS, "")


def _is_so(server: Runtime, known: PageUser, wish: KnownJobState) -> bool:
    """Return whether a page still shows what is known of a job.

    Raises LGIError NO_JOB or READ_REFUSED. Its output is looked at.
    """

    def look(transaction: Transaction) -> bool:
        seen = live_output.view(transaction, known.user, wish.job_id, 0)
        return wish.is_so(seen.job.state, seen.progress)

    project = server.projects[known.project]
    with admit(server, known.who), job.hidden(wish.job_id):
        is_so = project.database.run(look, write=False)
    project.timestamps.add((Timestamp.JOB_WATCH, wish.job_id), int(time.time()))
    return is_so


def poll_list(server: Runtime, project: str) -> Response:
    """Return whether a job of an open list has changed: 200, or 204 for no news."""
    known = dispatch.authenticate(server, project)
    query = Form(request.args)
    everybody = known.is_administrator and request.args.get("whose") == "all"
    places = map(read_place, request.args.get("known", "").split(","))
    wish = ListSubscription(
        known.user.name,
        known.user.names if everybody else known.own_names,
        # What lies far back would make much of every look.
        max(query.number_or(SINCE, known.now), known.now - OLDEST),
        frozenset(place for place in places if place is not None),
    )
    try:
        has_news = _wait(server, known, wish)
        authenticate_user(server, request.environ)
    except LGIError as refused:
        return responses.plain(responses.status_of(refused), refused.message)
    return responses.plain(NEWS if has_news else NO_NEWS, "")


def _wait(server: Runtime, known: PageUser, wish: KnownJobState | ListSubscription) -> bool:
    """Wait for news, not for long: whether there is any."""
    seconds = min(LONGEST, server.config.longest_wait)
    # The request itself: whoever looks whether its connection is there does so outside of it.
    has_gone = partial(uploads.client_disconnected, request._get_current_object())  # type: ignore[attr-defined]
    return server.projects[known.project].user_polls.wait(wish, seconds, has_gone)
