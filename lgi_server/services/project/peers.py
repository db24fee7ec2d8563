"""Calls to other project servers, with the certificate that this server has for that."""

import logging
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TYPE_CHECKING

from lgi_protocol import comma_lists
from lgi_protocol.errors import ErrorNumber, LGIError, ServerError, TransportError
from lgi_protocol.reply import leading_number
from lgi_server.config.model import Config
from lgi_server.db.pool import Database
from lgi_server.db.transaction import Transaction
from lgi_server.services.access import principals
from lgi_server.services.project import replication
from lgi_server.services.project.replication import (
    LocalServer,
    Update,
    UpdatesMissingError,
    read_update,
)
from lgi_server.tables.active_resources import ResourceRow

if TYPE_CHECKING:
    from lgi_protocol.client import Client
    from lgi_protocol.credentials import Credentials

log = logging.getLogger("lgi.peers")


class Master:
    """The master server of a project, as a source of updates."""

    def __init__(self, own: "Credentials", url: str, project: str) -> None:
        """Create the client of a master; ``own`` are the credentials of this server."""
        self._client = _client(url, own)
        self._project = project

    def next_update(self, version: int) -> Update | None:
        """Return the first update after a version, None if there is none.

        Raises LGIError BACK_OFF when the master does not answer.
        """
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
    """Fetch and apply new updates from the master, unless this is the master; return how many.

    Raises LGIError BACK_OFF when the master does not answer, or without peer_certificate and peer_key.
    """
    name = config.projects[project].server_name
    master = database.run(principals.servers, write=False).master
    if master.resource_name == name:
        return 0
    here = LocalServer(name, config.unrestricted_updates)
    return replication.cycle(database, here, Master(credentials(config), master.url, project).next_update)


def fetch_missing_updates(
    config: Config, database: Database, project: str, missing: UpdatesMissingError
) -> None:
    """Fetch updates that a call needs; LGIError BACK_OFF as `fetch_updates`, but not for a gap."""
    try:
        fetch_updates(config, database, project)
    except LGIError as error:
        if not missing.is_gap:
            raise
        log.warning("project %s: cannot fetch the updates before a pushed one: %s", project, error)


def notify_slaves(config: Config, project: str, slaves: Iterable[ResourceRow]) -> list[str]:
    """Have slaves fetch new updates, all at once; return the names of those that did not answer.

    These get the updates later, from their schedulers.
    """
    own = credentials(config)

    def has_answered(slave: ResourceRow) -> bool:
        try:
            _client(slave.url, own).post("servers/server_run_update", {"project": project})
        except (TransportError, ServerError) as error:
            log.warning("project %s: %s did not fetch updates: %s", project, slave.resource_name, error)
            return False
        return True

    notified = list(slaves)
    with ThreadPoolExecutor(max(1, len(notified))) as pool:
        answers = pool.map(has_answered, notified)
    return [slave.resource_name for slave, answered in zip(notified, answers, strict=True) if not answered]


def tell_slaves(config: Config, project: str, transaction: Transaction) -> None:
    """Have the slaves fetch new updates after the commit of a transaction, without waiting for them.

    Those that do not answer are logged; they get the updates later, from their schedulers.
    """
    slaves = principals.servers(transaction).slaves
    if not slaves:
        return

    def notify() -> None:
        try:
            notify_slaves(config, project, slaves)
        except LGIError as error:
            log.warning("project %s: the slaves were not told of an update: %s", project, error)

    transaction.on_commit(lambda: threading.Thread(target=notify, daemon=True).start())


def credentials(config: Config) -> "Credentials":
    """Return the credentials of this server; LGIError BACK_OFF when they are not configured."""
    if config.peer_certificate is None or config.peer_key is None:
        raise LGIError(ErrorNumber.BACK_OFF, "peer_certificate and peer_key are not configured")
    from lgi_protocol.credentials import Credentials

    return Credentials(config.peer_key, config.peer_certificate, config.ca_certificate)


@lru_cache(maxsize=16)
def _client(url: str, credentials: "Credentials") -> "Client":
    """Return the client of a peer; it keeps its connections."""
    # With HTTP and TLS, which the only server of a project does not need.
    from lgi_protocol.client import Client

    return Client(url, credentials)
