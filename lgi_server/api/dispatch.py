"""The doorway of the API: certificate to caller, posted text to form, view, and reply or error as XML.

Every LGIError of a call is caught here. What is registered, and how, stands in `calls`.
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from lgi_protocol import xml
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.api import bulk_manifest, form_parser, responses, uploads
from lgi_server.api.context import CallContext
from lgi_server.api.fields import Form
from lgi_server.api.registry import CALLS, JOB_CALLS, Route
from lgi_server.api.responses import Elements
from lgi_server.api.uploads import SpoolingRequest
from lgi_server.auth import browser_guard, client_certificate
from lgi_server.auth.client_certificate import ClientCertificate
from lgi_server.auth.job_certificate import JobCertificate
from lgi_server.background import retry
from lgi_server.background.long_poll_work import LongPollCall
from lgi_server.background.metrics import Timer
from lgi_server.config.model import Config
from lgi_server.db.database import Database, Transaction
from lgi_server.runtime import Runtime
from lgi_server.services.access import job_principals, principals
from lgi_server.services.project import peers
from lgi_server.services.project.replication import UpdatesMissingError
from lgi_server.storage.staging import StagedRepository

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger("lgi.api")
CONTENT_TYPE = "text/xml; charset=utf-8"
# Every answer of the server says so much, whoever gives it.
SECURITY_HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
)
INTERNAL_ERROR = responses.error(
    LGIError(ErrorNumber.DATABASE, message="A fault in the server: its log has the reason")
)
# Old daemons repeat a refused call at once and without end: the answer itself has to slow them down.
BACK_OFF_DELAY = 1.0


class CallDispatcher:
    """The calls, each under its name and under its name with ``.php``, in front of the application's pages.

    They ask for nothing that Flask offers: going past it saves a tenth of a millisecond, which is a fifth of
    a small call.
    """

    def __init__(self, server: Runtime, pages: "WSGIApplication") -> None:
        """What is not a call is answered by ``pages``."""
        self._server = server
        self._pages = pages
        self._calls = {
            f"{server.config.prefix}/{name}{suffix}": (name, entrance)
            for name, entrance in CALLS.items()
            for suffix in ("", ".php")
        }

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """One request."""
        found = self._calls.get(environ["PATH_INFO"])
        if found is None:
            return self._pages(environ, start_response)
        config = self._server.config
        request = SpoolingRequest(environ, self._server.store, config.max_post_size)
        try:
            body = document(config, _answer(self._server, *found, request))
        finally:
            request.forget_arrivals()
        length = ("Content-Length", str(len(body)))
        start_response("200 OK", [("Content-Type", CONTENT_TYPE), length, *SECURITY_HEADERS])
        return (body,)


def _answer(server: Runtime, name: str, entrance: Route, request: SpoolingRequest) -> Elements:
    """One call from its certificate to its answer. What is no LGIError is a fault of ours."""
    timer = Timer()
    who: ClientCertificate | JobCertificate | None = None
    posted: Mapping[str, str] = {}
    nothing: LongPollCall | None = None
    try:
        who = client_certificate.authenticate(request.environ, server.trust, time.time())
        browser_guard.check_is_program(request.environ)
        if isinstance(who, ClientCertificate):
            principals.check_certificate(who, server.config)
        with server.crowd.place(_place_of(who)):
            if isinstance(who, JobCertificate):
                entrance = _entrance_of_job(server, name, who)
            request.takes_files, request.takes_together = entrance.takes_files, entrance.bulk
            posted = form_parser.posted_fields(request)
            run = partial(_run, server, entrance, who, Form(posted), request)
            try:
                answer = run()
            except LongPollCall as found:
                nothing = found
        if nothing is not None:
            with server.metrics.holding(timer):
                answer = _hold(server, nothing, run, request, _place_of(who))
        _log(name, who, posted, None)
        server.metrics.answered(name, 0, timer)
        return answer
    except LGIError as refused:
        _log(name, who, posted, refused)
        server.metrics.answered(name, refused.number, timer)
        if refused.number == ErrorNumber.BACK_OFF:
            time.sleep(BACK_OFF_DELAY)
        return (responses.error(refused),)
    except Exception:
        log.exception("fault while answering %s", name)
        server.metrics.answered(name, ErrorNumber.DATABASE, timer)
        return (INTERNAL_ERROR,)


def _place_of(who: ClientCertificate | JobCertificate) -> str:
    """In whose name a call has its place."""
    return who.name.name if isinstance(who, ClientCertificate) else who.job.resource


def _entrance_of_job(server: Runtime, name: str, who: JobCertificate) -> Route:
    """What a job finds under a call's name; LGIError 2, before anything posted is read."""
    database = server.databases.get(who.job.project)
    if name not in JOB_CALLS or database is None:
        raise LGIError(ErrorNumber.CERTIFICATE, "a job may not do that")

    def work(transaction: Transaction) -> None:
        job_principals.authenticate_job(transaction, who, server.trust, time.time())

    database.run(work, write=False)
    return JOB_CALLS[name]


def _hold(
    server: Runtime,
    nothing: LongPollCall,
    run: Callable[[bool], Elements],
    request: SpoolingRequest,
    name: str,
) -> Elements:
    """Answer a call that found nothing when there is something, or its time is over.

    It has left its place among the requests meanwhile, and is let in anew: its certificate may have been
    revoked. LGIError BACK_OFF, which nobody reads, when its connection has ended: what would be locked for
    it would stay locked.
    """
    end = time.monotonic() + nothing.seconds
    may_wait = True
    while may_wait:
        may_wait = server.wait(nothing, end - time.monotonic(), partial(uploads.client_disconnected, request))
        if uploads.client_disconnected(request):
            raise LGIError(ErrorNumber.BACK_OFF, "the connection has ended")
        client_certificate.authenticate(request.environ, server.trust, time.time())
        try:
            with server.crowd.place(name):
                return run(may_wait)
        except LongPollCall:
            continue
    raise AssertionError("a call that may not wait has found nothing")


def _run(
    server: Runtime,
    entrance: Route,
    who: ClientCertificate | JobCertificate,
    form: Form,
    request: SpoolingRequest,
    may_wait: bool = True,
) -> Elements:
    """Run a view in its project's database, again and again while the job it wants is locked."""
    prepared = entrance.prepare(form, who, server.config)
    project = entrance.project(form, who, server.config)
    ahead = StagedRepository(server.repositories) if server.config.remote else None
    entries = bulk_manifest.read(form, uploads.uploads_of(request), server.config) if entrance.bulk else ()

    def work(cycled: bool, transaction: Transaction) -> Elements:
        call = CallContext(
            transaction=transaction,
            form=form,
            now=int(time.time()),
            config=server.config,
            trust=server.trust,
            project=project,
            answers=server.answers[project],
            store=ahead or server.repositories,
            touches=server.touches[project],
            directory=server.directories[project],
            metrics=server.metrics,
            may_wait=may_wait,
            uploads=partial(uploads.uploads_of, request),
            cycled=cycled,
            entries=entries,
        )
        return entrance.run(call, who, prepared)

    database = server.databases[project]

    def run() -> Elements:
        with server.metrics.in_database(project):
            return database.run(partial(work, False), entrance.writes)

    try:
        answer = retry.run_with_retries(run)
    except UpdatesMissingError as needed:
        _fetch_updates(server.config, database, project, needed)
        answer = database.run(partial(work, True))
    return server.answers[project].complete(answer, stored=entrance.takes_files)


def _fetch_updates(config: Config, database: Database, project: str, needed: UpdatesMissingError) -> None:
    """An update cycle; LGIError BACK_OFF when the master does not answer and it was asked for."""
    try:
        peers.fetch_updates(config, database, project)
    except LGIError as away:
        if not needed.is_gap:
            raise
        log.warning("project %s: the updates before a pushed one cannot be fetched: %s", project, away)


def document(config: Config, children: Elements) -> bytes:
    """An LGI document; the status is 200 whatever it says (wire.md 1)."""
    return xml.envelope(children, config.ca_certificate_url).encode()


def _log(
    name: str,
    who: ClientCertificate | JobCertificate | None,
    posted: Mapping[str, str],
    refused: LGIError | None,
) -> None:
    """One line a call: who, what, which job, and how it ended. Values are shown as Python would."""
    caller = who.caller if who else "nobody"
    story = " ".join(
        f"{field}={posted[field][:64]!r}" for field in ("job_id", "state", "application") if field in posted
    )
    if refused is None:
        log.debug("%s %r %s", name, caller, story)
    else:
        log.warning("%s %r %s refused: %s", name, caller, story, ascii(str(refused)))
