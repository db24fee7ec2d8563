"""The table active_resources: the resources and project servers of the project."""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import NamedTuple

from lgi_server.db.transaction import Row, Transaction, placeholders
from lgi_server.tables.updates import UpdateStatement

NO_SERVER, MASTER, SLAVE = 0, 1, 2


@dataclass(frozen=True)
class ResourceRow:
    """A row of active_resources.

    ``client_certificate`` is PEM, ``last_call_time`` is in seconds, ``project_server`` is NO_SERVER, MASTER
    or SLAVE. ``drained_since`` is in seconds, 0 for a resource that is not drained.
    """

    resource_id: int
    resource_name: str
    resource_capabilities: str
    client_certificate: str
    last_call_time: int
    project_server: int
    url: str
    drained_since: int = 0
    drain_reason: str = ""

    @property
    def is_drained(self) -> bool:
        """Whether the resource gets no new jobs; those that it has go on."""
        return self.drained_since > 0


COLUMNS = (
    "resource_id, resource_name, resource_capabilities, client_certificate, last_call_time, project_server,"
    " url, drained_since, drain_reason"
)

_VALUES = itemgetter(*COLUMNS.split(", "))


def resource_in(row: Row) -> ResourceRow:
    """Return a row with the columns of `COLUMNS` as a ResourceRow."""
    return ResourceRow(*_VALUES(row))


def named(transaction: Transaction, name: str) -> ResourceRow | None:
    """Return the resource with this name, or None."""
    row = transaction.row(f"SELECT {COLUMNS} FROM active_resources WHERE resource_name = %s", name)
    return resource_in(row) if row else None


def numbered(transaction: Transaction, resource_id: int) -> ResourceRow | None:
    """Return the resource with this resource_id, or None."""
    row = transaction.row(f"SELECT {COLUMNS} FROM active_resources WHERE resource_id = %s", resource_id)
    return resource_in(row) if row else None


class CallerRow(NamedTuple):
    """What is read at each call of a resource: its number, its drain, and the last use of its session.

    Times are in seconds; ``session_time`` is None when the resource has no such session.
    """

    resource_id: int
    drained_since: int
    session_time: int | None


def with_session(transaction: Transaction, name: str, session_id: int) -> CallerRow | None:
    """Return the calling resource with its session, None when there is no such resource."""
    row = transaction.row(
        "SELECT one.resource_id AS resource_id, one.drained_since AS drained_since,"
        " session.session_time_stamp AS session_time_stamp"
        " FROM active_resources AS one LEFT JOIN running_sessions AS session"
        " ON session.session_id = %s AND session.resource_id = one.resource_id WHERE one.resource_name = %s",
        session_id,
        name,
    )
    return CallerRow(row["resource_id"], row["drained_since"], row["session_time_stamp"]) if row else None


def servers(transaction: Transaction) -> list[ResourceRow]:
    """Return the project servers, in the order in which they were registered."""
    rows = transaction.rows(
        f"SELECT {COLUMNS} FROM active_resources WHERE project_server IN (1, 2) ORDER BY resource_id"
    )
    return [resource_in(row) for row in rows]


def everyone(transaction: Transaction) -> list[ResourceRow]:
    """Return all resources and project servers, in the order in which they were registered."""
    rows = transaction.rows(f"SELECT {COLUMNS} FROM active_resources ORDER BY resource_id")
    return [resource_in(row) for row in rows]


def touch(transaction: Transaction, resource_ids: Sequence[int], now: int) -> None:
    """Store the time of the last call of these resources."""
    transaction.execute_pipelined(
        "UPDATE active_resources SET last_call_time = %s"
        f" WHERE resource_id IN ({placeholders(resource_ids)})",
        now,
        *resource_ids,
    )


def set_capabilities(transaction: Transaction, resource_id: int, capabilities: str, now: int) -> None:
    """Store the capabilities that a resource has posted at sign-up."""
    transaction.execute_pipelined(
        "UPDATE active_resources SET resource_capabilities = %s, last_call_time = %s WHERE resource_id = %s",
        capabilities,
        now,
        resource_id,
    )


def set_certificate(transaction: Transaction, resource_id: int, certificate: str) -> None:
    """Replace the certificate (PEM) that a resource is registered with."""
    transaction.execute_pipelined(
        "UPDATE active_resources SET client_certificate = %s WHERE resource_id = %s", certificate, resource_id
    )


def set_drain(transaction: Transaction, resource_id: int, since: int, reason: str) -> None:
    """Store since when a resource is drained, in seconds, and why; 0 for one that gets jobs again."""
    transaction.run(
        "UPDATE active_resources SET drained_since = %s, drain_reason = %s WHERE resource_id = %s",
        since,
        reason,
        resource_id,
    )


def add(name: str, url: str, certificate: str, project_server: int) -> UpdateStatement:
    """Return the change that registers a resource or project server with its certificate (PEM)."""
    return UpdateStatement(
        "INSERT INTO active_resources (resource_name, resource_capabilities, url, client_certificate,"
        " project_server) VALUES (%s, %s, %s, %s, %s)",
        (name, "", url, certificate, project_server),
    )


def remove(name: str) -> UpdateStatement:
    """Return the change that removes a resource."""
    return UpdateStatement("DELETE FROM active_resources WHERE resource_name = %s", (name,))
