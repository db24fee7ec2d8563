"""The way of a request: authenticate - receive - admit - parse - run in a transaction - hold - respond.

`Endpoint` takes a call through all of these steps; pages and repositories use those that they have in common
with calls. Every LGIError of a call is caught here, and everything else that goes wrong with one.
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

from lgi_protocol import xml
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.api import bulk_manifest, form_parser, responses, uploads
from lgi_server.api.call_record import Caller, CallRecord, log_account
from lgi_server.api.context import CallRequest
from lgi_server.api.faults import internal_error
from lgi_server.api.fields import Form
from lgi_server.api.form_parser import FormRequest
from lgi_server.api.registry import AnyRoute
from lgi_server.api.responses import Elements, ResponseBuilder
from lgi_server.api.uploads import SpoolingRequest
from lgi_server.auth import browser_guard, client_certificate
from lgi_server.auth.client_certificate import ClientCertificate
from lgi_server.auth.job_certificate import JobCertificate
from lgi_server.background import retry
from lgi_server.background.concurrency_limiter import JOB_SLOTS, ConcurrencyLimiter
from lgi_server.background.long_poll import LongPoll
from lgi_server.config.model import Config
from lgi_server.db.transaction import Transaction
from lgi_server.runtime import ProjectRuntime, Runtime
from lgi_server.services.access import job_principals, principals
from lgi_server.services.jobs.locking import JobLockedError
from lgi_server.services.project import peers
from lgi_server.services.project.replication import UpdatesMissingError
from lgi_server.storage.base import RepositoryWriter
from lgi_server.storage.staging import RepositoryNotReadyError, StagedRepository
from lgi_server.tables.job_queue.jobs import JobRow

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger("lgi.api")
Result = TypeVar("Result")
CONTENT_TYPE = "text/xml; charset=utf-8"
# Every answer of the server says so much, whoever gives it.
SECURITY_HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    # A year, in seconds.
    ("Strict-Transport-Security", "max-age=31536000"),
)
# Old daemons repeat a refused call at once and without end: the answer itself has to slow them down.
BACK_OFF_DELAY = 1.0
# Bytes. Requests up to here are too small to be counted while they come in.
SMALL_BODY = 64 * 1024


class Endpoint:
    """A call, as a view function of Flask. `add_shortcut` calls ``answer`` without Flask's contexts."""

    def __init__(self, runtime: Runtime, route: AnyRoute) -> None:
        """Serve the call of a route on this server."""
        self._runtime, self._route, self._name = runtime, route, route.name

    def __call__(self) -> flask.Response:
        """Return the answer to the current request of Flask."""
        return flask.Response(self.answer(flask.request.environ), content_type=CONTENT_TYPE)

    def answer(self, environ: "WSGIEnvironment") -> bytes:
        """Return the document that answers a request; what is no LGIError is a fault of ours."""
        runtime, record = self._runtime, CallRecord(self._name)
        request = self._request(environ)
        error = 0
        try:
            elements = self._steps(request, record)
            log.debug("%s", record)
        except LGIError as refused:
            elements, error = (responses.error(refused),), int(refused.number)
            log.warning("%s refused: %s", record, ascii(str(refused)), extra=log_account(record.who))
        except Exception:  # noqa: BLE001 - the boundary of a request
            elements, error = internal_error(record.name), int(ErrorNumber.DATABASE)
        finally:
            request.forget_arrivals()
        runtime.metrics.answered(record.name, error, record.timer)
        if error == ErrorNumber.BACK_OFF:
            time.sleep(BACK_OFF_DELAY)
        return document(runtime.config, elements)

    def _request(self, environ: "WSGIEnvironment") -> FormRequest:
        # Another form brings no files.
        brings_files = self._route.takes_files and "multipart" in environ.get("CONTENT_TYPE", "").lower()
        largest, most = self._runtime.store.max_file_size, self._runtime.config.max_post_size
        if brings_files:
            request: FormRequest = SpoolingRequest(environ, largest, self._route.bulk)
        else:
            request = FormRequest(environ)
        request.max_content_length = most if brings_files else min(most, form_parser.MOST_FORM)
        return request

    def _steps(self, request: FormRequest, record: CallRecord) -> Elements:
        runtime = self._runtime
        record.who = who = authenticate(runtime, request.environ, programs_only=True)
        try:
            route = _route_for(self._route, who)
            with receive(runtime, who, request) as account:
                if isinstance(request, SpoolingRequest):
                    request.budget = runtime.store.budget(account)
                record.posted = form_parser.posted_fields(request)
            with admit(runtime, who, account):
                call = _parse(runtime, route, who, request, record.posted)
                return _run(route, call)
        except LongPoll as nothing:
            with runtime.metrics.holding(record.timer):
                return _hold(route, call, nothing, request)


def authenticate(runtime: Runtime, environ: "WSGIEnvironment", programs_only: bool = False) -> Caller:
    """Return who calls.

    Raises LGIError CERTIFICATE, PROJECT_REFUSED, or BROWSER_SESSION for a browser where only programs may
    call.
    """
    who = client_certificate.authenticate(environ, runtime.trust, time.time())
    if programs_only:
        browser_guard.check_is_program(environ)
    if isinstance(who, ClientCertificate):
        principals.check_certificate(who, runtime.config)
    elif runtime.trust.front_end is None and (connection := environ.get("gunicorn.socket")) is not None:
        # Those of a front end are not the job's.
        runtime.job_connections.add(who, connection)
    return who


def authenticate_user(runtime: Runtime, environ: "WSGIEnvironment") -> ClientCertificate:
    """Authenticate a user as `authenticate` does, for what jobs may not do.

    Raises LGIError CERTIFICATE for a job.
    """
    who = client_certificate.require_user_certificate(environ, runtime.trust, time.time())
    principals.check_certificate(who, runtime.config)
    return who


@contextmanager
def receive(runtime: Runtime, who: Caller, request: Request) -> Iterator[str]:
    """Let a request come in while a block runs, and provide the caller's account.

    That takes as long as its sender wants, so it holds no slot; large requests and those of jobs are counted.
    Raises LGIError BACK_OFF when there are too many of those, or CERTIFICATE for a job that has ended.
    """
    if isinstance(who, JobCertificate):
        with _job_place(runtime, who, runtime.bodies) as account:
            yield account
        return
    size = request.content_length if request.method == "POST" else 0
    is_large = size is None or size > SMALL_BODY
    with runtime.bodies.place(who.account) if is_large else nullcontext():
        yield who.account


@contextmanager
def admit(runtime: Runtime, who: Caller, account: str = "") -> Iterator[str]:
    """Hold a slot of this worker while a block runs, and provide the caller's account, unless that is known.

    Raises LGIError BACK_OFF when there is no slot, or CERTIFICATE for a job that has ended.
    """
    if isinstance(who, JobCertificate):
        with _job_place(runtime, who, runtime.limiter, account) as found:
            yield found
        return
    with runtime.limiter.place(who.account):
        yield who.account


@contextmanager
def _job_place(
    runtime: Runtime, who: JobCertificate, limiter: ConcurrencyLimiter, account: str = ""
) -> Iterator[str]:
    """Hold a place of a job, which has few of its own.

    The jobs of a user have a share of the half that all jobs together may have: daemons and users always find
    some.
    """
    with limiter.place(who.account, JOB_SLOTS):
        account = account or job_principals.account(_running_job(runtime, who))
        with runtime.job_limiter.place(account):
            yield account


def _running_job(runtime: Runtime, who: JobCertificate) -> JobRow:
    """Return the job that calls; LGIError CERTIFICATE for one that has ended."""
    project = runtime.projects.get(who.job.project)
    if project is None:
        raise LGIError(ErrorNumber.CERTIFICATE, "a job may not do that")
    work = partial(job_principals.authenticate_job, who=who, trust=runtime.trust, now=time.time())
    return project.database.run(work, write=False).job


def _route_for(route: AnyRoute, who: Caller) -> AnyRoute:
    """Return the route that a caller finds under a call's name; LGIError CERTIFICATE for a job if none."""
    if isinstance(who, ClientCertificate):
        return route
    if route.for_jobs is None:
        raise LGIError(ErrorNumber.CERTIFICATE, "a job may not do that")
    return route.for_jobs


def _parse(
    runtime: Runtime, route: AnyRoute, who: Caller, request: FormRequest, posted: Mapping[str, str]
) -> CallRequest:
    """Return what was posted, checked as far as that is possible without the database."""
    form = Form(posted)
    files = partial(uploads.uploads_of, request) if isinstance(request, SpoolingRequest) else tuple
    checked = route.context.check(form, who, runtime)
    project = runtime.projects[route.context.project_name(form, who, runtime)]
    return CallRequest(
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


def repository_writer(runtime: Runtime) -> RepositoryWriter:
    """Return the repository writer of one request; repositories on another host are made beforehand."""
    return StagedRepository(runtime.repositories) if runtime.config.remote else runtime.repositories


def _run(route: AnyRoute, call: CallRequest) -> Elements:
    """Run a call in its project's database; the files that its answer lists are looked up afterwards."""
    try:
        work = partial(route.context.run, route.view, call)
        answer = transact(call.runtime, call.project, work, route.writes)
    except UpdatesMissingError as needed:
        _fetch_updates(call, needed)
        return _run(route, replace(call, updates_fetched=True))
    return call.answers.complete(answer, stored=route.takes_files)


def transact(
    runtime: Runtime, project: ProjectRuntime, work: Callable[[Transaction], Result], writes: bool = True
) -> Result:
    """Return the result of a piece of work in a project's database.

    It is done again while the database asks for that, while a job it wants is locked, and once its repository
    was made elsewhere; LGIError BACK_OFF when that takes too long.
    """

    def run() -> Result:
        with runtime.metrics.in_database(project.name):
            return project.database.run(work, writes)

    try:
        return run()
    except JobLockedError as locked:
        return retry.wait_for_lock(run, locked)
    except RepositoryNotReadyError as first:
        return first.ahead.make(run)


def _hold(route: AnyRoute, call: CallRequest, nothing: LongPoll, request: FormRequest) -> Elements:
    """Answer a call that found nothing when there is something, or its time is over.

    It has left its place among the requests meanwhile, and is let in anew: its certificate may have been
    revoked. LGIError BACK_OFF, which nobody reads, when its connection has ended: what would be locked for
    it would stay locked.
    """
    end = time.monotonic() + nothing.seconds
    has_gone = partial(uploads.client_disconnected, request)
    may_wait = True
    while may_wait:
        may_wait = nothing.wait(end - time.monotonic(), has_gone)
        if has_gone():
            raise LGIError(ErrorNumber.BACK_OFF, "the connection has ended")
        who = authenticate(call.runtime, request.environ)
        try:
            with admit(call.runtime, who):
                return _run(route, replace(call, may_wait=may_wait))
        except LongPoll:
            continue
    raise AssertionError("a call that may not wait has found nothing")


def _fetch_updates(call: CallRequest, needed: UpdatesMissingError) -> None:
    """Run an update cycle; LGIError BACK_OFF when the master does not answer and it was asked for."""
    try:
        peers.fetch_updates(call.runtime.config, call.project.database, call.project.name)
    except LGIError as away:
        if not needed.is_gap:
            raise
        name = call.project.name
        log.warning("project %s: the updates before a pushed one cannot be fetched: %s", name, away)


def document(config: Config, children: Elements) -> bytes:
    """Return an LGI document; the status is 200 whatever it says (wire.md 1)."""
    return xml.envelope(children, config.ca_certificate_url).encode()


def refusal(config: Config, refused: LGIError) -> bytes:
    """Return the document that says why something was refused."""
    return document(config, (responses.error(refused),))


def add_shortcut(app: flask.Flask) -> None:
    """Lead calls past Flask's own dispatch, which saves a tenth of a millisecond: a fifth of a small call.

    The function is looked up in the same ``url_map``. Old clients send ``/../`` in paths (clients.md 1.4).
    """
    views = {rule.rule: app.view_functions[rule.endpoint] for rule in app.url_map.iter_rules()}
    endpoints = {path: view for path, view in views.items() if isinstance(view, Endpoint)}
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
        return (body,)

    app.wsgi_app = application  # type: ignore[method-assign]
