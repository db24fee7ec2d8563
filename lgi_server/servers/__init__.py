"""The calls of project servers: one endpoint per URL below /servers (wire.md 8)."""

from lgi_server.api.context import ServerContext
from lgi_server.api.registry import Route
from lgi_server.servers import updates

ROUTES = (
    Route(updates.server_get_update, ServerContext, writes=False),
    Route(updates.server_run_update, ServerContext),
)
