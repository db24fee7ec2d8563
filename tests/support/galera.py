"""A Galera cluster of our own: three MariaDBs on loopback that hold the same tables."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pymysql
from pymysql.cursors import Cursor

from tests.support.grid import free_port, wait_for
from tests.support.mariadb import PrivateMariaDB
from tests.support.mariadb import missing as mariadb_missing

PROVIDER = Path("/usr/lib/galera/libgalera_smm.so")
NODES = 3
# A dead node is given up after two seconds instead of five.
QUICK = (
    "evs.keepalive_period=PT0.5S;evs.inactive_check_period=PT0.5S;evs.suspect_timeout=PT2S;"
    "evs.inactive_timeout=PT4S;evs.install_timeout=PT4S;gcache.size=16M"
)


def missing() -> str:
    """What would have to be installed first; empty when everything is there."""
    return mariadb_missing() or ("" if PROVIDER.exists() else "galera-4")


class Node(PrivateMariaDB):
    """One of the three. Its ports are found before it starts, since the others are told of them."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number
        self.port, self.cluster_port = free_port(), free_port()
        self.incremental_port, self.whole_port = free_port(), free_port()
        self.others = ""

    def options(self) -> tuple[str, ...]:
        """Every commit is on the disk of the node that answers it."""
        provider = (
            f"base_port={self.cluster_port};gmcast.listen_addr=tcp://127.0.0.1:{self.cluster_port};"
            f"ist.recv_addr=127.0.0.1:{self.incremental_port};{QUICK}"
        )
        return (
            "--bind-address=127.0.0.1",
            f"--port={self.port}",
            "--skip-name-resolve",
            "--binlog-format=ROW",
            "--innodb-autoinc-lock-mode=2",
            "--innodb-flush-log-at-trx-commit=1",
            "--wsrep-on=ON",
            f"--wsrep-provider={PROVIDER}",
            "--wsrep-cluster-name=lgi",
            f"--wsrep-node-name=n{self.number}",
            f"--wsrep-node-address=127.0.0.1:{self.cluster_port}",
            f"--wsrep-cluster-address=gcomm://{self.others}",
            f"--wsrep-provider-options={provider}",
            f"--wsrep-sst-receive-address=127.0.0.1:{self.whole_port}",
            "--wsrep-sst-method=rsync",
            "--wsrep-slave-threads=2",
        )

    def start(self) -> None:
        """Start the node and return when it has joined the cluster."""
        super().start()
        wait_for(self.is_synced, 60)

    @contextmanager
    def connected(self) -> Iterator[Cursor]:
        """Its administrator, over the socket."""
        with (
            pymysql.connect(unix_socket=str(self.socket), user=self.admin, ssl_disabled=True) as connection,
            connection.cursor() as cursor,
        ):
            yield cursor

    def is_synced(self) -> bool:
        """Whether it holds all that the others hold."""
        try:
            with pymysql.connect(
                unix_socket=str(self.socket), user=self.admin, ssl_disabled=True
            ) as connection:
                cursor = connection.cursor()
                cursor.execute("SHOW STATUS LIKE 'wsrep_local_state_comment'")
                row = cursor.fetchone()
        except pymysql.MySQLError:
            return False
        return row is not None and row[1] == "Synced"


class PrivateGalera:
    """Three nodes."""

    def __init__(self) -> None:
        self.nodes = [Node(number) for number in range(NODES)]

    def start(self) -> None:
        """Start all of them; the first begins the cluster."""
        for node in self.nodes:
            node.install()
            node.start()
            node.others = ""
            for later in self.nodes[node.number + 1 :]:
                later.others = self._addresses()
        for node in self.nodes:
            node.others = self._addresses()

    def _addresses(self) -> str:
        return ",".join(f"127.0.0.1:{node.cluster_port}" for node in self.nodes)

    def create_database(self, name: str) -> None:
        """An empty database on all of them, and a user who may use it over TCP."""
        first = self.nodes[0]
        first.create_database(name)
        with pymysql.connect(
            unix_socket=str(first.socket), user=first.admin, ssl_disabled=True
        ) as connection:
            cursor = connection.cursor()
            cursor.execute("CREATE USER IF NOT EXISTS lgi@'127.0.0.1' IDENTIFIED BY 'secret'")
            cursor.execute(f"GRANT ALL ON `{name}`.* TO lgi@'127.0.0.1'")

    def address(self, name: str, first: int = 0) -> str:
        """The database's address for a server that prefers one node and falls back to the others."""
        order = [*self.nodes[first:], *self.nodes[:first]]
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in order)
        return f"mariadb://lgi:secret@{hosts}/{name}"

    def remove(self) -> None:
        """Stop all of them and remove their files."""
        for node in reversed(self.nodes):
            node.kill()
            node.remove()
