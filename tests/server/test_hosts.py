"""Several hosts of one database: which is asked first."""

import pytest

from lgi_server.config import database
from lgi_server.config.database import parse_hosts
from lgi_server.db.failover import AWAY_SECONDS, Hosts


def test_hosts_are_asked_in_the_order_of_the_address() -> None:
    """The default port is that of MariaDB."""
    hosts = Hosts(parse_hosts("db1, db2:3307,[::1]:3308"))

    assert hosts.ordered() == [("db1", 3306), ("db2", 3307), ("::1", 3308)]


def test_a_host_that_does_not_answer_is_asked_last_for_a_while() -> None:
    """Finding out again at each connection would cost seconds each time."""
    now = 100.0
    hosts = Hosts(parse_hosts("db1,db2"), lambda: now)

    hosts.mark_unreachable(("db1", 3306))
    meanwhile = hosts.ordered()
    now += AWAY_SECONDS
    later = hosts.ordered()

    assert [name for name, _ in meanwhile] == ["db2", "db1"]
    assert [name for name, _ in later] == ["db1", "db2"]


def test_all_hosts_are_asked_when_all_are_away() -> None:
    """One of them may be back."""
    hosts = Hosts(parse_hosts("db1,db2"))
    for host in hosts.ordered():
        hosts.mark_unreachable(host)

    assert [name for name, _ in hosts.ordered()] == ["db1", "db2"]


@pytest.mark.parametrize("hosts", ["db1:port", "db1:99999,db2"])
def test_an_invalid_port_is_refused_with_its_line(hosts: str) -> None:
    """The error is raised when the configuration is read."""
    with pytest.raises(ValueError, match=r"[Pp]ort"):
        database.parse_address(f"mariadb://u@{hosts}/LGI")
