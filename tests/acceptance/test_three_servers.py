"""A project with a master and two slaves, each with its own database."""

import itertools
from collections.abc import Iterator
from functools import partial

import pytest

from lgi_server.db.transaction import Transaction
from lgi_server.services.project import administration
from tests.acceptance.conftest import RESOURCE, DaemonProcess
from tests.support.grid import Grid, running, wait_for
from tests.support.mariadb import PrivateMariaDB
from tests.support.slaves import Scheduler, Slave, manage, rules

pytestmark = pytest.mark.slow

# Changes that a slave has missed, and how often its scheduler is killed while it fetches them.
MANY, KILLS = 150, 3


@pytest.fixture(scope="module")
def master(private_mariadb: PrivateMariaDB) -> Iterator[Grid]:
    """The master, on MariaDB, as LGI_setup leaves it."""
    with running(Grid(private_mariadb.create_database("master")), cleared=False) as made:
        yield made


@pytest.fixture(scope="module")
def slaves(master: Grid, private_mariadb: PrivateMariaDB) -> Iterator[list[Slave]]:
    """Two slaves, one on each kind of database."""
    made: list[Slave] = []
    try:
        for name, database in (("LGI@two", ""), ("LGI@three", private_mariadb.create_database("slave"))):
            made.append(Slave(master, name, database))
            made[-1].start()
        yield made
    finally:
        for slave in made:
            slave.remove()


def test_a_new_slave_knows_what_the_master_knows(master: Grid, slaves: list[Slave]) -> None:
    """One command on each side copies rules, resources, servers and versions."""
    wait_for(lambda: all(rules(slave) == rules(master) for slave in slaves))

    told = master.user().post("interface_project_server_list").all("project_server")
    assert {server.strip() for server in told} == {slave.url for slave in slaves}


def test_a_change_on_the_master_is_at_its_slaves_in_seconds(master: Grid, slaves: list[Slave]) -> None:
    """ManageDB notifies the slaves; no scheduler runs here."""
    manage(master, "add", "users", "denied", "--name", "eve@desk", "--application", "any", "--servers", "any")
    wait_for(lambda: all(slave.rows("SELECT * FROM users_denied") for slave in slaves))

    wait_for(lambda: all(rules(slave) == rules(master) for slave in slaves))


def test_a_slave_that_was_away_catches_up(master: Grid, slaves: list[Slave]) -> None:
    """It fetches any number of changes; the administrator gets the names of servers that did not answer."""
    away = slaves[0]
    away.stop()
    for number in range(2):
        words = ("--name", f"user{number}@desk", "--application", "any", "--servers", "any")
        said = manage(master, "add", "users", "denied", *words)
    behind = rules(away)
    away.start()
    scheduler = Scheduler(away)
    try:
        wait_for(lambda: rules(away) == rules(master))
    finally:
        scheduler.kill()

    assert f"{away.server_name} did not answer" in said
    assert slaves[1].server_name not in said
    assert behind != rules(master)


def test_a_change_for_one_server_is_noted_by_the_other(master: Grid, slaves: list[Slave]) -> None:
    """Versions are global, but only the named server applies the change."""
    wanted = ("--name", "only@two", "--application", "any", "--servers", slaves[0].server_name)
    manage(master, "add", "users", "denied", *wanted)
    wait_for(lambda: all(newest(slave) == newest(master) for slave in slaves))

    everyone = [*slaves, master]
    found = [bool(one.rows("SELECT * FROM users_denied WHERE user_name = 'only@two'")) for one in everyone]
    manage(master, "del", "users", "denied", *wanted)
    wait_for(lambda: rules(slaves[0]) == rules(master))
    assert found == [True, False, False]


def newest(grid: Grid) -> int:
    """Return the version of the newest change on a server."""
    return int(str(grid.rows("SELECT MAX(version) AS n FROM updates")[0]["n"]))


def test_users_submit_anywhere_and_one_daemon_works_for_all(master: Grid, slaves: list[Slave]) -> None:
    """It knows the master only. When one server stops the others continue; its job is done afterwards."""
    certificate = master.people.resource(RESOURCE).certificate
    words = ("--name", RESOURCE, "--url", RESOURCE, "--certificate", str(certificate))
    manage(master, "add", "resources", "allowed", *words, "--project-server", "0", "--servers", "any")
    daemon = DaemonProcess(master)
    try:
        daemon.start()
        everyone = [master, *slaves]
        wait_for(lambda: all(_offered(grid) for grid in everyone))
        jobs = [(grid, grid.user().submit(input=b"hi".hex())) for grid in everyone]
        wait_for(lambda: all(grid.user().state(job) == "finished" for grid, job in jobs))
        exchanged = [
            grid.rows("SELECT job_id FROM job_queue WHERE daemon_reference <> ''") for grid in everyone
        ]

        late = slaves[1].user().submit(input=b"late".hex())
        slaves[1].stop()
        meanwhile = [(grid, grid.user().submit(input=b"hi".hex())) for grid in everyone[:2]]
        wait_for(lambda: all(grid.user().state(job) == "finished" for grid, job in meanwhile))
        slaves[1].start()
        wait_for(lambda: slaves[1].user().state(late) == "finished")
    finally:
        daemon.remove()
    assert exchanged == [[{"job_id": job}] for _grid, job in jobs]


def _offered(grid: Grid) -> bool:
    rows = grid.rows("SELECT resource_capabilities FROM active_resources WHERE resource_name = %s", RESOURCE)
    return bool(rows) and "hello_world" in str(rows[0]["resource_capabilities"])


def test_each_change_is_made_once_wherever_a_scheduler_is_killed(master: Grid, slaves: list[Slave]) -> None:
    """A change made twice would not pass: each is an INSERT under a key."""
    slave = slaves[0]
    numbers = itertools.count()
    # A scheduler may have fetched all before it is killed: that one does not count.
    killed_between = 0
    for _ in range(20):
        if killed_between == KILLS:
            break
        if newest(slave) == newest(master):
            _deny_many(master, slave, numbers)
        before = newest(slave)
        scheduler = Scheduler(slave)
        wait_for(lambda: newest(slave) > before)  # noqa: B023
        scheduler.kill()
        killed_between += newest(slave) < newest(master)
    scheduler = Scheduler(slave)
    wait_for(lambda: newest(slave) == newest(master))
    scheduler.kill()

    assert killed_between == KILLS
    assert rules(slave) == rules(master)


def _deny_many(master: Grid, slave: Slave, numbers: Iterator[int]) -> None:
    """Make many changes that a slave misses."""
    slave.stop()
    for number in itertools.islice(numbers, MANY):
        master.database.run(partial(_deny, number=number))
    slave.start()


def _deny(transaction: Transaction, number: int) -> int:
    return administration.deny(transaction, "user", f"many{number}@desk", "any", "any")
