"""The steps of a call: authenticate - receive - admit - parse - run in a transaction - hold - respond.

`Endpoint` runs all of these steps; pages and repositories share some of them. Every exception of a call is
caught here. The steps of all calls stay in one file: tests/house limits the modules that a call passes.
"""

import logging
import posixpath
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import flask
from werkzeug import Request

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.api import bulk_manifest, form_parser, responses, token_admission, uploads
from lgi_server.api.call_record import Caller, CallRecord, log_account
from lgi_server.api.context import CallRequest
from lgi_server.api.faults import INTERNAL_ERROR, internal_error
from lgi_server.api.form import Form
from lgi_server.api.form_parser import FormRequest
from lgi_server.api.headers import CONTENT_TYPE, SECURITY_HEADERS
from lgi_server.api.job_admission import admit_job
from lgi_server.api.registry import AnyRoute
from lgi_server.api.responses import Elements, ResponseBuilder
from lgi_server.api.uploads import SpoolingRequest
from lgi_server.auth import api_token, browser_guard, client_certificate
from lgi_server.auth.api_token import Scope
from lgi_server.auth.client_certificate import ClientCertificate
from lgi_server.auth.job_certificate import JobCertificate
from lgi_server.background import retry
from lgi_server.background.long_poll import ClientGoneError, LongPoll
from lgi_server.db.errors import CommitLostError
from lgi_server.db.transaction import Transaction
from lgi_server.runtime import ProjectRuntime, Runtime
from lgi_server.services.access import principals
from lgi_server.services.jobs.locking import JobLockedError
from lgi_server.services.project import peers
from lgi_server.services.project.replication import UpdatesMissingError
from lgi_server.storage.repository import RepositoryWriter
from lgi_server.storage.staging import RepositoryNotReadyError, StagedRepository

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger("lgi.api")
Result = TypeVar("Result")
# Old daemons repeat a refused call at once and without end: a late answer slows them down.
BACK_OFF_DELAY = 1.0
# Bytes; smaller bodies are not counted while they are received.
SMALL_BODY = 64 * 1024
# How long a large one waits for its turn.
WAIT_SECONDS = 10.0


class Endpoint:
    """A call as a view function of Flask; `add_shortcut` calls ``answer`` without Flask."""

    def __init__(self, runtime: Runtime, route: AnyRoute) -> None:
        """Create the endpoint of a route."""
        self._runtime, self._route, self._name = runtime, route, route.name
        self._scopes = route.scopes

    def __call__(self) -> flask.Response:
        """Return the answer to the current request of Flask."""
        return flask.Response(self.answer(flask.request.environ), content_type=CONTENT_TYPE)

    def answer(self, environ: "WSGIEnvironment") -> bytes:
        """Return the document that answers a request; other exceptions than LGIError are internal errors."""
        elements, refused = self.outcome(self._request(environ))
        if refused is not None and refused.number == ErrorNumber.BACK_OFF:
            time.sleep(BACK_OFF_DELAY)
        return responses.document(self._runtime.config, elements)

    def outcome(self, request: FormRequest) -> tuple[Elements, LGIError | None]:
        """Return the elements that answer a request, and the error if it is refused or nobody reads them."""
        record = CallRecord(self._name)
        refused: LGIError | None = None
        try:
            elements = self._steps(request, record)
            log.debug("%s", record)
        except ClientGoneError as gone:
            log.debug("%s: %s", record, gone)
            return (responses.error(gone),), gone
        except LGIError as error:
            refused, elements = error, (responses.error(error),)
            log.warning("%s refused: %s", record, ascii(str(refused)), extra=log_account(record.who))
        except Exception:  # noqa: BLE001 - the boundary of a request
            refused, elements = INTERNAL_ERROR, internal_error(record.name)
        finally:
            request.remove_arrived_files()
        self._runtime.metrics.answered(record.name, int(refused.number) if refused else 0, record.timer)
        return elements, refused

    def read_fields(self, request: FormRequest, _who: Caller) -> Mapping[str, str]:
        """Return the fields of a request; LGIError POST_TOO_BIG, FILE_TOO_BIG or UPLOAD."""
        return form_parser.posted_fields(request)

    def _request(self, environ: "WSGIEnvironment") -> FormRequest:
        # An urlencoded form has no files.
        has_files = self._route.takes_files and "multipart" in environ.get("CONTENT_TYPE", "").lower()
        largest, most = self._runtime.store.max_file_size, self._runtime.config.max_post_size
        if has_files:
            request: FormRequest = SpoolingRequest(environ, largest, self._route.bulk)
        else:
            request = FormRequest(environ)
        largest_form = self._route.most_text + form_parser.FORM_OVERHEAD
        request.max_content_length = most if has_files else min(most, largest_form)
        request.max_form_memory_size = self._route.most_text
        return request

    def _steps(self, request: FormRequest, record: CallRecord) -> Elements:
        runtime = self._runtime
        record.who = who = authenticate(runtime, request.environ, *self._scopes, programs_only=True)
        try:
            route = _route_for(self._route, who)
            with receive(runtime, who, request) as account:
                if isinstance(request, SpoolingRequest):
                    request.budget = runtime.store.budget(account)
                record.posted = self.read_fields(request, who)
            with admit(runtime, who, account):
                call = _parse(runtime, route, who, request, record.posted)
                return _run(route, call)
        except LongPoll as poll:
            with runtime.metrics.holding(record.timer):
                return _hold(route, call, poll, request)


def authenticate(
    runtime: Runtime, environ: "WSGIEnvironment", *scopes: Scope, programs_only: bool = False
) -> Caller:
    """Return the certificate of the caller, or the holder of a token that has one of these scopes.

    Without a scope tokens are ignored.
    Raises LGIError CERTIFICATE, PROJECT_REFUSED, or, with ``programs_only``, BROWSER_SESSION for a browser.
    """
    who: Caller
    if "HTTP_AUTHORIZATION" in environ and scopes and api_token.is_posted(environ):
        who = token_admission.authenticate_token(runtime, environ, *scopes)
    else:
        who = client_certificate.authenticate(environ, runtime.trust, time.time())
    if programs_only:
        browser_guard.check_is_program(environ)
    if isinstance(who, ClientCertificate):
        principals.check_certificate(who, runtime.config)
    elif runtime.trust.front_end is None and (connection := environ.get("gunicorn.socket")) is not None:
        # A connection of a front end is not the job's own.
        runtime.job_connections.add(who, connection)
    return who


@contextmanager
def receive(runtime: Runtime, who: Caller, request: Request) -> Iterator[str]:
    """Count a body that is received while a block runs, and provide the caller's account.

    A client may take long to send a body, so no slot is held; large bodies, and those of jobs, are counted.
    Raises LGIError BACK_OFF when there are too many of them, CERTIFICATE for a job that has ended.
    """
    if isinstance(who, JobCertificate):
        with admit_job(runtime, who, runtime.bodies) as account:
            yield account
        return
    size = request.content_length if request.method == "POST" else 0
    is_large = size is None or size > SMALL_BODY
    connection = request.environ.get("gunicorn.socket")
    slot = runtime.bodies.slot(who.account, wait=WAIT_SECONDS, holder=connection)
    with slot if is_large else nullcontext():
        yield who.account


@contextmanager
def admit(runtime: Runtime, who: Caller, account: str = "") -> Iterator[str]:
    """Hold a slot of this worker while a block runs, and provide the caller's account, unless that is known.

    Raises LGIError BACK_OFF when no slot is free, CERTIFICATE for a job that has ended.
    """
    if isinstance(who, JobCertificate):
        with admit_job(runtime, who, runtime.limiter, account) as found:
            yield found
        return
    with runtime.limiter.slot(who.account):
        yield who.account


def _route_for(route: AnyRoute, who: Caller) -> AnyRoute:
    """Return the route for this caller, for a job ``for_jobs``; LGIError CERTIFICATE if that is None."""
    if isinstance(who, ClientCertificate):
        return route
    if route.for_jobs is None:
        raise LGIError(ErrorNumber.CERTIFICATE, "a job may not do that")
    return route.for_jobs


def _parse(
    runtime: Runtime, route: AnyRoute, who: Caller, request: FormRequest, posted: Mapping[str, str]
) -> CallRequest:
    """Return the posted request, checked as far as that is possible without the database."""
    form = Form(posted)
    files = partial(uploads.uploads_of, request) if isinstance(request, SpoolingRequest) else tuple
    checked = route.context.check(form, who, runtime)
    if route.writes and request.method not in request.changing_methods:
        # Whoever follows a link, or fetches a page in advance, means no change.
        raise LGIError(ErrorNumber.FORGERY, message="This call changes something: it has to be posted")
    project = runtime.projects[route.context.project_name(form, who, runtime)]
    call = CallRequest(
        runtime=runtime,
        project=project,
        who=who,
        form=form,
        checked=checked,
        answers=ResponseBuilder(runtime.config, runtime.config.projects[project.name], runtime.repositories),
        store=repository_writer(runtime),
        uploads=files,
        entries=bulk_manifest.read(form, files(), runtime.config) if route.bulk else (),
    )
    prepared: CallRequest = route.context.prepare(call)
    return prepared


def repository_writer(runtime: Runtime) -> RepositoryWriter:
    """Return the repository writer of a request; those that are not on the disk are created in advance."""
    here = runtime.config.repositories_on_disk
    return runtime.repositories if here else StagedRepository(runtime.repositories)


def _run(route: AnyRoute, call: CallRequest) -> Elements:
    """Run a call in its project's database, and read the listed repositories after the commit."""
    try:
        work = partial(route.context.run, route.view, call)
        answer = transact(call.runtime, call.project, work, route.writes)
    except UpdatesMissingError as missing:
        peers.fetch_missing_updates(call.runtime.config, call.project.database, call.project.name, missing)
        return _run(route, replace(call, updates_fetched=True))
    except CommitLostError as lost:
        if not (route.is_repeatable or call.has_request_ids):
            raise
        raise LGIError(ErrorNumber.BACK_OFF) from lost
    return call.answers.complete(answer, stored=route.takes_files)


def transact(
    runtime: Runtime, project: ProjectRuntime, work: Callable[[Transaction], Result], writes: bool = True
) -> Result:
    """Return the result of ``work`` in a transaction of a project's database.

    It is repeated while the database requires that, while its job is locked, and after its repository was
    created on another host; LGIError BACK_OFF when that takes too long.
    """

    def run() -> Result:
        with runtime.metrics.in_database(project.name):
            return project.database.run(work, writes)

    try:
        return run()
    except JobLockedError as locked:
        return retry.wait_for_lock(run, locked)
    except RepositoryNotReadyError as first:
        return first.staged.create_and_run(run)


def _hold(route: AnyRoute, call: CallRequest, poll: LongPoll, request: FormRequest) -> Elements:
    """Wait until a call has a result or its time is over, and return its answer.

    The call holds no slot while it waits. It is authenticated and admitted again after that, since its
    certificate may have been revoked. ClientGoneError when the client has gone.
    """
    with poll.attempts(partial(uploads.client_disconnected, request)) as attempts:
        for attempt in attempts:
            who = authenticate(call.runtime, request.environ, *route.scopes)
            try:
                with admit(call.runtime, who):
                    return _run(route, replace(call, may_wait=attempt.may_wait, most_jobs=attempt.most))
            except LongPoll:
                continue
    raise AssertionError("a call that may not wait raised LongPoll")


def add_shortcut(app: flask.Flask) -> None:
    """Have the application answer the URLs of calls without Flask: it saves 0.1 ms, a fifth of a small call.

    The URLs are those of ``url_map``. Paths are normalized, since old clients send ``/../`` (clients.md 1.4).
    """
    views = {rule.rule: app.view_functions[rule.endpoint] for rule in app.url_map.iter_rules()}
    endpoints = {path: view for path, view in views.items() if type(view) is Endpoint}
    pages: WSGIApplication = app.wsgi_app

    def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "/")
        if path not in endpoints and ("/.." in path or "//" in path or "/./" in path):
            plain = posixpath.normpath("/" + path.lstrip("/"))
            environ["PATH_INFO"] = path = plain + "/" if path.endswith("/") and plain != "/" else plain
        if path not in endpoints:
            return pages(environ, start_response)
        body = endpoints[path].answer(environ)
        length = ("Content-Length", str(len(body)))
        start_response("200 OK", [("Content-Type", CONTENT_TYPE), length, *SECURITY_HEADERS])
        return () if environ.get("REQUEST_METHOD") == "HEAD" else (body,)

    app.wsgi_app = application  # type: ignore[method-assign]
