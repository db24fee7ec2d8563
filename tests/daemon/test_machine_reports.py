"""What a daemon says of its machine: to each server that takes exchanges, rarely, and when it has changed."""

from pathlib import Path

import pytest

from lgi_daemon.claiming.machine_reports import LONGEST, PERIOD
from lgi_daemon.config.rules import LimitRules
from lgi_daemon.files import machine_readings
from lgi_protocol.machine_size import usable
from lgi_protocol.machine_state import MachineState
from tests.support.workshop import SLOW, Workshop

GIGABYTE = 2**30


@pytest.fixture
def quiet(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """A resource on an idle machine, whose server takes exchanges."""
    monkeypatch.setattr(machine_readings, "load", lambda: 0.05)
    monkeypatch.setattr(machine_readings, "free_memory", lambda: 4 * GIGABYTE)
    workshop.server.exchange = 1
    return workshop


def told(workshop: Workshop) -> list[MachineState]:
    """All that the server was told."""
    return [one.machine for one in workshop.server.exchanges if one.machine is not None]


def test_a_server_is_told_of_the_machine_once(quiet: Workshop) -> None:
    """While nothing changes each further exchange is as it was before; after an hour it is said again."""
    daemon = quiet.daemon()
    quiet.tick(daemon)
    (first,) = told(quiet)

    quiet.tick(daemon, SLOW)
    again = len(told(quiet))
    for _cycle in range(int(LONGEST / SLOW)):
        quiet.tick(daemon, SLOW)

    assert len(quiet.server.exchanges) > 2
    assert (again, len(told(quiet))) == (1, 2)
    assert (first.slots, first.free_slots, first.load) == (10, 10, 0.05)
    assert first.system
    assert first.cores
    assert first.memory
    assert first.booted_at


def test_a_change_is_told_after_a_minute(quiet: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job takes a slot, and the load rises; what is read within a minute is not told."""
    daemon = quiet.daemon()
    quiet.tick(daemon)
    quiet.server.submit("1")

    quiet.tick(daemon, PERIOD)
    quiet.tick(daemon, SLOW)
    monkeypatch.setattr(machine_readings, "load", lambda: 7.0)
    quiet.tick(daemon, SLOW)

    slots = [(one.free_slots, one.load) for one in told(quiet)]
    assert (slots[0], slots[-1]) == ((10, 0.05), (9, 7.0))


def test_a_report_that_was_lost_is_sent_again(quiet: Workshop) -> None:
    """Whoever has not answered may not know it."""
    daemon = quiet.daemon()
    quiet.server.fail("exchange")

    quiet.tick(daemon)
    quiet.tick(daemon, SLOW)

    assert len(told(quiet)) >= 1


def test_a_machine_that_others_keep_busy_gets_jobs_last(
    quiet: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its load is that of its cores, if that is more than the part of its slots that is taken."""
    monkeypatch.setattr(machine_readings, "load", lambda: 0.75 * usable().cores)
    daemon = quiet.daemon()

    quiet.tick(daemon)

    assert quiet.server.loads[-1] == 70


def test_a_limit_of_the_site_counts_for_cores_and_memory(quiet: Workshop) -> None:
    """What jobs may request is said, and what those that are here leave of it."""
    quiet.rules = LimitRules({"any": 10}, (), 10, cpu_limit=6, memory_limit=3000)
    quiet.server.submit("1", specifics="<cpus> 2 </cpus> <memory> 500 </memory>")
    daemon = quiet.daemon()
    quiet.tick(daemon)
    quiet.tick(daemon, SLOW)

    last = told(quiet)[-1]

    assert (last.cores, last.free_cores, last.memory, last.free_memory) == (6, 4, 3000, 2500)


def test_a_machine_is_read_as_the_kernel_shows_it(tmp_path: Path) -> None:
    """Name of the system, and memory as its control group bounds it, without files that may be dropped."""
    (tmp_path / "os-release").write_text('NAME=Debian\nPRETTY_NAME="Debian 12"\n')
    (tmp_path / "proc" / "self").mkdir(parents=True)
    (tmp_path / "proc" / "meminfo").write_text("MemTotal: 8388608 kB\nMemAvailable: 4194304 kB\n")
    (tmp_path / "proc" / "self" / "cgroup").write_text("0::/one\n")
    group = tmp_path / "groups" / "one"
    group.mkdir(parents=True)
    group.joinpath("memory.max").write_text(f"{2 * GIGABYTE}\n")
    group.joinpath("memory.current").write_text(f"{GIGABYTE}\n")
    group.joinpath("memory.stat").write_text(f"anon 5\ninactive_file {GIGABYTE // 2}\n")

    free = machine_readings.free_memory(tmp_path / "proc", tmp_path / "groups")

    assert free == 3 * GIGABYTE // 2
    assert machine_readings.system(tmp_path / "os-release").startswith("Debian 12, Linux ")
    assert machine_readings.booted_at(tmp_path / "none") is None
