"""Calls to other project servers, with this server's own certificate in the project."""

import logging
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

from lgi_protocol import comma_lists
from lgi_protocol.client import Client
from lgi_protocol.credentials import Credentials
from lgi_protocol.errors import ErrorNumber, LGIError, ServerError, TransportError
from lgi_protocol.reply import leading_number
from lgi_server.config.model import Config
from lgi_server.db.pool import Database
from lgi_server.services.access import principals
from lgi_server.services.project import replication
from lgi_server.services.project.replication import LocalServer, Update, read_update
from lgi_server.tables.active_resources import ResourceRow

log = logging.getLogger("lgi.peers")


class Master:
    """The project's master server, asked for news."""

    def __init__(self, shown: Credentials, url: str, project: str) -> None:
        """``shown`` is what this server is known by in the project."""
        self._client = _client(url, shown)
        self._project = project

    def next_update(self, version: int) -> Update | None:
        """Return the first change after a version; LGIError BACK_OFF when the master does not answer."""
        fields = {"project": self._project, "version": str(version)}
        try:
            reply = self._client.post("servers/server_get_update", fields)
        except (TransportError, ServerError) as error:
            raise LGIError(ErrorNumber.BACK_OFF, "the master server does not answer") from error
        if reply.number("update", "updates") == 0:
            return None
        return read_update(
            leading_number(reply.value("update", "update_version")),
            comma_lists.split(reply.value("update", "target_servers")),
            reply.value("update", "update_query"),
        )


def fetch_updates(config: Config, database: Database, project: str) -> int:
    """Fetch what the master has newer, unless this is the master; answer how many changes that were.

    Raises LGIError BACK_OFF when the master does not answer, or when this server has nothing to show it.
    """
    name = config.projects[project].server_name
    master = database.run(principals.servers, write=False).master
    if master.resource_name == name:
        return 0
    here = LocalServer(name, config.unrestricted_updates)
    return replication.cycle(database, here, Master(credentials(config), master.url, project).next_update)


def tell_slaves(config: Config, project: str, slaves: Iterable[ResourceRow]) -> list[str]:
    """Have slaves fetch what is new here, all at once; the names of those that did not answer.

    They lose nothing: their schedulers ask by themselves.
    """
    shown = credentials(config)

    def has_answered(slave: ResourceRow) -> bool:
        try:
            _client(slave.url, shown).post("servers/server_run_update", {"project": project})
        except (TransportError, ServerError) as error:
            log.warning("project %s: %s did not fetch updates: %s", project, slave.resource_name, error)
            return False
        return True

    told = list(slaves)
    with ThreadPoolExecutor(max(1, len(told))) as beside:
        answers = beside.map(has_answered, told)
    return [slave.resource_name for slave, answered in zip(told, answers, strict=True) if not answered]


def credentials(config: Config) -> Credentials:
    """Return what this server shows others. LGIError BACK_OFF when that is not configured."""
    if config.peer_certificate is None or config.peer_key is None:
        raise LGIError(ErrorNumber.BACK_OFF, "peer_certificate and peer_key are not configured")
    return Credentials(config.peer_key, config.peer_certificate, config.ca_certificate)


@lru_cache(maxsize=16)
def _client(url: str, credentials: Credentials) -> Client:
    """Return one client a peer, its connections kept."""
    return Client(url, credentials)
