"""GPUs of a resource: jobs get as many as they request, each for itself, from a list of pretended devices."""

from pathlib import Path

import pytest

from lgi_daemon.jobs import script_variables
from lgi_daemon.loop.daemon import Daemon
from lgi_daemon.rundir import record
from lgi_protocol import gpu_devices
from tests.support.workshop import SLOW, Workshop, only, until

ONE, TWO = "<gpus> 1 </gpus>", "<gpus> 2 </gpus>"


@pytest.fixture
def machine(workshop: Workshop) -> Workshop:
    """A resource with three GPUs, whose jobs leave word of those that they see."""
    workshop.server.exchange = 1
    workshop.gpus = ("0", "1", "GPU-8a")
    workshop.write_script("job_run_script", 'echo "$CUDA_VISIBLE_DEVICES" > seen; : > is_running')
    return workshop


def devices(daemon: Daemon) -> dict[str, tuple[str, ...] | None]:
    """The GPUs of each job that is here."""
    return {job.record.job_id: job.record.gpus for job in daemon.jobs}


def test_jobs_get_gpus_of_their_own(machine: Workshop) -> None:
    """As many as each requests, and none for one that requests none; the fourth device is not there."""
    for job_id, specifics in (("1", TWO), ("2", ""), ("3", ONE), ("4", ONE)):
        machine.server.submit(job_id, specifics=specifics)
    daemon = machine.daemon()

    machine.tick(daemon)
    machine.tick(daemon, SLOW)

    found = devices(daemon)
    assert found == {"1": ("0", "1"), "2": (), "3": ("GPU-8a",)}
    assert machine.server.jobs["4"].state == "queued"
    for job in daemon.jobs:
        seen = job.run.files(job.record).path / "seen"
        until(seen.exists)
        assert seen.read_text() == ",".join(found[job.record.job_id] or ()) + "\n"


def test_gpus_of_a_job_that_has_ended_are_for_the_next(machine: Workshop) -> None:
    """They are free when the server knows the end of the job."""
    machine.gpus = ("7",)
    machine.server.submit("1", specifics=ONE)
    machine.server.submit("2", specifics=ONE)
    daemon = machine.daemon()
    machine.tick(daemon)
    before = devices(daemon)
    machine.marked(only(daemon), "is_finished")

    machine.tick(daemon, SLOW)
    machine.tick(daemon, SLOW)

    assert before == {"1": ("7",)}
    assert devices(daemon) == {"2": ("7",)}


def test_gpus_stay_with_their_jobs_over_a_restart(machine: Workshop) -> None:
    """The next daemon reads them from the records, and gives others to other jobs."""
    machine.server.submit("1", specifics=TWO)
    daemon = machine.daemon()
    machine.tick(daemon)

    daemon = machine.restart(daemon)
    machine.server.submit("2", specifics=ONE)
    machine.tick(daemon, SLOW)

    assert devices(daemon) == {"1": ("0", "1"), "2": ("GPU-8a",)}


def test_a_want_says_how_many_gpus_are_free(machine: Workshop) -> None:
    """A resource without GPUs says nothing of them, as before there were any."""
    machine.server.submit("1", specifics=TWO)
    daemon = machine.daemon()
    machine.tick(daemon)
    machine.tick(daemon, SLOW)

    (want,) = machine.server.exchanges[-1].wants
    assert want.gpus == 1
    assert [one.machine.gpus for one in machine.server.exchanges if one.machine][-1] == 3


def test_a_job_that_an_old_server_offers_is_left_without_gpus(workshop: Workshop) -> None:
    """It does not compare; the resource has none, or too few are free."""
    workshop.server.submit("1", specifics=ONE)
    daemon = workshop.daemon()

    workshop.tick(daemon)

    assert len(daemon.jobs) == 0
    assert workshop.server.jobs["1"].state == "queued"


def test_the_record_of_an_older_daemon_sets_nothing(machine: Workshop) -> None:
    """Its jobs see the devices that they saw before."""
    machine.server.submit("1", specifics=ONE)
    daemon = machine.daemon()
    machine.tick(daemon)
    stored = record.to_json(only(daemon).record)

    old = record.from_json(stored.replace(b'"gpus"', b'"unknown"'))

    assert record.from_json(stored).gpus == ("0",)
    assert old.gpus is None
    assert "CUDA_VISIBLE_DEVICES" not in script_variables.variables(old, Path("a"), Path("b"))


def test_gpus_are_named_or_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By numbers and UUIDs, or as nvidia-smi lists them."""
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\nprintf 'GPU 0: A (UUID: GPU-1)\\nGPU 1: A (UUID: GPU-2)\\n'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    assert gpu_devices.read("") == ()
    assert gpu_devices.read("0, GPU-8a-3,MIG-1/2") == ("0", "GPU-8a-3", "MIG-1/2")
    assert gpu_devices.read("nvidia-smi") == ("0", "1")


@pytest.mark.parametrize("text", ["0, 0", "a b", "-1", "$(id)", "0\n1", ", ".join(map(str, range(65)))])
def test_an_odd_list_of_gpus_is_refused(text: str) -> None:
    """The message names what is wrong."""
    with pytest.raises(ValueError, match="device"):
        gpu_devices.read(text)


def test_a_program_that_finds_no_gpus_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is missing, or fails because no driver is loaded."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ValueError, match="there is no program nvidia-smi: name the devices"):
        gpu_devices.read("nvidia-smi")
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\nexit 9\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    with pytest.raises(ValueError, match="nvidia-smi -L ends with status 9"):
        gpu_devices.read("nvidia-smi")
