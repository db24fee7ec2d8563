"""The check_system_limits_script of a resource says no: this is logged, and reported to the server."""

import logging

import pytest

from lgi_daemon.files import machine_readings
from lgi_protocol import xml
from lgi_protocol.capabilities import unavailable_reason
from tests.support.workshop import SLOW, Workshop


def said(workshop: Workshop) -> list[str]:
    """Why no jobs of hello_world are taken, by each sign-up that says something of the resource."""
    return [unavailable_reason(one, "hello_world") for one in workshop.server.capabilities if one]


def test_a_script_that_says_no_is_logged_once_and_again_when_it_changes(
    workshop: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    """Joined with SLURM where none is, a daemon waited in silence."""
    workshop.write_script("check_system_limits_script", "echo 'no squeue' >&2; exit 127")
    daemon = workshop.daemon()
    logging.getLogger("lgi_daemon").propagate = True

    with caplog.at_level(logging.INFO, "lgi_daemon.claiming.system_limits"):
        workshop.tick(daemon)
        workshop.tick(daemon, SLOW)
        workshop.write_script("check_system_limits_script", "exit 3")
        workshop.tick(daemon, SLOW)
        workshop.write_script("check_system_limits_script", "exit 0")
        workshop.tick(daemon, SLOW)
        workshop.tick(daemon, SLOW)

    told = [(one.levelname, one.getMessage()) for one in caplog.records]
    assert told == [
        (
            "WARNING",
            "not fetching jobs of LGI/hello_world: check_system_limits_script exits with 127: no squeue",
        ),
        ("WARNING", "not fetching jobs of LGI/hello_world: check_system_limits_script exits with 3"),
        ("INFO", "fetching jobs of LGI/hello_world again: check_system_limits_script allows them"),
    ]


def test_the_server_is_told_in_the_same_cycle_and_when_it_is_over(workshop: Workshop) -> None:
    """LGI_explain shows the reason to users; nothing is sent while nothing changes."""
    reason = "check_system_limits_script exits with 1: a < b & c"
    workshop.write_script("check_system_limits_script", "echo begin; echo 'a < b & c' >&2; echo; exit 1")
    daemon = workshop.daemon()

    workshop.tick(daemon)
    first = said(workshop)
    workshop.tick(daemon, SLOW)
    second = said(workshop)
    workshop.write_script("check_system_limits_script", "")
    workshop.tick(daemon, SLOW)

    assert first == ["", reason]
    assert second == ["", reason, reason]
    assert said(workshop) == ["", reason, reason, reason, ""]
    assert workshop.server.sessions == set()


def test_the_capabilities_stay_readable_whatever_a_script_prints(workshop: Workshop) -> None:
    """Control characters would have the server refuse the sign-up, and with it all jobs."""
    workshop.write_script("check_system_limits_script", "printf '\\033[1m%0999d</unavailable>' 7; exit 1")
    daemon = workshop.daemon()

    workshop.tick(daemon)

    capabilities = workshop.server.capabilities[-1]
    xml.check_fragment(capabilities)
    assert unavailable_reason(capabilities, "hello_world").startswith(
        "check_system_limits_script exits with 1: [1m000"
    )
    assert len(unavailable_reason(capabilities, "hello_world")) <= 200


def test_a_script_that_cannot_be_started_is_told_too(workshop: Workshop) -> None:
    """As one whose interpreter is not there."""
    (workshop.originals / "check_system_limits_script").write_text("#!/nowhere/sh\n")
    daemon = workshop.daemon()

    workshop.tick(daemon)

    assert said(workshop)[-1].startswith("check_system_limits_script exits with 12")
    assert workshop.server.made("request_work") == []


@pytest.mark.parametrize("exchange", [0, 1])
def test_a_load_above_its_limit_stops_the_search_for_jobs(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, exchange: int
) -> None:
    """The server is told why; a load that is hardly below the limit again is still too high."""
    loads = [12.5, 11.5, 10.5]
    workshop.load_limit, workshop.server.exchange = 12, exchange
    monkeypatch.setattr(machine_readings, "load", lambda: loads[0])
    workshop.server.submit("1")
    daemon = workshop.daemon()

    found = []
    while loads:
        workshop.tick(daemon, SLOW)
        found.append(len(daemon.jobs))
        del loads[0]

    assert found == [0, 0, 1]
    assert "the load of 12.5 is above the load_limit of 12" in said(workshop)
    assert said(workshop)[-1] == ""


def test_a_load_means_nothing_without_a_limit(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """As before there was one."""
    monkeypatch.setattr(machine_readings, "load", lambda: 500.0)
    workshop.server.submit("1")
    daemon = workshop.daemon()

    workshop.tick(daemon)

    assert len(daemon.jobs) == 1
