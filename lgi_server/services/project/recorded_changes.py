"""Changes of rules and resources that are recorded for all project servers, and checks of their values."""

from collections.abc import Sequence

from lgi_protocol import comma_lists, common_name, xml
from lgi_server.db.transaction import Transaction
from lgi_server.tables import active_resources, mutexes, update_undo, updates
from lgi_server.tables.active_resources import MASTER
from lgi_server.tables.updates import UpdateStatement


class AdministrationError(Exception):
    """The change is refused; the message says which value is wrong and what to do."""


def check_master(transaction: Transaction, server_name: str) -> None:
    """Raise AdministrationError unless this server is the project's master, which numbers all changes.

    It also holds a mutex until the transaction ends, so that changes are committed in the order of their
    versions.
    """
    mutexes.acquire(transaction, "updates", "SELECT 1")
    own = active_resources.named(transaction, server_name)
    if own is None or own.project_server != MASTER:
        raise AdministrationError(f"{server_name} is not the project's master server: run ManageDB there")


def masters(transaction: Transaction) -> list[str]:
    """Return the names of the registered master servers: one, or none while a project is set up."""
    servers = active_resources.servers(transaction)
    return [server.resource_name for server in servers if server.project_server == MASTER]


def is_meant(transaction: Transaction, servers: str) -> bool:
    """Return whether a change for these servers (a comma list) is for this server, which is the master."""
    return comma_lists.contains_any(comma_lists.split(servers), masters(transaction))


def make(
    transaction: Transaction, change: UpdateStatement, servers: str, undo: Sequence[UpdateStatement] = ()
) -> int:
    """Record a change, and how it is undone, and apply it if it is for this server; return its version.

    A change for other servers is undone by giving them what this server has. Raises AdministrationError.
    """
    names = comma_lists.split(servers)
    if not names or len(check_line(servers).encode()) >= 255:
        raise AdministrationError(f"{servers!r} is not 'any' or a comma list of server names")
    try:
        text, undo_texts = change.text(), [one.text() for one in undo]
    except ValueError as error:
        raise AdministrationError(str(error)) from None
    _check_servers(transaction, names)
    if is_meant(transaction, servers) or not masters(transaction):
        change.run(transaction)
    version = updates.insert(transaction, comma_lists.join(names), text)
    if undo_texts:
        update_undo.insert(transaction, version, undo_texts)
    return version


def _check_servers(transaction: Transaction, names: Sequence[str]) -> None:
    """Raise AdministrationError for a name that is not of a project server."""
    known = [server.resource_name for server in active_resources.servers(transaction)]
    for name in names:
        if known and name not in {comma_lists.ANY, *known}:
            raise AdministrationError(
                f"{name!r} is not a project server: write 'any', or of {', '.join(known)}"
            )


def check_name(name: str) -> str:
    """Return the name of a user, group or resource, or "any", without blanks; AdministrationError."""
    name = name.strip()
    try:
        return name if name == comma_lists.ANY else common_name.check_name(name)
    except ValueError as error:
        raise AdministrationError(str(error)) from None


def check_application(application: str) -> str:
    """Return the name of an application, or "any", without blanks; AdministrationError."""
    application = application.strip()
    if not xml.is_name(application):
        raise AdministrationError(
            f"{application!r} cannot be the name of an application: letters, digits, '_.-'"
        )
    return application


def check_line(text: str) -> str:
    """Return a text of one line without leading and trailing blanks; AdministrationError."""
    text = text.strip()
    if common_name.has_control(text) or len(text.encode()) >= 255:
        raise AdministrationError(f"{text[:40]!r} has control characters or is longer than 254 bytes")
    return text
