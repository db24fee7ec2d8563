"""The calls: how one is registered, and what its view is given.

A view is registered here and nowhere else, so that none is unguarded. It runs inside one transaction of its
project's database, its caller known.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from lgi_protocol import xml
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server import forms, identity
from lgi_server.config import Config
from lgi_server.database import Transaction
from lgi_server.forms import Form
from lgi_server.identity import Identity, Trust
from lgi_server.job_identity import JobIdentity
from lgi_server.job_waiting import Known
from lgi_server.manifest import Entry
from lgi_server.metrics import Metrics
from lgi_server.replies import Answers, Elements
from lgi_server.services import callers, requests, running_jobs, sessions
from lgi_server.services.callers import Servers, User
from lgi_server.services.directory import Directory
from lgi_server.services.requests import Request
from lgi_server.services.running_jobs import Holder
from lgi_server.services.stores import Making, Upload
from lgi_server.tables.active_resources import Resource
from lgi_server.touches import Touches
from lgi_server.waiting import Nothing, Wish


@dataclass(frozen=True)
class Call:
    """One request inside its transaction; ``now`` is in whole seconds."""

    transaction: Transaction
    form: Form
    now: int
    config: Config
    trust: Trust
    project: str
    answers: Answers
    store: Making
    touches: Touches
    directory: Directory
    metrics: Metrics
    uploads: Callable[[], tuple[Upload, ...]]
    cycled: bool
    may_wait: bool
    entries: tuple[Entry, ...]

    def wait_for(self, wish: Wish | Known) -> None:
        """Raise Nothing when the caller has said that it would wait for what it wishes."""
        seconds = min(self.form.number_or(forms.WAIT, 0), self.config.longest_wait)
        if seconds and self.may_wait:
            raise Nothing(self.project, wish, seconds)

    @property
    def licences(self) -> Mapping[str, int]:
        """The licences of the project, and how many there are of each."""
        return self.config.projects[self.project].licences

    def request(self, kind: str, name: str, form: Form | None = None) -> Request | None:
        """The id a submit, or one of many in a form of its own, was given by its caller; LGIError 33."""
        found = requests.request(kind, name, (form or self.form).word(forms.REQUEST_ID))
        if found:
            self.touches.request(self.now)
        return found


@dataclass(frozen=True)
class ResourceCall(Call):
    """A call of a known resource; ``session_id`` is 0 for calls that need no session."""

    resource: Resource
    servers: Servers
    session_id: int
    capabilities: str
    # The certificate that was shown (PEM) when it ends after the registered one, otherwise empty.
    renewed: str

    def header(self) -> Elements:
        """What every answer to a resource starts with."""
        return self.answers.resource_header(self.resource, self.servers, self.session_id or None)

    def wait_unless(self, found: object, wish: Wish) -> None:
        """Raise Nothing when nothing was found and the caller has said that it would wait."""
        if not found:
            self.wait_for(wish)


@dataclass(frozen=True)
class InterfaceCall(Call):
    """A call of a user."""

    user: User

    def header(self) -> Elements:
        """What most answers to a user start with."""
        servers = callers.recent_servers(self.transaction, self.directory)
        return self.answers.user_header(self.user, servers)


@dataclass(frozen=True)
class ServerCall(Call):
    """A call of another project server, or of this one's own tools."""

    resource: Resource
    servers: Servers
    server_name: str

    def header(self) -> Elements:
        """What every answer to a server starts with."""
        return self.answers.project_header(self.servers)


@dataclass(frozen=True)
class JobCall(Call):
    """A call of a job that runs, which is all its certificate allows beside its files."""

    holder: Holder
    servers: Servers

    def header(self) -> Elements:
        """What an answer to its resource would start with."""
        return self.answers.resource_header(self.holder.resource, self.servers)


# Whoever calls is an Identity, but for the calls of jobs a JobIdentity.
Prepare = Callable[[Form, Any, Config], Any]


@dataclass(frozen=True)
class Entrance:
    """How a call is entered: what can be checked of it before its database is asked, and what then runs."""

    prepare: Prepare
    run: Callable[[Call, Any, Any], Elements]
    writes: bool = True
    takes_files: bool = False
    bulk: bool = False
    project: Callable[[Form, Any, Config], str] = callers.project_name


ResourceView = Callable[[ResourceCall], Elements]
InterfaceView = Callable[[InterfaceCall], Elements]
ServerView = Callable[[ServerCall], Elements]
JobView = Callable[[JobCall], Elements]
CALLS: dict[str, Entrance] = {}
# What a job finds under the names of calls: all it may call.
JOB_CALLS: dict[str, Entrance] = {}


def resource_call(
    session: bool = True, writes: bool = True, takes_files: bool = False
) -> Callable[[ResourceView], ResourceView]:
    """Register ``resources/<name of the view>``; one that does not write holds up no writer."""

    def register(view: ResourceView) -> ResourceView:
        run = partial(_resource, view, session)
        CALLS[f"resources/{view.__name__}"] = Entrance(_capabilities, run, writes, takes_files)
        return view

    return register


def interface_call(
    writes: bool = True, takes_files: bool = False, bulk: bool = False
) -> Callable[[InterfaceView], InterfaceView]:
    """Register ``interfaces/<name of the view>``; one that does not write holds up no writer.

    A ``bulk`` one brings many jobs, whose files come together as one.
    """

    def register(view: InterfaceView) -> InterfaceView:
        CALLS[f"interfaces/{view.__name__}"] = Entrance(
            callers.user, partial(_interface, view), writes, takes_files or bulk, bulk
        )
        return view

    return register


def server_call(view: ServerView) -> ServerView:
    """Register ``servers/<name of the view>``."""
    CALLS[f"servers/{view.__name__}"] = Entrance(_capabilities, partial(_server, view))
    return view


def job_call(takes_files: bool = False) -> Callable[[JobView], JobView]:
    """Register what ``resources/<name of the view>`` is when a job calls it."""

    def register(view: JobView) -> JobView:
        JOB_CALLS[f"resources/{view.__name__}"] = Entrance(
            _nothing,
            partial(_job, view),
            takes_files=takes_files,
            project=_project_of_job,
        )
        return view

    return register


def _nothing(_form: Form, _who: JobIdentity, _config: Config) -> None:
    """What can be checked of a job's call before its database is asked."""


def _project_of_job(form: Form, who: JobIdentity, _config: Config) -> str:
    """The project of the job that calls; LGIError 58, or 37 when another is posted."""
    posted = form.word(forms.PROJECT)
    if posted not in {"", who.job.project}:
        raise LGIError(ErrorNumber.PROJECT_REFUSED, posted)
    return who.job.project


def _job(view: JobView, call: Call, who: JobIdentity, _prepared: object) -> Elements:
    holder = running_jobs.holder(call.transaction, who, call.trust, call.now)
    servers = callers.recent_servers(call.transaction, call.directory)
    return view(JobCall(**vars(call), holder=holder, servers=servers))


def _capabilities(form: Form, _who: Identity, _config: Config) -> str:
    """What every resource call may post, checked before anything is known of the resource."""
    form.word(forms.PROJECT)
    return form.markup(forms.CAPABILITIES, reserved=xml.CAPABILITIES_TAGS)


def _resource(
    view: ResourceView, with_session: bool, call: Call, who: Identity, capabilities: str
) -> Elements:
    # The caller and its session are read in one look, before the session may be complained about.
    session_id = call.form.number_to_look_up(forms.SESSION_ID) if with_session else 0
    caller = callers.resource(call.transaction, who, call.directory, session_id)
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
        renewed=identity.newer(caller.resource.client_certificate, who),
    )
    return view(entered)


def _interface(view: InterfaceView, call: Call, _who: Identity, user: User) -> Elements:
    return view(InterfaceCall(**vars(call), user=user))


def _server(view: ServerView, call: Call, who: Identity, _capabilities: str) -> Elements:
    caller = callers.project_server(call.transaction, who, call.directory)
    call.touches.resource(caller.resource.resource_id, call.now)
    name = call.config.projects[call.project].server_name
    return view(ServerCall(**vars(call), resource=caller.resource, servers=caller.servers, server_name=name))
