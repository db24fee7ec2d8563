"""The calls of project servers (wire.md 8), each named as in its URL."""

from lgi_protocol import comma_lists, hexcode
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.xml import Element
from lgi_server.api import fields
from lgi_server.api.context import ServerContext
from lgi_server.api.responses import Elements
from lgi_server.services.project import replication
from lgi_server.services.project.replication import LocalServer, Update, UpdatesMissingError
from lgi_server.tables import event_queue, updates
from lgi_server.tables.active_resources import MASTER

_PUSHED = ("version", "servers", "update")


def server_get_update(call: ServerContext) -> Elements:
    """Return the first update after the version of the caller."""
    version = call.form.number(fields.VERSION)
    known = replication.after(call.transaction, version)
    asked = (
        Element("requesting_project_server", call.resource.resource_name),
        Element("requesting_project_server_version", version),
    )
    found: Elements = (Element("updates", known.count), Element("update_version", known.newest or ""))
    if known.first is not None:
        found = (*found, *_passed_on(known.first))
    return (*call.header(), *asked, Element("update", found))


def server_run_update(call: ServerContext) -> Elements:
    """Apply an update that the master pushes, or fetch the new ones from it."""
    project, master, here = call.header()
    header = (
        project,
        master,
        Element("requesting_project_server", call.resource.resource_name),
        here,
    )
    if not all(call.form.has(name) for name in _PUSHED):
        if not call.updates_fetched:
            raise UpdatesMissingError
        return (*header, _outcome(call, updates.newest(call.transaction)))
    if call.resource.project_server != MASTER:
        raise LGIError(ErrorNumber.NOT_A_SERVER, "changes come from the master server only")
    update = _pushed(call)
    receiver = LocalServer(call.project.server_name, call.runtime.config.unrestricted_updates)
    newest = replication.accept(call.transaction, update, receiver, call.updates_fetched)
    if newest < update.version:
        event_queue.insert(call.transaction, event_queue.CHECK_UPDATES, call.now)
    version = Element("update_version", update.version)
    return (*header, version, *_passed_on(update), _outcome(call, newest))


def _pushed(call: ServerContext) -> Update:
    """Return the posted update; LGIError VERSION_TOO_BIG, SERVERS_TOO_BIG, UPDATE_TOO_BIG or UPDATE."""
    version = call.form.number(fields.PUSHED_VERSION)
    servers = call.form.names(fields.SERVERS)
    query = call.form.text(fields.UPDATE, hexcode.DIGITS)
    return replication.read_update(version, servers, query)


def _passed_on(update: Update) -> Elements:
    return (
        Element("target_servers", comma_lists.join(update.servers)),
        Element("update_query", hexcode.encode(update.query.encode())),
    )


def _outcome(call: ServerContext, newest: int) -> Element:
    """Return the outcome. # As LGI: the tag is spelled did_update_cyle."""
    did = Element("did_update_cyle", int(call.updates_fetched))
    return Element("update", (did, Element("update_version", newest or "")))
