"""Fixtures of the server's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lgi_server.db import open_database, schema
from lgi_server.db.pool import Database
from tests.support.grid import running
from tests.support.mariadb import PrivateMariaDB
from tests.support.power_cut import MortalGrid, PowerCut


@pytest.fixture(params=["sqlite", "mariadb"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty project database of either kind, without a server."""
    if request.param == "sqlite":
        made = open_database(f"sqlite:{tmp_path / 'LGI.sqlite'}")
    else:
        server: PrivateMariaDB = request.getfixturevalue("private_mariadb")
        made = open_database(server.create_database("without_server"))
    schema.make(made)
    yield made
    made.close()


@pytest.fixture(params=["sqlite", "mariadb"])
def mortal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MortalGrid]:
    """A server whose worker can be killed before any write, on each kind of database."""
    address = "sqlite:LGI.sqlite"
    if request.param == "mariadb":
        server: PrivateMariaDB = request.getfixturevalue("private_mariadb")
        address = server.create_database("power_cut")
    with running(MortalGrid(address, PowerCut(tmp_path))) as made:
        yield made
