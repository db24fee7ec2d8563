"""README.md's eight commands between two machines with systemd; units at a reboot, and wrong ones."""

from collections.abc import Iterator

import pytest

from tests.packages import readme
from tests.vm.image import Image
from tests.vm.machine import Machine, running
from tests.vm.site import SET_UP_SECONDS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200)]
UNITS = "lgi-server lgi-daemon"
CONFIGURATION = "/etc/lgi/server/LGI_server.cfg"
SET_UP = readme.on_server()[2]
# Only the daemon, which starts jobs under uids of their own, is root's.
ACCOUNTS = "ps -C LGI_daemon,LGI_server -o comm=,user= | sort -u"
# In brackets, or the shell that asks would be found too.
SCHEDULER = "ps -o user= -p $(pgrep -f [l]gi_server.cli.scheduler)"


@pytest.fixture(scope="module")
def machines(image: Image, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Machine]]:
    """The server's machine and Anna's; the packages are installed, so that two of four commands are done."""
    with running(image, tmp_path_factory.mktemp("vm"), readme.SERVER, "desk") as made:
        made[1].run(f"useradd --create-home --shell /bin/sh {readme.USER}")
        yield made


@pytest.fixture(scope="module")
def server(machines: list[Machine]) -> Machine:
    """The server's machine, after the first job of Anna."""
    assert readme.work(*machines).splitlines()[-1] == readme.SERVER
    return machines[0]


def test_a_second_person_runs_a_job_from_another_machine(server: Machine, machines: list[Machine]) -> None:
    """The units are started, and will be with the machine; each under its account."""
    assert server.run(f"systemctl is-enabled {UNITS}") == "enabled\n" * 2
    assert server.run(f"systemctl is-active {UNITS}") == "active\n" * 2
    assert server.run(ACCOUNTS).split() == ["LGI_daemon", "root", "LGI_server", "lgi"]
    assert server.run(SCHEDULER) == "lgi\n"
    assert server.run("systemctl --failed --no-legend") == ""
    # The scheduler has a unit for machines without a server; here the server starts one.
    assert server.run("systemctl is-enabled lgi-scheduler || true") == "disabled\n"
    assert "desk" in machines[1].run("hostname")


def test_a_grid_that_was_started_passes_its_check(server: Machine) -> None:
    """Every topic is fine, and a job of the check's own has run."""
    printed = server.run(f"LGI_setup check --job /etc/lgi/root.LGI {CONFIGURATION}", timeout=SET_UP_SECONDS)

    assert {line.split()[0] for line in printed.splitlines()} == {"ok"}, printed


def test_a_grid_survives_a_reboot_of_its_machine(server: Machine, machines: list[Machine]) -> None:
    """Nobody starts anything; Anna's next job runs."""
    server.reboot()

    # Given both, it is content with one.
    for unit in UNITS.split():
        server.until(f"systemctl is-active {unit}")
    printed = machines[1].run(readme.on_desk()[3], user=readme.USER)

    assert printed.splitlines()[-1] == readme.SERVER
    assert server.run("systemctl --failed --no-legend") == ""
    assert "ERROR" not in server.run(f"LGI_setup check {CONFIGURATION}")


def test_a_port_that_others_have_is_named(server: Machine) -> None:
    """By the set-up, by the check, and by the unit, which goes on when the port is free."""
    server.run("systemctl stop lgi-server")
    server.run("systemd-run -q --unit=other python3 -m http.server 8443")
    server.until("python3 -c 'import socket; socket.create_connection((\"localhost\", 8443))'")

    set_up = server.run(f"{SET_UP} 2>&1 && exit 1 || true", timeout=SET_UP_SECONDS)
    checked = server.run(f"LGI_setup check {CONFIGURATION} && exit 1 || true")
    server.run("systemctl start lgi-server && exit 1 || true")
    server.until("journalctl -u lgi-server | grep -i 'address already in use'")
    server.run("systemctl stop other")

    assert "something else has its port: https://lgi.example.org:8443/LGI does not answer here" in set_up
    assert "https://lgi.example.org:8443/LGI does not answer here" in checked
    server.until("systemctl is-active lgi-server")


def test_a_unit_that_is_wrong_is_reported_with_its_log(server: Machine) -> None:
    """Here it names a configuration that is not there; the set-up says so, and repairs nothing."""
    place = "/etc/systemd/system/lgi-server.service.d"
    server.run(
        f"systemctl stop lgi-server; mkdir -p {place}; printf '[Service]\\nExecStart=\\n"
        f"ExecStart=/usr/bin/LGI_server /etc/lgi/no.cfg\\n' > {place}/wrong.conf"
    )

    set_up = server.run(f"{SET_UP} 2>&1 && exit 1 || true", timeout=SET_UP_SECONDS)
    # Otherwise systemd may be about to start the wrong one again.
    server.run(f"systemctl stop lgi-server; rm -r {place}")
    again = server.run(SET_UP, timeout=SET_UP_SECONDS)

    assert "Job for lgi-server.service failed" in set_up
    assert "/etc/lgi/no.cfg" in set_up
    assert "systemd has started lgi-server.service" in again
    assert server.run("systemctl is-active lgi-server") == "active\n"
