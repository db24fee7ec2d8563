"""LGI_setup with MariaDB: the account and database that it makes, and what a failure leaves: nothing."""

import subprocess
from pathlib import Path
from urllib.parse import quote

import pymysql
import pytest

from lgi_server.config import parser as configuration
from lgi_server.db import schema
from tests.support.grid import BIN
from tests.support.mariadb import PrivateMariaDB

pytestmark = pytest.mark.slow
Result = subprocess.CompletedProcess[str]


@pytest.fixture
def server(private_mariadb: PrivateMariaDB) -> PrivateMariaDB:
    """A MariaDB without the account and database of a grid."""
    ask(private_mariadb, "DROP DATABASE IF EXISTS `theory_1`")
    ask(private_mariadb, "DROP USER IF EXISTS theorist@localhost")
    return private_mariadb


def ask(server: PrivateMariaDB, sql: str) -> list[str]:
    """The first column of a query of MariaDB's administrator."""
    with pymysql.connect(unix_socket=str(server.socket), user=server.admin, ssl_disabled=True) as connection:
        cursor = connection.cursor()
        cursor.execute(sql)
        return [str(row[0]) for row in cursor.fetchall()]


def made_there(server: PrivateMariaDB) -> list[str]:
    """The account and the database of a grid, as far as they exist."""
    accounts = ask(server, "SELECT User FROM mysql.user WHERE User = 'theorist'")
    return accounts + ask(server, "SHOW DATABASES LIKE 'theory\\_1'")


def set_up(directory: Path, server: PrivateMariaDB, *words: str) -> Result:
    """Run LGI_setup grid with a database that MariaDB's administrator makes."""
    socket = quote(str(server.socket))
    command = [
        *(BIN / "LGI_setup", "grid", "--directory", directory, "--url=https://localhost:8443/LGI"),
        *("--admin=mark@laptop", f"--database=mariadb://theorist@localhost/theory_1?socket={socket}"),
        *(f"--database-admin=mariadb://{server.admin}@localhost/?socket={socket}", *words),
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_administrators_account_of_mariadb_makes_the_grids(
    tmp_path: Path, server: PrivateMariaDB
) -> None:
    """Its password is in a file for the server alone; it may use its own database and no other."""
    made = set_up(tmp_path, server)

    assert (made.returncode, made.stderr) == (0, "")
    password = tmp_path / "server" / "LGI.password"
    assert password.stat().st_mode & 0o777 == 0o600
    config = configuration.load(tmp_path / "server" / "LGI_server.cfg")
    schema.check("LGI", config.projects["LGI"].database)
    grants = ask(server, "SHOW GRANTS FOR theorist@localhost")
    assert [line for line in grants if "ON `" in line] == [
        "GRANT ALL PRIVILEGES ON `theory\\_1`.* TO `theorist`@`localhost`"
    ]
    before = password.read_text()
    assert "Nothing was changed." in set_up(tmp_path, server).stdout
    assert password.read_text() == before


def test_a_set_up_that_fails_later_removes_the_account_and_the_database(
    tmp_path: Path, server: PrivateMariaDB
) -> None:
    """Here the administrator's directory is in use; when it is gone the same command succeeds."""
    (tmp_path / "mark.LGI").mkdir()
    (tmp_path / "mark.LGI" / "user").write_text("someone\n")

    failed = set_up(tmp_path, server)
    left = made_there(server)
    (tmp_path / "mark.LGI" / "user").unlink()
    made = set_up(tmp_path, server)

    assert failed.returncode == 1
    assert left == []
    assert made.returncode == 0
    assert made_there(server) == ["theorist", "theory_1"]


def test_an_account_of_others_is_never_taken(tmp_path: Path, server: PrivateMariaDB) -> None:
    """It and its database stay, and the message names them."""
    ask(server, "CREATE DATABASE `theory_1`")

    made = set_up(tmp_path / "grid", server)

    assert made.returncode == 1
    assert "MariaDB has the database theory_1 already: choose other names in --database" in made.stderr
    assert made_there(server) == ["theory_1"]
    assert not (tmp_path / "grid").exists()


@pytest.mark.parametrize("command", ["grid", "new"])
def test_a_wrong_password_does_not_spoil_the_next_try(
    tmp_path: Path, server: PrivateMariaDB, command: str
) -> None:
    """The try with the right one succeeds in the same directory."""
    ask(server, "CREATE DATABASE `theory_1`")
    ask(server, "CREATE USER theorist@localhost IDENTIFIED BY 'right'")
    ask(server, "GRANT ALL ON `theory_1`.* TO theorist@localhost")
    place = tmp_path / "grid"
    if command == "new":
        for words in (("init",), ("server", "localhost"), ("resource", "LGI@localhost")):
            made = [BIN / "LGI_certificates", "--directory", tmp_path / "certificates", *words]
            subprocess.run(made, check=True, capture_output=True)

    def attempt(password: str) -> Result:
        address = f"mariadb://theorist:{password}@localhost/theory_1?socket={server.socket}"
        words = {
            "grid": ("grid", "--directory", place, "--admin=mark@laptop"),
            "new": (place, f"--certificates={tmp_path / 'certificates'}"),
        }[command]
        line = [BIN / "LGI_setup", *words, "--url=https://localhost:8443/LGI", f"--database={address}"]
        return subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)

    wrong = attempt("wrong")
    left = place.exists()
    right = attempt("right")

    assert (wrong.returncode, left) == (1, False)
    assert "Access denied for user 'theorist'@'localhost'" in wrong.stderr
    assert (right.returncode, right.stderr) == (0, "")
