"""The calls: how one is registered, and how it is entered.

A view is registered here and nowhere else, so that none is unguarded.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from lgi_protocol import xml
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.api import fields
from lgi_server.api.context import CallContext, InterfaceContext, JobContext, ResourceContext, ServerContext
from lgi_server.api.fields import Form
from lgi_server.api.responses import Elements
from lgi_server.auth import client_certificate
from lgi_server.auth.client_certificate import ClientCertificate
from lgi_server.auth.job_certificate import JobCertificate
from lgi_server.config.model import Config
from lgi_server.services.access import job_principals, principals, resource_sessions
from lgi_server.services.access.principals import UserPrincipal

# Whoever calls is an Identity, but for the calls of jobs a JobCertificate.
Prepare = Callable[[Form, Any, Config], Any]


@dataclass(frozen=True)
class Route:
    """How a call is entered: what can be checked of it before its database is asked, and what then runs."""

    prepare: Prepare
    run: Callable[[CallContext, Any, Any], Elements]
    writes: bool = True
    takes_files: bool = False
    bulk: bool = False
    project: Callable[[Form, Any, Config], str] = principals.project_name


ResourceView = Callable[[ResourceContext], Elements]
InterfaceView = Callable[[InterfaceContext], Elements]
ServerView = Callable[[ServerContext], Elements]
JobView = Callable[[JobContext], Elements]
CALLS: dict[str, Route] = {}
# What a job finds under the names of calls: all it may call.
JOB_CALLS: dict[str, Route] = {}


def resource_call(
    session: bool = True, writes: bool = True, takes_files: bool = False
) -> Callable[[ResourceView], ResourceView]:
    """Register ``resources/<name of the view>``; one that does not write holds up no writer."""

    def register(view: ResourceView) -> ResourceView:
        run = partial(_resource, view, session)
        CALLS[f"resources/{view.__name__}"] = Route(_capabilities, run, writes, takes_files)
        return view

    return register


def interface_call(
    writes: bool = True, takes_files: bool = False, bulk: bool = False
) -> Callable[[InterfaceView], InterfaceView]:
    """Register ``interfaces/<name of the view>``; one that does not write holds up no writer.

    A ``bulk`` one brings many jobs, whose files come together as one.
    """

    def register(view: InterfaceView) -> InterfaceView:
        CALLS[f"interfaces/{view.__name__}"] = Route(
            principals.user, partial(_interface, view), writes, takes_files or bulk, bulk
        )
        return view

    return register


def server_call(view: ServerView) -> ServerView:
    """Register ``servers/<name of the view>``."""
    CALLS[f"servers/{view.__name__}"] = Route(_capabilities, partial(_server, view))
    return view


def job_call(writes: bool = True, takes_files: bool = False) -> Callable[[JobView], JobView]:
    """Register what ``resources/<name of the view>`` is when a job calls it."""

    def register(view: JobView) -> JobView:
        JOB_CALLS[f"resources/{view.__name__}"] = Route(
            _nothing,
            partial(_job, view),
            writes=writes,
            takes_files=takes_files,
            project=_project_of_job,
        )
        return view

    return register


def _nothing(_form: Form, _who: JobCertificate, _config: Config) -> None:
    """What can be checked of a job's call before its database is asked."""


def _project_of_job(form: Form, who: JobCertificate, _config: Config) -> str:
    """The project of the job that calls; LGIError 58, or 37 when another is posted."""
    posted = form.word(fields.PROJECT)
    if posted not in {"", who.job.project}:
        raise LGIError(ErrorNumber.PROJECT_REFUSED, posted)
    return who.job.project


def _job(view: JobView, call: CallContext, who: JobCertificate, _prepared: object) -> Elements:
    holder = job_principals.authenticate_job(call.transaction, who, call.trust, call.now)
    servers = principals.recent_servers(call.transaction, call.directory)
    return view(JobContext(**vars(call), holder=holder, servers=servers))


def _capabilities(form: Form, _who: ClientCertificate, _config: Config) -> str:
    """What every resource call may post, checked before anything is known of the resource."""
    form.word(fields.PROJECT)
    return form.markup(fields.CAPABILITIES, reserved=xml.CAPABILITIES_TAGS)


def _resource(
    view: ResourceView, with_session: bool, call: CallContext, who: ClientCertificate, capabilities: str
) -> Elements:
    # The caller and its session are read in one look, before the session may be complained about.
    session_id = call.form.number_to_look_up(fields.SESSION_ID) if with_session else 0
    caller = principals.resource(call.transaction, who, call.directory, session_id)
    call.touches.resource(caller.resource.resource_id, call.now)
    if with_session:
        session_id = call.form.number(fields.SESSION_ID)
        resource_sessions.check(session_id, caller.session_time, call.now)
        call.touches.session(session_id, call.now)
    else:
        call.form.text(fields.UNUSED_SESSION_ID)
    entered = ResourceContext(
        **vars(call),
        resource=caller.resource,
        servers=caller.servers,
        session_id=session_id,
        capabilities=capabilities,
        renewed=client_certificate.renewed_pem(caller.resource.client_certificate, who),
    )
    return view(entered)


def _interface(
    view: InterfaceView, call: CallContext, _who: ClientCertificate, user: UserPrincipal
) -> Elements:
    return view(InterfaceContext(**vars(call), user=user))


def _server(view: ServerView, call: CallContext, who: ClientCertificate, _capabilities: str) -> Elements:
    caller = principals.project_server(call.transaction, who, call.directory)
    call.touches.resource(caller.resource.resource_id, call.now)
    name = call.config.projects[call.project].server_name
    return view(
        ServerContext(**vars(call), resource=caller.resource, servers=caller.servers, server_name=name)
    )
