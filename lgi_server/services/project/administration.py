"""Rules for submits, set by administrators, and the undo of recorded changes."""

from lgi_protocol import comma_lists
from lgi_server.db.transaction import Transaction
from lgi_server.services.project import registration, replication, update_parser
from lgi_server.services.project.recorded_changes import (
    AdministrationError,
    check_application,
    check_name,
    is_meant,
    make,
)
from lgi_server.services.project.registration import NewResource
from lgi_server.services.project.update_parser import Verb
from lgi_server.tables import submit_rules, update_undo
from lgi_server.tables.update_undo import Undo
from lgi_server.tables.updates import UpdateStatement

# Whether of a user or group, the name, the application and the limit.
Rule = tuple[str, str, str, int]
# The first rule of a new project, as in LGI: every user may have two jobs of each application.
FIRST_RULE = ("user", comma_lists.ANY, comma_lists.ANY, 2)


def set_up(transaction: Transaction, master: NewResource, *rules: Rule) -> None:
    """Register the master server of a new project and add its first rules; none of it can be undone."""
    registration.add_resource(transaction, master, comma_lists.ANY)
    for rule in rules:
        make(transaction, submit_rules.set_allowed(*rule), comma_lists.ANY)


def allow(
    transaction: Transaction, kind: str, name: str, application: str, limit: int, *, servers: str
) -> int:
    """Allow a user or group an application; return the version of the update."""
    name, application = check_name(name), check_application(application)
    before = rules_as_changes(transaction, kind, "allowed", name, application)
    undo = before or [submit_rules.remove(kind, "allowed", name, application)]
    return make(transaction, submit_rules.set_allowed(kind, name, application, limit), servers, undo)


def deny(transaction: Transaction, kind: str, name: str, application: str, servers: str) -> int:
    """Deny a user or group an application; return the version of the update."""
    name, application = check_name(name), check_application(application)
    before = rules_as_changes(transaction, kind, "denied", name, application)
    undo = before or [submit_rules.remove(kind, "denied", name, application)]
    return make(transaction, submit_rules.set_denied(kind, name, application), servers, undo)


def rules_as_changes(
    transaction: Transaction, kind: str, rule: str, name: str, application: str
) -> list[UpdateStatement]:
    """Return the existing rules, each as the change that adds it."""
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
    """Remove rules by name, application or both; return the version of the update.

    Raises AdministrationError when neither is given or there is no such rule.
    """
    if not name and not application:
        raise AdministrationError("give a name, an application or both")
    undo = rules_as_changes(transaction, kind, rule, name, application)
    if not undo and is_meant(transaction, servers):
        raise AdministrationError("there is no such rule, nothing was changed")
    return make(transaction, submit_rules.remove(kind, rule, name, application), servers, undo)


def last_change(transaction: Transaction) -> Undo:
    """Return the newest change that can be undone; AdministrationError if there is none."""
    found = update_undo.newest(transaction)
    if found is None:
        raise AdministrationError(
            "there is no change to undo: the remaining ones belong to the set-up of the project or were made"
            " on another server"
        )
    return found


def undo(transaction: Transaction, version: int, now: int) -> list[int]:
    """Undo a change if it is still the newest one; return the versions of the updates that revert it.

    The updates cannot be undone themselves: the next undo reverts the change before. Raises
    AdministrationError.
    """
    found = last_change(transaction)
    if found.version != version:
        raise AdministrationError(f"update {found.version} was made meanwhile: nothing was undone")
    update_undo.delete(transaction, version)
    made = []
    for text in found.statements:
        statement = update_parser.parse(text)
        name = str(dict(statement.where).get("resource_name", ""))
        if statement.table == "active_resources" and statement.verb is Verb.DELETE:
            made.append(registration.remove_resource(transaction, name, found.servers, now))
            update_undo.delete(transaction, made[-1])
        else:
            made.append(make(transaction, replication.change_of(transaction, statement), found.servers))
    return made
