"""The bound of a job's memory by a real kernel: cgroups of version 2 in a scope of systemd."""

import re
from collections.abc import Iterator

import pytest

from tests.vm.image import Image
from tests.vm.machine import running
from tests.vm.site import CONFIGURATION, Site

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200)]
LIMIT = 200
HOLD = "python3 -c 'held = bytearray({} << 20); print(len(held))'"
SCOPE = "$(systemctl show --property=ControlGroup --value 'lgi-jobs-*.scope')"
CGROUPS = f"ls -d /sys/fs/cgroup{SCOPE}/job_*"
REASON = f"it used more than {LIMIT} MB"


@pytest.fixture(scope="module")
def site(image: Image, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A grid whose jobs may have 200 MB."""
    with running(image, tmp_path_factory.mktemp("vm"), "site") as (machine,):
        made = Site(machine)
        made.set_up(f"<job_max_memory> {LIMIT} </job_max_memory>")
        yield made


def test_a_daemon_says_how_it_bounds_memory(site: Site) -> None:
    """Once in its log, and in the option --check."""
    site.machine.run("journalctl -u lgi-daemon | grep 'job_max_memory is enforced by the kernel'")
    site.machine.run(f"LGI_daemon --check {CONFIGURATION} | grep 'job_max_memory is enforced by the kernel'")


def test_a_job_within_its_bound_runs_in_a_cgroup(site: Site) -> None:
    """Which has the limit of the job, is below the scope, and is gone when the job has ended."""
    path = "/sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup)"
    job_id = site.submit(f"cat {path}/memory.max; cut -d: -f3 /proc/self/cgroup; {HOLD.format(50)}")

    ended = site.ended(job_id)

    assert "[LGI: exit code 0]" in ended
    assert f"{LIMIT << 20}\n" in ended
    assert f"{50 << 20}\n" in ended
    assert re.search(r"/system\.slice/lgi-jobs-[0-9a-f]{16}\.scope/job_[0-9A-F]{32}\n", ended)
    assert "job_" not in site.machine.run(f"{CGROUPS} 2> /dev/null || true")


def test_a_job_that_needs_more_is_killed_by_the_kernel(site: Site) -> None:
    """Its end says the same as where the daemon adds its memory up."""
    ended = site.ended(site.submit(HOLD.format(4 * LIMIT)))

    assert "killed by signal 9" in ended or "exit code 137" in ended
    assert REASON in ended
    assert "Memory cgroup out of memory" in site.machine.run("journalctl -k")


def test_the_memory_of_all_processes_of_a_job_counts(site: Site) -> None:
    """What is left of a job of which the kernel has killed one process is killed, too."""
    hold = "python3 -c 'held = bytearray(120 << 20); import time; time.sleep(600)'"

    ended = site.ended(site.submit(f"{hold} & {hold} & sleep 600 & wait"))

    assert REASON in ended


def test_a_job_keeps_its_bound_while_its_daemon_is_restarted(site: Site) -> None:
    """The scope is not the unit of the daemon, which is stopped, killed and started beside the job."""
    job_id = site.submit("until [ -e /tmp/go ]; do sleep 1; done; " + HOLD.format(4 * LIMIT))
    site.machine.until(CGROUPS)

    site.machine.run("systemctl restart lgi-daemon; systemctl is-active lgi-daemon")
    before = site.machine.run(CGROUPS)
    site.machine.run("systemctl kill -s KILL --kill-whom=main lgi-daemon; systemctl stop lgi-daemon")
    assert site.machine.run(CGROUPS) == before
    site.machine.run("systemctl start lgi-daemon; systemctl is-active lgi-daemon; touch /tmp/go")

    ended = site.ended(job_id)
    assert REASON in ended
    assert "job_" not in site.machine.run(f"{CGROUPS} 2> /dev/null || true")


def test_a_job_that_ends_without_a_daemon_says_why(site: Site) -> None:
    """The next daemon reads what the kernel has counted, and removes the cgroup."""
    site.machine.run("rm -f /tmp/go")
    job_id = site.submit("until [ -e /tmp/go ]; do sleep 1; done; " + HOLD.format(4 * LIMIT))
    site.machine.until(CGROUPS)

    site.machine.run("systemctl stop lgi-daemon; touch /tmp/go")
    site.machine.until(f'test -z "$(cat $({CGROUPS})/cgroup.procs)"')
    site.machine.run("systemctl start lgi-daemon")

    assert REASON in site.ended(job_id)


def test_a_scope_ends_with_the_last_job_and_the_daemon(site: Site) -> None:
    """Nothing of LGI is left in the tree of systemd; the next daemon has a new scope."""
    site.machine.run("systemctl stop lgi-daemon")

    site.machine.until("! systemctl list-units --all | grep lgi-jobs-")
    site.machine.run("systemctl start lgi-daemon")

    assert "[LGI: exit code 0]" in site.ended(site.submit("true"))
    site.machine.run("systemctl list-units --all | grep lgi-jobs-")
