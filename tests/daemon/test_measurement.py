"""What a daemon knows of the resources that a job has used, measured at its end."""

import os
from pathlib import Path

import pytest

from lgi_daemon.execution.children import ForkServer, Program
from lgi_daemon.execution.job_cgroups import JobCgroups
from lgi_daemon.execution.scripts import ScriptContext
from lgi_daemon.jobs import measurement
from lgi_protocol.job_usage import NO_USAGE, JobUsage
from tests.support.workshop import Workshop, only, until

from .conftest import Write

A_JOB = "A" * 32


def test_a_fork_server_tells_what_a_job_and_its_processes_have_used(
    write: Write, here: ScriptContext
) -> None:
    """Time of all, and the memory of the largest; once."""
    server = ForkServer()
    script = write("x=$(head -c 20000000 /dev/zero | tr '\\0' x); (head -c 30000000 /dev/zero | wc -c)")
    program = Program([str(script)], here.directory, here.environment(), uid=here.uid, is_job=True)
    child = server.start(program)
    assert server.usage_of(child.pid, 0) == NO_USAGE

    child.release()
    used = JobUsage()

    def is_told() -> bool:
        nonlocal used
        used = server.usage_of(child.pid, 0.1)
        return used != NO_USAGE

    until(is_told)
    assert 10 <= (used.cpu_milliseconds or 0) < 20_000
    assert 20 * 10**6 <= (used.peak_memory or 0) < 200 * 10**6
    assert server.usage_of(child.pid, 0) == NO_USAGE
    server.close()


def test_a_cgroup_tells_what_all_processes_of_a_job_have_used(place: Path) -> None:
    """The peak is not counted by every kernel."""
    cgroups = JobCgroups(place)
    assert cgroups.usage(A_JOB) == NO_USAGE
    cgroups.enter(A_JOB, 17, 100)
    made = place / f"job_{A_JOB}"
    assert cgroups.usage(A_JOB) == NO_USAGE

    (made / "cpu.stat").write_text("usage_usec 1234567\nuser_usec 1000000\n")
    assert cgroups.usage(A_JOB) == JobUsage(1234)

    (made / "memory.peak").write_text("4096\n")
    assert cgroups.usage(A_JOB) == JobUsage(1234, 4096)


@pytest.mark.parametrize(
    ("times", "milliseconds"),
    [
        ("0m0.02s 0m0.01s\n1m1.500s 0m2,250s\n", 63_780),
        ("", None),
        ("nonsense", None),
        ("-1m0.5s\n", 60_500),
        ("9999999999m1.0s", None),
    ],
)
def test_the_times_that_a_script_has_stored_are_added_up(
    workshop: Workshop, times: str, milliseconds: int | None
) -> None:
    """As every shell prints them, also with the comma of some languages."""
    workshop.server.submit("1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    job = only(daemon)
    stored = job.run.state(job.record) / measurement.TIMES
    stored.write_text(times)
    if (owner := job.run.files(job.record).owner) is not None:
        os.chown(stored, owner, owner)

    used = measurement.usage_of(job)

    assert used.cpu_milliseconds == milliseconds
    assert used.peak_memory is None
    assert (used.disk_used or 0) > 0


def test_a_link_is_not_followed_for_the_times_of_a_job(workshop: Workshop, tmp_path: Path) -> None:
    """The job can write what it wants in its state directory."""
    workshop.server.submit("1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    job = only(daemon)
    (tmp_path / "other").write_text("1m0.0s")
    (job.run.state(job.record) / measurement.TIMES).symlink_to(tmp_path / "other")

    assert measurement.usage_of(job).cpu_milliseconds is None
