"""The health of a server, on a page for administrators: what is wrong, and what to do."""

import time
from collections.abc import Callable

import pytest

from lgi_protocol import expiry
from lgi_server.auth.crl import Revocation
from lgi_server.services.project import health
from lgi_server.services.project.health import HealthCheck, Level
from tests.support.grid import Grid
from tests.support.pages import Browser, register

DAY = 86_400
Look = Callable[..., dict[str, HealthCheck]]


@pytest.fixture
def look(grid: Grid, monkeypatch: pytest.MonkeyPatch) -> Look:
    """Returns the checks of a server by their subjects, at a time that is this number of seconds from now.

    The load and the disk of this machine, and the servers of other tests, are left out.
    """
    monkeypatch.setattr(health, "SLOW", 60.0)
    monkeypatch.setattr(health, "FEW", 0.0)
    grid.run("DELETE FROM server_heartbeats")

    def checks(ahead: int = 0) -> dict[str, HealthCheck]:
        revocation = Revocation(None, grid.config.ca_certificate)
        when = int(time.time()) + ahead
        found = grid.database.run(
            lambda one: health.checks(one, grid.config, "LGI", revocation, when), write=False
        )
        return {one.subject: one for one in found}

    return checks


def test_a_server_that_is_well_has_no_advice(grid: Grid, look: Look) -> None:
    """Database, disks, scheduler and certificates; only the missing revocation list is named."""
    grid.resource()

    found = look()

    assert {"Database", "Disk of the repositories", "Scheduler", "Certificate of the CA"} <= set(found)
    assert found["Certificates of resources"].text == "2 are valid for 30 days and more"
    unwell = [one.subject for one in found.values() if one.level != Level.WELL]
    assert unwell == ["Revocation list"]
    assert not any(one.advice for one in found.values() if one.level == Level.WELL)


def test_a_certificate_that_expires_is_named_before_it_does(grid: Grid, look: Look) -> None:
    """A warning in its last month, an error afterwards; those of resources each by name."""
    grid.resource()
    end = expiry.not_after(grid.config.ca_certificate).timestamp() - time.time()
    near, far = look(ahead=int(end) - 9 * DAY), look(ahead=int(end) + DAY)

    assert near["Certificate of the CA"].level == Level.WARNING
    assert far["Certificate of the CA"].level == Level.ERROR
    assert far["Certificate of res1@cluster"].level == Level.ERROR
    assert far["Certificate of res1@cluster"].advice == "renew it with LGI_certificates renew"


@pytest.mark.parametrize(("late", "level"), [(30, Level.WELL), (90, Level.WARNING), (900, Level.ERROR)])
def test_a_scheduler_that_is_late_is_named(grid: Grid, look: Look, late: int, level: Level) -> None:
    """By its first event that is due."""
    grid.run("DELETE FROM event_queue")
    grid.run("INSERT INTO event_queue VALUES (%s, 'check_updates')", int(time.time()) - late)

    assert look()["Scheduler"].level == level


def test_servers_without_a_heartbeat_are_down(grid: Grid, look: Look) -> None:
    """Each front end that has stored heartbeats in the last days."""
    now = int(time.time())
    for name, ago in (("one 0.0.0.0:1443", 5), ("two 0.0.0.0:1443", 500)):
        grid.run("REPLACE INTO server_heartbeats VALUES (%s, %s, %s)", name, now - 900, now - ago)

    found = look()

    assert found["Server one 0.0.0.0:1443"].level == Level.WELL
    assert found["Server two 0.0.0.0:1443"].level == Level.WARNING
    grid.run("DELETE FROM server_heartbeats WHERE server LIKE %s", "%0.0.0.0:1443")


def test_a_slave_that_fetches_no_updates_is_named(grid: Grid, look: Look) -> None:
    """By its last call to this master."""
    now = int(time.time())
    register(grid, "near@slave", now - 60, role=2)
    register(grid, "far@slave", now - DAY, role=2)

    found = look()

    assert found["Slave near@slave"].level == Level.WELL
    assert found["Slave far@slave"].level == Level.WARNING


@pytest.mark.one_database
def test_the_page_has_what_is_wrong_first(grid: Grid) -> None:
    """Title and state say so; names of resources stay text; users are refused."""
    register(grid, "x@<script>alert(1)</script>", 0, role=2)
    admin = Browser(grid, "root@desk", ("admin",)).get("administration/health")
    user = Browser(grid).get("administration/health")

    rows = admin.tree.xpath("//tbody/tr")
    levels = [row.xpath(".//span")[0].text_content() for row in rows]
    assert levels == sorted(levels, key=["error", "warning", "well"].index)
    assert "to look at: Health" in admin.tree.xpath("//title/text()")[0]
    assert admin.tree.xpath("//script[not(@src)]") == []
    assert (user.status, "Database" in user.text) == (403, False)
