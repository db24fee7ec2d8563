"""The steps of every page: check certificate, project, session and token, run the page, respond."""

import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, cast

from flask import Response, request
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import NotFound

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.api import form_parser
from lgi_server.api.dispatch import admit, receive, repository_writer, transact
from lgi_server.api.form import Form
from lgi_server.api.uploads import PageRequest
from lgi_server.auth import browser_guard, client_certificate
from lgi_server.auth.client_certificate import ClientCertificate
from lgi_server.basic_interface import group_choice, responses
from lgi_server.basic_interface.registry import (
    AfterCommit,
    Answer,
    Finished,
    Page,
    PageContext,
    PageUser,
)
from lgi_server.db.transaction import Transaction
from lgi_server.runtime import Runtime
from lgi_server.services.access import principals, web_sessions
from lgi_server.services.access.web_sessions import WebSession

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


def authenticate_user(server: Runtime, environ: "WSGIEnvironment") -> ClientCertificate:
    """Return the certificate of a user; LGIError CERTIFICATE, also for a job, or PROJECT_REFUSED."""
    who = client_certificate.require_user_certificate(environ, server.trust, time.time())
    principals.check_certificate(who, server.config)
    return who


def authenticate(server: Runtime, project: str) -> PageUser:
    """Return the user of the current request in a project, or in the first allowed one for "".

    Raises LGIError CERTIFICATE or PROJECT_REFUSED, or NotFound for an unknown project.
    """
    who = authenticate_user(server, request.environ)
    project = project or _first_project(server, who)
    if project not in server.config.projects:
        raise NotFound
    if not who.name.allows_project(project):
        raise LGIError(ErrorNumber.PROJECT_REFUSED, project)
    chosen = group_choice.of_cookies(request.cookies)
    user = principals.user_of(who, chosen, server.config)
    return PageUser(server, who, user, project, int(time.time()))


def _first_project(server: Runtime, who: ClientCertificate) -> str:
    """Return the default project if the certificate allows it, or else the first that it allows."""
    if who.name.allows_project(server.config.default_project):
        return server.config.default_project
    return next(name for name in server.config.projects if who.name.allows_project(name))


def dispatch(server: Runtime, page: Page, project: str = "", **place: object) -> Response:
    """Return the response for a page; ``place`` are the variables of its URL."""
    known = authenticate(server, project)
    try:
        posted = _posted(server, page, known) if page.changes else MultiDict()
        with admit(server, known.who):
            session = open_session(server, known)
            known = replace(known, token=session.token)
            try:
                if isinstance(posted, LGIError):
                    raise posted
                answer = _run(page, known, session, posted, place)
                response = responses.response(known, answer)
            except LGIError as refused:
                response = responses.refusal(known, refused)
    finally:
        cast(PageRequest, request).remove_arrived_files()
    return with_cookie(response, session)


def _run(
    page: Page,
    known: PageUser,
    session: WebSession,
    posted: "MultiDict[str, str]",
    place: Mapping[str, object],
) -> Finished:
    """Run a page and return its answer, or the answer of ``page.refused`` to an LGIError."""
    in_transaction = partial(transact, known.server, known.server.projects[known.project])
    store = repository_writer(known.server)

    def context(transaction: Transaction) -> PageContext:
        principals.check_user(transaction, known.user.name)
        return PageContext(known, transaction, Form(request.args), posted, store)

    try:
        if page.changes:
            _check_token(session, page, posted)
        answer: Answer = in_transaction(
            lambda transaction: page.view(context(transaction), **place), page.changes and page.writes
        )
        return _finished(answer)
    except LGIError as error:
        if page.refused is None:
            raise
        refused, explain = error, page.refused
    return _finished(
        in_transaction(lambda transaction: explain(context(transaction), refused, **place), writes=False)
    )


def _finished(answer: Answer) -> Finished:
    return answer.do() if isinstance(answer, AfterCommit) else answer


def _posted(server: Runtime, page: Page, known: PageUser) -> "MultiDict[str, str] | LGIError":
    """Return the fields of a form that was sent from a page of this server, or why it is refused.

    That is LGIError FORGERY, FILE_TOO_BIG, POST_TOO_BIG, UPLOAD or BACK_OFF.
    """
    if browser_guard.comes_from_elsewhere(request.environ):
        return LGIError(ErrorNumber.FORGERY, "another site has sent this form")
    posted = cast(PageRequest, request)
    if page.takes_files:
        store, account = server.store, known.who.account
        posted.budget, posted.max_file_size = store.budget(account), store.max_file_size
        posted.max_content_length = server.config.max_post_size
    try:
        with receive(server, known.who, posted):
            return form_parser.posted_form(posted)
    except LGIError as refused:
        return refused


def _check_token(session: WebSession, page: Page, posted: Mapping[str, str]) -> None:
    """Raise LGIError FORGERY for a form that does not belong to the session."""
    if not session.has_made(posted.get("token", "")):
        first = "" if page.refused else "load the page again and "
        raise LGIError(
            ErrorNumber.FORGERY,
            message=f"This form has expired and nothing was changed: {first}send it again",
        )


def open_session(server: Runtime, known: PageUser) -> WebSession:
    """Return the browser's session, or a new one, from the database of the default project."""
    database = server.projects[server.config.default_project].database
    key, who, now = request.cookies.get(browser_guard.COOKIE, ""), known.who, known.now

    def find(transaction: Transaction) -> WebSession | None:
        return web_sessions.find(transaction, key, who, now)

    def begin(transaction: Transaction) -> WebSession:
        return web_sessions.begin(transaction, who, now)

    session = database.run(find, write=False)
    if session is None:
        return database.run(begin)
    if session.is_due:
        database.run(partial(web_sessions.renew, session=session, now=now))
    return session


def with_cookie(response: Response, session: WebSession) -> Response:
    """Return the response, with the cookie of a new session."""
    if session.is_new:
        response.set_cookie(
            browser_guard.COOKIE, session.key, path="/", secure=True, httponly=True, samesite="Strict"
        )
    return response
