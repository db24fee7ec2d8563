"""Databases of projects: MariaDB or SQLite, chosen by the address in the configuration."""

from lgi_server.config.database import SQLiteAddress, parse_address
from lgi_server.db.failover import Hosts
from lgi_server.db.pool import Database
from lgi_server.db.sqlite import SQLite

# SQLite has one writer at a time: more connections would only wait for each other.
SQLITE_CONNECTIONS = 4


def open_database(url: str) -> Database:
    """Return the database at an address of the configuration (`parse_address`); ValueError or OSError.

    It is connected at its first use.
    """
    address = parse_address(url)
    if isinstance(address, SQLiteAddress):
        return Database(SQLite(address.path), size=SQLITE_CONNECTIONS)
    # With PyMySQL come TLS and cryptography: 6 MB that the scheduler needs for nothing else.
    from lgi_server.db.mariadb import MariaDB

    hosts = Hosts(address.hosts)
    return Database(MariaDB(address.name, address.user, address.password, hosts, address.socket))
