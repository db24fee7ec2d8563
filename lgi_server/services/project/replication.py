"""Keeping in step with the master: its changes are made here once each, in order (wire.md 8, ruling 5)."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from lgi_protocol import comma_lists, hexcode
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.db.pool import Database
from lgi_server.db.transaction import Transaction
from lgi_server.services.project import update_parser
from lgi_server.services.project.update_parser import Statement, Verb
from lgi_server.tables import active_resources, updates
from lgi_server.tables.updates import UpdateStatement

log = logging.getLogger("lgi.replication")
# An update cycle that finds more stops and goes on at the next: it must not hold a request for ever.
MOST_AT_ONCE = 10_000


class UpdatesMissingError(Exception):
    """Changes of the master are missing here: they are to be fetched first, outside any transaction.

    ``is_gap`` when a pushed change has shown it: then the call is answered also when they cannot be had now.
    """

    def __init__(self, is_gap: bool = False) -> None:
        super().__init__()
        self.is_gap = is_gap


@dataclass(frozen=True)
class Update:
    """A change as servers pass it on: its version, the servers it is for, and its statement."""

    version: int
    servers: tuple[str, ...]
    query: str


@dataclass(frozen=True)
class LocalServer:
    """One server in its project; ``unrestricted`` when it runs whatever statement its master sends."""

    name: str
    unrestricted: bool = False


@dataclass(frozen=True)
class UpdateStatus:
    """What a server is told that asks for news: how many there are, and the first or the newest version."""

    count: int
    newest: int
    first: Update | None


def after(transaction: Transaction, version: int) -> UpdateStatus:
    """Return what is newer than a version."""
    row = updates.first_after(transaction, version)
    if row is None:
        return UpdateStatus(0, updates.newest(transaction), None)
    query = bytes(row["update_query"]).decode()
    first = Update(int(row["version"]), comma_lists.split(row["servers"]), query)
    return UpdateStatus(updates.count_after(transaction, version), first.version, first)


def accept(transaction: Transaction, update: Update, here: LocalServer, cycled: bool) -> int:
    """Make or only note a pushed change; answer the newest version here.

    A known version changes nothing. UpdatesMissingError when changes before it are missing.
    # As LGI: when they still are after a cycle nothing is made, and the answered version says so (ruling 5).
    Raises LGIError UPDATE when the statement is none that servers may send.
    """
    newest = updates.newest(transaction)
    if update.version <= newest:
        return newest
    if update.version > newest + 1:
        if not cycled:
            raise UpdatesMissingError(is_gap=True)
        log.warning("update %d waits until version %d is there", update.version, newest + 1)
        return newest
    apply(transaction, update, here)
    return update.version


def apply(transaction: Transaction, update: Update, here: LocalServer) -> None:
    """Record a change under its version, and make it when it is for this server; LGIError UPDATE."""
    make = _maker(update.query, here)
    updates.insert_as(transaction, update.version, comma_lists.join(update.servers), update.query)
    meant = comma_lists.contains_any(update.servers, [here.name])
    if meant:
        make(transaction)
    log.info("update %d %s", update.version, "made" if meant else "noted, it is for other servers")


def _maker(query: str, here: LocalServer) -> Callable[[Transaction], object]:
    """Return what makes the change of a statement; LGIError UPDATE when it is none that servers may send."""
    try:
        statement = update_parser.parse(query)
    except ValueError as error:
        if here.unrestricted:
            return lambda transaction: updates.run_unread(transaction, query)
        raise LGIError(ErrorNumber.UPDATE, str(error)) from None
    return lambda transaction: change_of(transaction, statement).run(transaction)


def change_of(transaction: Transaction, statement: Statement) -> UpdateStatement:
    """Return the change a statement stands for. A resource that is known already keeps its number."""
    values = dict(statement.values)
    if statement.table != "active_resources" or statement.verb is not Verb.REPLACE:
        return updates.change_of(statement.verb, statement.table, statement.values, statement.where)
    name = str(values.pop("resource_name", ""))
    if active_resources.named(transaction, name):
        named = (("resource_name", name),)
        return updates.change_of(Verb.UPDATE, statement.table, tuple(values.items()) or named, named)
    whole = {"resource_name": name, "resource_capabilities": "", "client_certificate": "", "url": ""} | values
    return updates.change_of(Verb.REPLACE, statement.table, tuple(whole.items()), ())


def cycle(database: Database, here: LocalServer, ask: Callable[[int], Update | None]) -> int:
    """Fetch and make what the master has newer, one change a transaction; answer how many.

    ``ask`` answers the first change after a version. One that came meanwhile another way is passed over.
    """
    for done in range(MOST_AT_ONCE):
        known = database.run(updates.newest, write=False)
        update = ask(known)
        if update is None:
            return done

        def make(transaction: Transaction, update: Update = update) -> None:
            if update.version > updates.newest(transaction):
                apply(transaction, update, here)

        database.run(make)
    return MOST_AT_ONCE


def read_update(version: int, servers: tuple[str, ...], query: str) -> Update:
    """Return a posted change; LGIError UPDATE when its statement is not hexadecimal UTF-8."""
    try:
        return Update(version, servers, hexcode.decode(query).decode())
    except ValueError as error:
        raise LGIError(ErrorNumber.UPDATE, str(error)) from None
