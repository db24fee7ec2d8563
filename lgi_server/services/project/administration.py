"""What an administrator changes: users, groups and resources, each change recorded for the other servers."""

from collections.abc import Sequence
from dataclasses import dataclass

from lgi_protocol import comma_lists, common_name, xml
from lgi_protocol.states import State
from lgi_server.auth import client_certificate
from lgi_server.db.transaction import Transaction
from lgi_server.services.access import resource_sessions
from lgi_server.services.jobs import locking
from lgi_server.services.jobs import updates as jobs_updates
from lgi_server.services.project import replication, update_parser
from lgi_server.services.project.update_parser import Verb
from lgi_server.tables import active_resources, mutexes, shares, submit_rules, update_undo, updates
from lgi_server.tables import running_sessions as session_table
from lgi_server.tables.active_resources import MASTER, NO_SERVER, SLAVE
from lgi_server.tables.job_queue import positions
from lgi_server.tables.update_undo import Undo
from lgi_server.tables.updates import UpdateStatement

# The first rule of a new project, as LGI's: everybody may have two jobs of each application.
FIRST_RULE = ("user", comma_lists.ANY, comma_lists.ANY, 2)


class AdministrationError(Exception):
    """The change cannot be made; the message says which value is wrong and what to do."""


@dataclass(frozen=True)
class NewResource:
    """A resource or project server to register."""

    name: str
    url: str
    certificate: str
    project_server: int = NO_SERVER


def check_master(transaction: Transaction, server_name: str) -> None:
    """Unacceptable unless this server is the project's master: versions are global and made in one place.

    It is our turn then: whoever changes something at the same time waits and sees the change, so that
    versions appear in their order.
    """
    mutexes.acquire(transaction, "updates", "SELECT 1")
    own = active_resources.named(transaction, server_name)
    if own is None or own.project_server != MASTER:
        raise AdministrationError(f"{server_name} is not the project's master server: run ManageDB there")


def set_up(transaction: Transaction, master: NewResource, rule: tuple[str, str, str, int]) -> None:
    """Begin a project with its master server and a first rule, neither of which is ever taken back."""
    add_resource(transaction, master, comma_lists.ANY)
    _make(transaction, submit_rules.set_allowed(*rule), comma_lists.ANY)


def allow(
    transaction: Transaction, kind: str, name: str, application: str, limit: int, *, servers: str
) -> int:
    """Allow a user or group an application; answer the version of the update."""
    name, application = check_who(name), check_application(application)
    before = _rules(transaction, kind, "allowed", name, application)
    undo = before or [submit_rules.remove(kind, "allowed", name, application)]
    return _make(transaction, submit_rules.set_allowed(kind, name, application, limit), servers, undo)


def deny(transaction: Transaction, kind: str, name: str, application: str, servers: str) -> int:
    """Deny a user or group an application; answer the version of the update."""
    name, application = check_who(name), check_application(application)
    before = _rules(transaction, kind, "denied", name, application)
    undo = before or [submit_rules.remove(kind, "denied", name, application)]
    return _make(transaction, submit_rules.set_denied(kind, name, application), servers, undo)


def _rules(
    transaction: Transaction, kind: str, rule: str, name: str, application: str
) -> list[UpdateStatement]:
    """Return the rules there are, each as the change that makes it."""
    rows = submit_rules.listed(transaction, kind, rule, name, application)
    if rule == "denied":
        return [submit_rules.set_denied(kind, row[f"{kind}_name"], row["application"]) for row in rows]
    return [
        submit_rules.set_allowed(kind, row[f"{kind}_name"], row["application"], int(row["job_limit"]))
        for row in rows
    ]


def remove_rule(
    transaction: Transaction, kind: str, rule: str, name: str, application: str, *, servers: str
) -> int:
    """Remove rules by name, application or both; Unacceptable when neither is given or none is there."""
    if not name and not application:
        raise AdministrationError("give a name, an application or both")
    undo = _rules(transaction, kind, rule, name, application)
    if not undo and _is_meant(transaction, servers):
        raise AdministrationError("there is no such rule, nothing was changed")
    return _make(transaction, submit_rules.remove(kind, rule, name, application), servers, undo)


def set_share(transaction: Transaction, kind: str, name: str, weight: str) -> None:
    """Give a user or group a weight; Unacceptable for one that is none. As many jobs more as that is."""
    who = check_who(name)
    _check_share(kind, who)
    try:
        number = float(weight)
    except ValueError:
        number = 0.0
    if not 0.01 <= number <= 1000:
        raise AdministrationError(f"{weight!r} is no weight: write a number from 0.01 to 1000, as 2 or 0.5")
    shares.set_weight(transaction, f"{kind} {who}", number)


def remove_share(transaction: Transaction, kind: str, name: str) -> None:
    """Have a user or group count as all others; Unacceptable when it does."""
    who = check_who(name)
    _check_share(kind, who)
    if not shares.remove_weight(transaction, f"{kind} {who}"):
        raise AdministrationError(f"{kind} {who} has no weight, nothing was changed")


def shares_of(transaction: Transaction, kind: str) -> list[dict[str, object]]:
    """Return the users or groups that have a weight."""
    if kind == "resource":
        raise AdministrationError("Resources have no share !")
    found = shares.weights(transaction).items()
    return [
        {f"{kind}_name": account.partition(" ")[2], "weight": f"{weight:g}"}
        for account, weight in found
        if account.startswith(f"{kind} ")
    ]


def _check_share(kind: str, name: str) -> None:
    if kind == "resource":
        raise AdministrationError("Resources have no share !")
    if name == comma_lists.ANY:
        raise AdministrationError("any is nobody's name: who has no weight counts as 1")


def add_resource(transaction: Transaction, new: NewResource, servers: str) -> int:
    """Register a resource; answer the version of the update."""
    name = check_who(new.name)
    der = client_certificate.der_of(new.certificate)
    if name == comma_lists.ANY:
        raise AdministrationError("a resource cannot be called any")
    if not common_name.is_resource_name(name):
        raise AdministrationError(
            f"{name!r} is not user@host, nor the full name of a host, as resources are called"
        )
    if not der:
        raise AdministrationError("the certificate file holds no PEM certificate")
    if (held := client_certificate.read(der).name.name) != name:
        raise AdministrationError(f"the certificate is for {held!r}, not for {name!r}")
    if new.project_server not in {NO_SERVER, MASTER, SLAVE}:
        raise AdministrationError("the project server flag is 0 (resource), 1 (master) or 2 (slave)")
    if new.project_server == MASTER and _masters(transaction):
        raise AdministrationError(
            f"{_masters(transaction)[0]} is the master already, a project has exactly one"
        )
    if active_resources.named(transaction, name) and _is_meant(transaction, servers):
        raise AdministrationError(f"{name} is registered already: delete it first")
    pem = new.certificate.strip() + "\n"
    change = active_resources.add(name, _one_line(new.url), pem, new.project_server)
    # Without its master a project is none: that is not taken back.
    undo = [] if new.project_server == MASTER else [active_resources.remove(name)]
    return _make(transaction, change, servers, undo)


def remove_resource(transaction: Transaction, name: str, servers: str, now: int) -> int:
    """Forget a resource, its sessions and their locks; Unacceptable when it is not registered.

    What runs there is queued anew for the resources it was submitted for, or has been aborted.
    """
    found = active_resources.named(transaction, name)
    is_meant = _is_meant(transaction, servers)
    if found is None and is_meant:
        raise AdministrationError(f"no resource is called {name!r}: see ManageDB list resources allowed")
    if _masters(transaction) == [name]:
        raise AdministrationError(f"{name} is the project's master server: without it nobody would be served")
    if found is not None and is_meant:
        for session_id in session_table.of_resource(transaction, found.resource_id):
            resource_sessions.sign_off(transaction, session_id)
        for job_id in positions.jobs_on_resource(transaction, name):
            _give_up(transaction, job_id, name, now)
    undo = (
        [active_resources.add(name, found.url, found.client_certificate, found.project_server)]
        if found is not None
        else []
    )
    return _make(transaction, active_resources.remove(name), servers, undo)


def _give_up(transaction: Transaction, job_id: int, resource: str, now: int) -> None:
    job, _lock = locking.lock_row(transaction, job_id)
    state = State.ABORTED if job.state == State.ABORTING else State.QUEUED
    jobs_updates.change_lost(transaction, job, state, f"{resource} was removed", now)


def last_change(transaction: Transaction) -> Undo:
    """Return the last change that was not taken back; Unacceptable when there is none."""
    found = update_undo.newest(transaction)
    if found is None:
        raise AdministrationError(
            "there is no change that could be taken back: what is not taken back already is of the project's "
            "set-up, or was made on another server"
        )
    return found


def undo(transaction: Transaction, version: int, now: int) -> list[int]:
    """Take a change back, if it still is the last; answer the versions of the updates that do it.

    What is undone cannot be undone itself: the next one takes back the change before.
    """
    found = last_change(transaction)
    if found.version != version:
        raise AdministrationError(f"update {found.version} came meanwhile: nothing was taken back")
    update_undo.delete(transaction, version)
    made = []
    for text in found.statements:
        statement = update_parser.parse(text)
        name = str(dict(statement.where).get("resource_name", ""))
        if statement.table == "active_resources" and statement.verb is Verb.DELETE:
            made.append(remove_resource(transaction, name, found.servers, now))
            update_undo.delete(transaction, made[-1])
        else:
            made.append(_make(transaction, replication.change_of(transaction, statement), found.servers))
    return made


def _masters(transaction: Transaction) -> list[str]:
    servers = active_resources.servers(transaction)
    return [server.resource_name for server in servers if server.project_server == MASTER]


def _is_meant(transaction: Transaction, servers: str) -> bool:
    """Return whether a change for servers is one for this server, which is the master."""
    return comma_lists.contains_any(comma_lists.split(servers), _masters(transaction))


def _make(
    transaction: Transaction, change: UpdateStatement, servers: str, undo: Sequence[UpdateStatement] = ()
) -> int:
    """Record a change and how it is taken back, and make it if it is for this server.

    A change for others is taken back by giving them what this server has.
    """
    names = comma_lists.split(servers)
    if not names or len(_one_line(servers).encode()) >= 255:
        raise AdministrationError(f"{servers!r} is not 'any' or a comma list of server names")
    try:
        text, undo_texts = change.text(), [one.text() for one in undo]
    except ValueError as error:
        raise AdministrationError(str(error)) from None
    _check_servers(transaction, names)
    if _is_meant(transaction, servers) or not _masters(transaction):
        change.run(transaction)
    version = updates.insert(transaction, comma_lists.join(names), text)
    if undo_texts:
        update_undo.insert(transaction, version, undo_texts)
    return version


def _check_servers(transaction: Transaction, names: Sequence[str]) -> None:
    """AdministrationError for a name of no project server: nobody would make the change."""
    known = [server.resource_name for server in active_resources.servers(transaction)]
    for name in names:
        if known and name not in {comma_lists.ANY, *known}:
            raise AdministrationError(f"{name!r} is no project server: write 'any', or of {', '.join(known)}")


def check_who(name: str) -> str:
    """Return a user, group or resource name, or the word any."""
    name = name.strip()
    try:
        return name if name == comma_lists.ANY else common_name.check_name(name)
    except ValueError as error:
        raise AdministrationError(str(error)) from None


def check_application(application: str) -> str:
    """Return the name of an application, or the word any."""
    application = application.strip()
    if not xml.is_name(application):
        raise AdministrationError(
            f"{application!r} cannot be the name of an application: letters, digits, '_.-'"
        )
    return application


def _one_line(text: str) -> str:
    text = text.strip()
    if common_name.has_control(text) or len(text.encode()) >= 255:
        raise AdministrationError(f"{text[:40]!r} has control characters or is longer than 254 bytes")
    return text
