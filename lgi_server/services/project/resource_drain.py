"""Drained resources: they finish the jobs that they have, and this server gives them no new ones.

A drain is not recorded for the other project servers: each has its own jobs, and one of an older version, or
of LGI 1.31, would refuse the statement, and with it every later change.
"""

from lgi_server.db.transaction import Transaction
from lgi_server.services.project import recorded_changes
from lgi_server.services.project.recorded_changes import AdministrationError
from lgi_server.tables import active_resources
from lgi_server.tables.active_resources import NO_SERVER, ResourceRow


def drain(transaction: Transaction, name: str, reason: str, now: int) -> None:
    """Drain a resource from ``now`` on, in seconds; one that is drained gets the new reason.

    Raises AdministrationError.
    """
    resource = _resource(transaction, name)
    text = recorded_changes.check_line(reason)
    active_resources.set_drain(transaction, resource.resource_id, resource.drained_since or now, text)


def resume(transaction: Transaction, name: str) -> None:
    """Give a drained resource jobs again; AdministrationError for one that is not drained."""
    resource = _resource(transaction, name)
    if not resource.is_drained:
        raise AdministrationError(f"{resource.resource_name} is not drained, nothing was changed")
    active_resources.set_drain(transaction, resource.resource_id, 0, "")


def _resource(transaction: Transaction, name: str) -> ResourceRow:
    found = active_resources.named(transaction, recorded_changes.check_name(name))
    if found is None:
        raise AdministrationError(f"no resource is called {name!r}: see ManageDB list resources allowed")
    if found.project_server != NO_SERVER:
        raise AdministrationError(f"{name} is a project server: to take one out, use LGI_server drain there")
    return found
