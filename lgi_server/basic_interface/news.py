"""Held requests of open pages: answered when there is something new to show, or when their time is over.

One costs a greenlet and an event: it has no connection to the database and no place among the requests.
"""

import time
from functools import partial

from flask import Response, request

from lgi_protocol.errors import LGIError
from lgi_server import arrivals, forms, identity
from lgi_server.basic_interface import answers, entrance
from lgi_server.basic_interface.visit import Visitor
from lgi_server.database import Transaction
from lgi_server.forms import Form
from lgi_server.job_waiting import Known
from lgi_server.server import Server
from lgi_server.services import tails
from lgi_server.waiting import Nothing

NEWS, NO_NEWS = 200, 204
PROGRESS = forms.Field("progress", forms.SHORT, forms.E.LIMIT_TOO_BIG, forms.E.LIMIT_TOO_BIG)
# A page that asks is answered at the latest after so many seconds, soon enough to be known to look still.
LONGEST = 25


def of_job(server: Server, project: str, job_id: int) -> Response:
    """Whether the state of a job is another one than the page shows: 200, or 204 for no news."""
    known = entrance.visitor(server, project)
    query = Form(request.args)
    wish = Known(known.user.name, job_id, request.args.get("state", ""), query.number_or(PROGRESS, 0))
    try:
        is_so = _is_so(server, known, wish)
        if is_so:
            _wait(server, known, wish)
            identity.of_request(request.environ, server.trust, time.time())
            is_so = _is_so(server, known, wish)
    except LGIError as refused:
        return answers.plain(answers.status_of(refused), refused.message)
    return answers.plain(NO_NEWS if is_so else NEWS, "")


def _is_so(server: Server, known: Visitor, wish: Known) -> bool:
    """Whether a page still shows what is known of a job; LGIError 15 or 34. Its output is looked at."""

    def look(transaction: Transaction) -> bool:
        seen = tails.look(transaction, known.user, wish.job_id, 0)
        return wish.is_so(seen.job.state, seen.progress)

    with server.crowd.place(known.who.name.name):
        is_so = server.databases[known.project].run(look, write=False)
    server.touches[known.project].look(wish.job_id, int(time.time()))
    return is_so


def _wait(server: Server, known: Visitor, wish: Known) -> None:
    seconds = min(LONGEST, server.config.longest_wait)
    if seconds:
        server.wait(Nothing(known.project, wish, seconds), seconds, partial(arrivals.has_ended, request))
