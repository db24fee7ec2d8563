"""active_resources: the resources and project servers of the project."""

from collections.abc import Sequence
from dataclasses import dataclass

from lgi_server.database import Row, Transaction, marks
from lgi_server.tables.updates import Change

NO_SERVER, MASTER, SLAVE = 0, 1, 2


@dataclass(frozen=True)
class Resource:
    """A row of active_resources."""

    resource_id: int
    resource_name: str
    resource_capabilities: str
    client_certificate: str
    last_call_time: int
    project_server: int
    url: str


_COLUMNS = (
    "resource_id, resource_name, resource_capabilities, client_certificate, last_call_time, project_server,"
    " url"
)


def _resource(row: Row) -> Resource:
    return Resource(**dict(row))


def named(transaction: Transaction, name: str) -> Resource | None:
    """The resource of a name."""
    row = transaction.row(f"SELECT {_COLUMNS} FROM active_resources WHERE resource_name = %s", name)
    return _resource(row) if row else None


def all_named(transaction: Transaction, names: Sequence[str]) -> list[Resource]:
    """Those of the names that are known."""
    rows = transaction.rows(
        f"SELECT {_COLUMNS} FROM active_resources WHERE resource_name IN ({marks(names)})",
        *names,
    )
    return [_resource(row) for row in rows]


def servers(transaction: Transaction) -> list[Resource]:
    """The project servers, by name."""
    rows = transaction.rows(
        f"SELECT {_COLUMNS} FROM active_resources WHERE project_server IN (1, 2) ORDER BY resource_name"
    )
    return [_resource(row) for row in rows]


def resources(transaction: Transaction) -> list[Resource]:
    """The resources that are no project servers, by name."""
    rows = transaction.rows(
        f"SELECT {_COLUMNS} FROM active_resources WHERE project_server = 0 ORDER BY resource_name"
    )
    return [_resource(row) for row in rows]


def everyone(transaction: Transaction) -> list[Resource]:
    """All rows, by name."""
    rows = transaction.rows(f"SELECT {_COLUMNS} FROM active_resources ORDER BY resource_name")
    return [_resource(row) for row in rows]


def touch(transaction: Transaction, resource_id: int, now: int) -> None:
    """Note the time of a call."""
    transaction.run(
        "UPDATE active_resources SET last_call_time = %s WHERE resource_id = %s", now, resource_id
    )


def set_capabilities(transaction: Transaction, resource_id: int, capabilities: str, now: int) -> None:
    """Store what a resource says of itself when it signs up."""
    transaction.run(
        "UPDATE active_resources SET resource_capabilities = %s, last_call_time = %s WHERE resource_id = %s",
        capabilities,
        now,
        resource_id,
    )


def add(name: str, url: str, certificate: str, project_server: int) -> Change:
    """Register a resource or project server with the certificate it will show."""
    return Change(
        "INSERT INTO active_resources (resource_name, resource_capabilities, url, client_certificate,"
        " project_server) VALUES (%s, %s, %s, %s, %s)",
        (name, "", url, certificate, project_server),
    )


def remove(name: str) -> Change:
    """Forget a resource."""
    return Change("DELETE FROM active_resources WHERE resource_name = %s", (name,))
