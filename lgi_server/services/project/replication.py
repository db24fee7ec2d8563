"""Replication: changes of the master are applied here, each once and in order (wire.md 8, ruling 5)."""

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
# Updates that one cycle fetches at most; the next cycle fetches the rest.
MOST_AT_ONCE = 10_000


class UpdatesMissingError(Exception):
    """Updates of the master have to be fetched first, outside any transaction.

    ``is_gap``: a pushed update is newer than the next one. Then the call is answered even if the fetch fails.
    """

    def __init__(self, is_gap: bool = False) -> None:
        super().__init__()
        self.is_gap = is_gap


@dataclass(frozen=True)
class Update:
    """A change as servers send it: its version, the servers it is for, and its statement."""

    version: int
    servers: tuple[str, ...]
    query: str


@dataclass(frozen=True)
class LocalServer:
    """The server itself in a project; an ``unrestricted`` one runs any statement that its master sends."""

    name: str
    unrestricted: bool = False


@dataclass(frozen=True)
class UpdateStatus:
    """The answer to a request for updates: how many there are, the first one and its version.

    Without any, ``newest`` is the newest version of this server.
    """

    count: int
    newest: int
    first: Update | None


def after(transaction: Transaction, version: int) -> UpdateStatus:
    """Return the updates after a version."""
    row = updates.first_after(transaction, version)
    if row is None:
        return UpdateStatus(0, updates.newest(transaction), None)
    query = bytes(row["update_query"]).decode()
    first = Update(int(row["version"]), comma_lists.split(row["servers"]), query)
    return UpdateStatus(updates.count_after(transaction, version), first.version, first)


def accept(transaction: Transaction, update: Update, here: LocalServer, cycled: bool) -> int:
    """Store a pushed update, apply it if it is for this server, and return the newest version here.

    A known version changes nothing. Raises UpdatesMissingError when updates before it are missing, and
    LGIError UPDATE for a statement that servers may not send. # As LGI: when updates are still missing after
    a cycle nothing is stored, and the returned version shows it (ruling 5).
    """
    newest = updates.newest(transaction)
    if update.version <= newest:
        return newest
    if update.version > newest + 1:
        if not cycled:
            raise UpdatesMissingError(is_gap=True)
        log.warning("update %d waits for version %d", update.version, newest + 1)
        return newest
    apply(transaction, update, here)
    return update.version


def apply(transaction: Transaction, update: Update, here: LocalServer) -> None:
    """Store an update with its version, and apply it if it is for this server; LGIError UPDATE."""
    make = _maker(update.query, here)
    updates.insert_as(transaction, update.version, comma_lists.join(update.servers), update.query)
    meant = comma_lists.contains_any(update.servers, [here.name])
    if meant:
        make(transaction)
    log.info("update %d %s", update.version, "applied" if meant else "stored, it is for other servers")


def _maker(query: str, here: LocalServer) -> Callable[[Transaction], object]:
    """Return the function that applies a statement; LGIError UPDATE if servers may not send it."""
    try:
        statement = update_parser.parse(query)
    except ValueError as error:
        if here.unrestricted:
            return lambda transaction: updates.run_unread(transaction, query)
        raise LGIError(ErrorNumber.UPDATE, str(error)) from None
    return lambda transaction: change_of(transaction, statement).run(transaction)


def change_of(transaction: Transaction, statement: Statement) -> UpdateStatement:
    """Return the change of a parsed statement; a registered resource keeps its resource_id."""
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
    """Fetch and apply updates, each in its own transaction, until there are no more; return how many.

    ``ask`` returns the first update after a version. One that was pushed meanwhile is skipped.
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
    """Return an update as it is sent; LGIError UPDATE unless ``query`` is hexadecimal UTF-8."""
    try:
        return Update(version, servers, hexcode.decode(query).decode())
    except ValueError as error:
        raise LGIError(ErrorNumber.UPDATE, str(error)) from None
