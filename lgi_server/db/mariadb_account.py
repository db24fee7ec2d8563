"""An account and a database on a MariaDB server, made and removed with an administrator's account."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from lgi_server.config.database import MariaDBAddress, parse_address, without_password
from lgi_server.db.failover import Hosts
from lgi_server.db.mariadb import MariaDB
from lgi_server.db.pool import Database
from lgi_server.db.transaction import Transaction

_NAME = re.compile(r"[A-Za-z0-9_$]{1,64}")
LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class Account:
    """A user who may do everything in one database; ``host`` is where it may come from."""

    user: str
    host: str
    database: str

    def __str__(self) -> str:
        return f"{self.user}@{self.host}"


def account_of(url: str) -> tuple[Account, str]:
    """Return the account that an address names, and its password if it has one.

    Raises ValueError for an address or a name that cannot be one.
    """
    address = _mariadb(url)
    for name in (address.user, address.name):
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r}: the name of a database or its user is of letters, digits, _ and $")
    is_local = bool(address.socket) or all(host in LOCAL for host, _port in address.hosts)
    return Account(address.user, "localhost" if is_local else "%", address.name), address.password


def administrator(url: str) -> Database:
    """Return a MariaDB server seen by its administrator: mariadb://root@localhost/?socket=...; ValueError."""
    address = _mariadb(with_name(url))
    hosts = Hosts(address.hosts)
    return Database(MariaDB(address.name, address.user, address.password, hosts, address.socket), size=1)


def _mariadb(url: str) -> MariaDBAddress:
    address = parse_address(url)
    if not isinstance(address, MariaDBAddress):
        raise ValueError(f"{without_password(url)} is not of MariaDB: mariadb://USER@HOST")
    return address


def with_name(url: str) -> str:
    """Return the address of an administrator with that of the database which every MariaDB server has."""
    return urlunsplit(urlsplit(url)._replace(path="/mysql"))


def taken(transaction: Transaction, account: Account) -> list[str]:
    """Return what there is already, in words: the account, the database."""
    found = []
    if transaction.row(
        "SELECT User FROM mysql.user WHERE User = %s AND Host = %s", account.user, account.host
    ):
        found.append(f"the account {account}")
    schema = "SELECT schema_name FROM information_schema.schemata WHERE schema_name = %s"
    if transaction.row(schema, account.database):
        found.append(f"the database {account.database}")
    return found


def create(transaction: Transaction, account: Account, password: str) -> None:
    """Create the database and the account, which must not exist."""
    transaction.run(f"CREATE DATABASE `{account.database}`")
    transaction.run("CREATE USER %s@%s IDENTIFIED BY %s", account.user, account.host, password)
    # In GRANT an underscore stands for any character.
    pattern = account.database.replace("_", r"\_")
    transaction.run(f"GRANT ALL ON `{pattern}`.* TO %s@%s", account.user, account.host)


def drop(transaction: Transaction, account: Account) -> None:
    """Remove the database and the account, if they exist."""
    transaction.run(f"DROP DATABASE IF EXISTS `{account.database}`")
    transaction.run("DROP USER IF EXISTS %s@%s", account.user, account.host)
