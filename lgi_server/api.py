"""The doorway of the API: certificate to caller, posted text to form, view, and reply or error as XML.

A call is registered here and nowhere else, so that none is unguarded, and every LGIError is caught here
and nowhere else. A view runs inside one transaction of its project's database.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from flask import Blueprint, Response, request

from lgi_protocol import xml
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server import arrivals, forms, identity, replies
from lgi_server.arrivals import SpoolingRequest
from lgi_server.config import Config
from lgi_server.database import Transaction
from lgi_server.forms import Form
from lgi_server.identity import Identity
from lgi_server.peers import Master
from lgi_server.replies import Answers, Elements
from lgi_server.server import Server
from lgi_server.services import callers, replication, sessions
from lgi_server.services.ahead import Ahead, NotMade
from lgi_server.services.callers import Servers, User
from lgi_server.services.locking import JobLocked
from lgi_server.services.replication import NeedsCycle
from lgi_server.services.stores import Making, Upload
from lgi_server.tables.active_resources import Resource
from lgi_server.touches import Touches

log = logging.getLogger("lgi.api")
LOCK_WAIT_SECONDS = 30.0
LOCK_LOOK_SECONDS = 0.2
# So many calls of a worker may wait for a lock; the next one is told to come back.
_waiting = threading.BoundedSemaphore(64)
# Old daemons repeat a refused call at once and without end: the answer itself has to slow them down.
BACK_OFF_DELAY = 1.0


@dataclass(frozen=True)
class Call:
    """One request inside its transaction; ``now`` is in whole seconds."""

    transaction: Transaction
    form: Form
    who: Identity
    now: int
    config: Config
    project: str
    answers: Answers
    store: Making
    touches: Touches
    uploads: Callable[[], tuple[Upload, ...]]
    cycled: bool


@dataclass(frozen=True)
class ResourceCall(Call):
    """A call of a known resource; ``session_id`` is 0 for calls that need no session."""

    resource: Resource
    servers: Servers
    session_id: int
    capabilities: str

    def header(self) -> Elements:
        """What every answer to a resource starts with."""
        return self.answers.resource_header(self.resource, self.servers, self.session_id or None)


@dataclass(frozen=True)
class InterfaceCall(Call):
    """A call of a user."""

    user: User

    def header(self) -> Elements:
        """What most answers to a user start with."""
        return self.answers.user_header(self.user, callers.servers(self.transaction))


@dataclass(frozen=True)
class ServerCall(Call):
    """A call of another project server, or of this one's own tools."""

    resource: Resource
    servers: Servers
    server_name: str

    def header(self) -> Elements:
        """What every answer to a server starts with."""
        return self.answers.project_header(self.servers)


Prepare = Callable[[Form, Identity, Config], Any]


@dataclass(frozen=True)
class Entrance:
    """How a call is entered: what can be checked of it before its database is asked, and what then runs."""

    prepare: Prepare
    run: Callable[[Call, Any], Elements]
    writes: bool = True
    takes_files: bool = False


ResourceView = Callable[[ResourceCall], Elements]
InterfaceView = Callable[[InterfaceCall], Elements]
ServerView = Callable[[ServerCall], Elements]
_calls: dict[str, Entrance] = {}


def resource_call(view: ResourceView) -> ResourceView:
    """Register ``resources/<name of the view>``, a call that needs a session."""
    _calls[f"resources/{view.__name__}"] = Entrance(
        _capabilities, partial(_resource, view, True), takes_files="_submit_" in view.__name__
    )
    return view


def sessionless_resource_call(view: ResourceView) -> ResourceView:
    """Register ``resources/<name of the view>``, a call without a session."""
    _calls[f"resources/{view.__name__}"] = Entrance(_capabilities, partial(_resource, view, False))
    return view


def interface_call(view: InterfaceView) -> InterfaceView:
    """Register ``interfaces/<name of the view>``, a call that changes something."""
    _calls[f"interfaces/{view.__name__}"] = Entrance(
        callers.user, partial(_interface, view), takes_files="_submit_" in view.__name__
    )
    return view


def reading_interface_call(view: InterfaceView) -> InterfaceView:
    """Register ``interfaces/<name of the view>``, a call that only reads and so holds up no writer."""
    _calls[f"interfaces/{view.__name__}"] = Entrance(callers.user, partial(_interface, view), writes=False)
    return view


def server_call(view: ServerView) -> ServerView:
    """Register ``servers/<name of the view>``."""
    _calls[f"servers/{view.__name__}"] = Entrance(_capabilities, partial(_server, view))
    return view


def _capabilities(form: Form, _who: Identity, _config: Config) -> str:
    """What every resource call may post, checked before anything is known of the resource."""
    form.word(forms.PROJECT)
    return form.markup(forms.CAPABILITIES, reserved=xml.CAPABILITIES_TAGS)


def _resource(view: ResourceView, with_session: bool, call: Call, capabilities: str) -> Elements:
    # The caller and its session are read in one look, before the session may be complained about.
    session_id = call.form.number_to_look_up(forms.SESSION_ID) if with_session else 0
    caller = callers.resource(call.transaction, call.who, session_id)
    call.touches.resource(caller.resource.resource_id, call.now)
    if with_session:
        session_id = call.form.number(forms.SESSION_ID)
        sessions.check(session_id, caller.session_time, call.now)
        call.touches.session(session_id, call.now)
    else:
        call.form.text(forms.UNUSED_SESSION_ID)
    entered = ResourceCall(
        **vars(call),
        resource=caller.resource,
        servers=caller.servers,
        session_id=session_id,
        capabilities=capabilities,
    )
    return view(entered)


def _interface(view: InterfaceView, call: Call, user: User) -> Elements:
    return view(InterfaceCall(**vars(call), user=user))


def _server(view: ServerView, call: Call, _capabilities: str) -> Elements:
    caller = callers.project_server(call.transaction, call.who)
    call.touches.resource(caller.resource.resource_id, call.now)
    name = call.config.projects[call.project].server_name
    return view(ServerCall(**vars(call), resource=caller.resource, servers=caller.servers, server_name=name))


def blueprint(server: Server) -> Blueprint:
    """The routes of all registered calls, each under its name and under its name with ``.php``."""
    routes = Blueprint("api", __name__)
    for name, entrance in _calls.items():
        for suffix in ("", ".php"):
            routes.add_url_rule(
                f"/{name}{suffix}",
                endpoint=f"{name}{suffix}".replace("/", "_").replace(".", "_"),
                view_func=partial(_answer, server, name, entrance),
                methods=["GET", "POST"],
            )
    return routes


def _answer(server: Server, name: str, entrance: Entrance) -> Response:
    """One call from its certificate to its XML."""
    who: Identity | None = None
    posted: Mapping[str, str] = {}
    try:
        who = identity.of_request(request.environ, server.revocation, time.time())
        callers.check_certificate(who, server.config)
        with server.crowd.place():
            cast(SpoolingRequest, request).takes_files = entrance.takes_files
            posted = arrivals.posted_fields(request)
            children = _run(server, entrance, who, Form(posted))
        _log(name, who, posted, None)
    except LGIError as refused:
        children = (replies.error(refused),)
        _log(name, who, posted, refused)
        if refused.number == ErrorNumber.BACK_OFF:
            time.sleep(BACK_OFF_DELAY)
    return document(server.config, children)


def _run(server: Server, entrance: Entrance, who: Identity, form: Form) -> Elements:
    """Run a view in its project's database, again and again while the job it wants is locked."""
    prepared = entrance.prepare(form, who, server.config)
    project = callers.project_name(form, who, server.config)
    ahead = Ahead(server.repositories) if server.config.remote else None

    def work(cycled: bool, transaction: Transaction) -> Elements:
        call = Call(
            transaction=transaction,
            form=form,
            who=who,
            now=int(time.time()),
            config=server.config,
            project=project,
            answers=server.answers[project],
            store=ahead or server.repositories,
            touches=server.touches[project],
            uploads=partial(arrivals.uploads_of, request),
            cycled=cycled,
        )
        return entrance.run(call, prepared)

    database = server.databases[project]
    run = partial(database.run, partial(work, False), entrance.writes)
    try:
        answer = run()
    except JobLocked:
        answer = _wait_for_lock(run)
    except NotMade as first:
        answer = first.ahead.make(run)
    except NeedsCycle:
        _cycle(server, project)
        answer = database.run(partial(work, True))
    return server.answers[project].complete(answer, stored=entrance.takes_files)


def _cycle(server: Server, project: str) -> None:
    """Fetch what the master has newer, unless this is the master."""
    database = server.databases[project]
    name = server.config.projects[project].server_name
    master = database.run(callers.servers, write=False).master
    if master.resource_name != name:
        peer = Master(server.config, master.url, project)
        replication.cycle(database, name, peer.next_update)


def _wait_for_lock(again: Callable[[], Elements]) -> Elements:
    """Look again until the lock is gone; LGIError BACK_OFF after 30 s or when too many wait already."""
    if not _waiting.acquire(blocking=False):
        raise LGIError(ErrorNumber.BACK_OFF, "the job is locked")
    try:
        end = time.monotonic() + LOCK_WAIT_SECONDS
        while time.monotonic() < end:
            time.sleep(LOCK_LOOK_SECONDS)
            try:
                return again()
            except JobLocked:
                continue
        raise LGIError(ErrorNumber.BACK_OFF, "the job is locked")
    finally:
        _waiting.release()


def document(config: Config, children: Elements) -> Response:
    """An LGI document; the status is 200 whatever it says (wire.md 1)."""
    return Response(xml.envelope(children, config.ca_certificate_url), content_type="text/xml; charset=utf-8")


def _log(name: str, who: Identity | None, posted: Mapping[str, str], refused: LGIError | None) -> None:
    """One line a call: who, what, which job, and how it ended. Values are shown as Python would."""
    caller = who.name.name if who else "nobody"
    story = " ".join(
        f"{field}={posted[field][:64]!r}" for field in ("job_id", "state", "application") if field in posted
    )
    if refused is None:
        log.debug("%s %r %s", name, caller, story)
    else:
        log.warning("%s %r %s refused: %s", name, caller, story, ascii(str(refused)))
