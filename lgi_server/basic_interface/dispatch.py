"""How a page is entered: certificate, project, session and token, in this order, for every page alike."""

import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import cast

from flask import Response, request
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import NotFound

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.api import form_parser
from lgi_server.api.dispatch import admit, authenticate_user, receive, repository_writer, transact
from lgi_server.api.fields import Form
from lgi_server.api.uploads import PageRequest
from lgi_server.auth import browser_guard
from lgi_server.auth.client_certificate import ClientCertificate
from lgi_server.basic_interface import group_choice, responses
from lgi_server.basic_interface.registry import (
    AfterCommit,
    Answer,
    Download,
    Page,
    PageContext,
    PageUser,
    Redirect,
    Template,
)
from lgi_server.db.transaction import Transaction
from lgi_server.runtime import Runtime
from lgi_server.services.access import principals, web_sessions
from lgi_server.services.access.web_sessions import WebSession


def authenticate(server: Runtime, project: str) -> PageUser:
    """Return who is there, before anything is done for them.

    Raises LGIError CERTIFICATE or PROJECT_REFUSED, or NotFound for the project.
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
    """Return the project of an address that names none.

    It is the default project, or else the first that is allowed.
    """
    if who.name.allows_project(server.config.default_project):
        return server.config.default_project
    return next(name for name in server.config.projects if who.name.allows_project(name))


def dispatch(server: Runtime, page: Page, project: str = "", **place: object) -> Response:
    """Return one page, from the certificate to the answer."""
    known = authenticate(server, project)
    try:
        posted = _posted(server, page, known) if page.changes else MultiDict()
        with admit(server, known.who):
            session = open_session(server, known)
            known = replace(known, token=session.token)
            try:
                if isinstance(posted, LGIError):
                    raise posted
                answer = _visited(page, known, session, posted, place)
                response = responses.response(known, answer)
            except LGIError as refused:
                response = responses.refusal(known, refused)
    finally:
        cast(PageRequest, request).forget_arrivals()
    return with_cookie(response, session)


def _visited(
    page: Page,
    known: PageUser,
    session: WebSession,
    posted: "MultiDict[str, str]",
    place: Mapping[str, object],
) -> Template | Redirect | Download:
    """Return what a page answers, or what a page makes of a refusal."""
    run = partial(transact, known.server, known.server.projects[known.project])
    store = repository_writer(known.server)

    def visit(transaction: Transaction) -> PageContext:
        return PageContext(known, transaction, Form(request.args), posted, store)

    try:
        if page.changes:
            _check_token(session, page, posted)
        answer: Answer = run(lambda transaction: page.view(visit(transaction), **place), page.changes)
        return answer.do() if isinstance(answer, AfterCommit) else answer
    except LGIError as error:
        if page.refused is None:
            raise
        refused, explain = error, page.refused
    return run(lambda transaction: explain(visit(transaction), refused), writes=False)


def _posted(server: Runtime, page: Page, known: PageUser) -> "MultiDict[str, str] | LGIError":
    """Return the fields of a form, which no other site has sent, or why it is refused.

    That is LGIError FORGERY, FILE_TOO_BIG, POST_TOO_BIG, UPLOAD or BACK_OFF.
    """
    if browser_guard.comes_from_elsewhere(request.environ):
        return LGIError(ErrorNumber.FORGERY, "another site has sent this form")
    posted = cast(PageRequest, request)
    if page.takes_files:
        store, account = server.store, known.who.account
        posted.budget, posted.most_file = store.budget(account), store.max_file_size
        posted.max_content_length = server.config.max_post_size
    try:
        with receive(server, known.who, posted):
            return form_parser.posted_form(posted)
    except LGIError as refused:
        return refused


def _check_token(session: WebSession, page: Page, posted: Mapping[str, str]) -> None:
    """LGIError FORGERY for a form that this server has not made for this browser."""
    if not session.has_made(posted.get("token", "")):
        first = "" if page.refused else "load its page again and "
        raise LGIError(
            ErrorNumber.FORGERY,
            message=f"This form has expired and nothing was changed: {first}send it again",
        )


def open_session(server: Runtime, known: PageUser) -> WebSession:
    """Return the browser's session, or a new one. It is in the database of the default project."""
    database = server.projects[server.config.default_project].database
    key, who, now = request.cookies.get(browser_guard.COOKIE, ""), known.who, known.now

    def look(transaction: Transaction) -> WebSession | None:
        return web_sessions.known(transaction, key, who, now)

    def begin(transaction: Transaction) -> WebSession:
        return web_sessions.begin(transaction, who, now)

    session = database.run(look, write=False)
    if session is None:
        return database.run(begin)
    if not session.is_noted:
        database.run(partial(web_sessions.note, session=session, now=now))
    return session


def with_cookie(response: Response, session: WebSession) -> Response:
    """Return an answer that has a browser keep its new session."""
    if session.is_new:
        response.set_cookie(
            browser_guard.COOKIE, session.key, path="/", secure=True, httponly=True, samesite="Strict"
        )
    return response
