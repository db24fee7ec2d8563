"""The servers that answer for a project, each asked for its own metrics: a URL leads to one of them only."""

import http.client
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from lgi_protocol import comma_lists
from lgi_protocol.errors import LGIError
from lgi_server.config.model import Config
from lgi_server.db import open_database
from lgi_server.services.project import peers
from lgi_server.tables import server_heartbeats

SECONDS = 10.0
# One that has been silent for longer was moved or removed.
MEMORY_SECONDS = 86_400
# Where a server listens that listens everywhere.
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "[::]": "::1"}  # noqa: S104


@dataclass(frozen=True)
class FrontEnd:
    """A server that has stored a heartbeat: its machine, where it listens, and for how many seconds not."""

    host: str
    listen: str
    silence: int

    @property
    def is_up(self) -> bool:
        """Whether its last heartbeat is recent."""
        return self.silence <= server_heartbeats.BREAK_SECONDS


def known(config: Config) -> list[FrontEnd]:
    """Return the servers of the default project by their heartbeats; LGIError without its database."""
    database = open_database(config.projects[config.default_project].database)
    try:
        now = int(time.time())
        rows = database.run(server_heartbeats.all_of_them, write=False)
    finally:
        database.close()
    found = [(*server.partition(" ")[::2], now - beat) for server, beat in rows]
    return [FrontEnd(*one) for one in sorted(found) if one[2] < MEMORY_SECONDS]


def metrics(config: Config, front_end: FrontEnd) -> str:
    """Return the metrics of one server. Raises OSError, LGIError or ValueError when it cannot be asked."""
    url = urlsplit(config.url)
    context = peers.credentials(config).context()
    reasons = []
    for host, port in _addresses(front_end):
        try:
            with (
                socket.create_connection((host, port), SECONDS) as plain,
                context.wrap_socket(plain, server_hostname=url.hostname) as connection,
            ):
                return _answer(connection, f"{url.path}/metrics", url.netloc)
        except OSError as error:
            reasons.append(f"{host}:{port}: {error.strerror or error}")
    raise OSError("; ".join(reasons) or f"{front_end.listen} cannot be asked from here")


def _addresses(front_end: FrontEnd) -> Iterator[tuple[str, int]]:
    """Yield where a server may be reached: from its own machine also by addresses that others cannot use."""
    is_here = front_end.host == socket.gethostname()
    for address in comma_lists.split(front_end.listen):
        host, _, port = address.rpartition(":")
        if not host or not port.isdigit():
            continue
        if host in _EVERYWHERE:
            yield _EVERYWHERE[host] if is_here else front_end.host, int(port)
        elif is_here or not host.startswith(("127.", "[::1]", "localhost")):
            yield host.strip("[]"), int(port)


def _answer(connection: socket.socket, path: str, host: str) -> str:
    """Return the body of the answer to a GET; OSError for another status than 200."""
    request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    connection.sendall(request.encode("ascii"))
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    text = answer.read().decode("utf-8", "replace")
    if answer.status != http.client.OK:
        raise OSError(f"HTTP {answer.status}")
    return text


def by_heartbeat(config: Config) -> list[FrontEnd]:
    """Return `known`, and none when the database cannot be reached."""
    try:
        return known(config)
    except (LGIError, OSError, ValueError):
        return []
