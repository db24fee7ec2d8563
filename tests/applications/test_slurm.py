"""`command` on a real SLURM: one node, started for the tests."""

from pathlib import Path

import pytest

from tests.support.bench import Bench, until
from tests.support.uids import UID

from .slurm import Slurm

pytestmark = pytest.mark.slow

NOBODY = 65534
SETTINGS = "cache_seconds=0\ngrace=2\ntimeout=30\nmax_cpus=2\nmax_nodes=9\nmax_memory=9000\n"


def job(slurm: Slurm, place: Path, number: int, input: bytes, specifics: str = "") -> Bench:
    """A job for the cluster, under the uid of an account that is not root."""
    made = Bench(
        place, f"{slurm.settings}{SETTINGS}", input, specifics, reference=f"{number:032X}", uid=NOBODY
    )
    made.remove_answers()
    return made


def test_a_job_comes_back_with_its_output_and_exit_code(running_slurm: Slurm, place: Path) -> None:
    """The cores it asked for are those SLURM gave it, and it runs as its own user."""
    done = job(
        running_slurm, place, 1, b"echo $OMP_NUM_THREADS $SLURM_CPUS_ON_NODE; id -u; exit 3", "<cpus>2</cpus>"
    )

    assert done.finish() == f"2 2\n{NOBODY}\n[LGI: exit code 3]\n"


def test_a_controller_that_is_away_ends_no_job(running_slurm: Slurm, place: Path) -> None:
    """It is running before, unknown meanwhile, and running after; an abort waits for the controller."""
    running = job(running_slurm, place, 2, b"sleep 100")
    running.begin().wait(60)
    until(lambda: (running.own / "started").exists())

    running_slurm.stop("slurmctld")
    patient = running.settings
    # Its commands wait for the controller as long as they may.
    running.settings += "timeout=2\n"
    states = [running.state(), running.state()]
    work, aborted = running.ask("check_system_limits"), running.ask("job_abort")
    running_slurm.start_controller()
    running.settings = patient
    until(lambda: running.ask("check_system_limits") == 0)

    assert states == ["running", "running"]
    assert work != 0
    assert aborted != 0
    assert running.state() == "running"
    until(lambda: running.ask("job_abort") == 0)
    until(lambda: running_slurm.call("squeue", "-h", "-o", "%i").split() == [])


def test_a_job_cancelled_by_somebody_else_says_how_it_ended(running_slurm: Slurm, place: Path) -> None:
    """SLURM asks it to end first, so that it has time for its exit code."""
    running = job(running_slurm, place, 3, b"exec sleep 100")
    running.begin().wait(60)
    until((running.own / "stderr").exists)

    running_slurm.call("scancel", "--full", running.mark("id"))
    until(lambda: running.state() == "finished")
    running.ask("job_epilogue")

    assert running.output().endswith("[LGI: exit code 143]\n")


def test_a_job_that_never_ran_ends_with_the_word_of_slurm(running_slurm: Slurm, place: Path) -> None:
    """It was cancelled in the queue: it is finished with a message, and not submitted again."""
    waiting = job(running_slurm, place, 9, b"touch ran")
    waiting.settings += "submit_options=--hold\n"
    waiting.begin().wait(60)
    state = waiting.state()

    running_slurm.call("scancel", waiting.mark("id"))
    until(lambda: waiting.state() == "finished")
    waiting.ask("job_epilogue")

    assert state == "running"
    assert waiting.output().endswith("the job ended unexpectedly: slurm reports CANCELLED]\n")
    assert not (waiting.directory / "ran").exists()


def test_a_job_whose_answer_was_lost_is_found_by_its_name(running_slurm: Slurm, place: Path) -> None:
    """This happens after a kill between sbatch and the record of its answer."""
    running = job(running_slurm, place, 4, b"sleep 100")
    running.begin().wait(60)
    known = running.mark("id")
    (running.own / "id").unlink()
    (running.own / "submitting").touch()

    running.begin().wait(60)

    assert running.mark("id") == known
    listed = running_slurm.call("squeue", "-h", "-o", "%j").splitlines()
    assert len([name for name in listed if running.reference in name]) == 1
    assert running.ask("job_abort") == 0


def test_a_job_that_slurm_refuses_ends_with_its_reason(running_slurm: Slurm, place: Path) -> None:
    """A partition that is not there."""
    refused = job(running_slurm, place, 5, b"true")
    refused.settings += "submit_options=--partition=nowhere\nmax_submissions=1\n"

    output = refused.finish()

    assert "[LGI: exit code 125: slurm rejected the job: " in output
    assert "invalid partition" in output


def test_a_user_without_an_account_is_told_what_to_do(running_slurm: Slurm, place: Path) -> None:
    """SLURM would accept the job of a random uid and cancel it without a message."""
    nobody = job(running_slurm, place, 6, b"true")
    uid = UID + 51
    stranger = Bench(place, nobody.settings, reference=f"{7:032X}", uid=uid)

    assert f"exit code 125: not started: slurm needs a user account, uid {uid} has none" in stranger.finish()


@pytest.mark.parametrize("specifics", ["<nodes> 2 </nodes>", "<memory> 8000 </memory>"])
def test_a_job_that_asks_for_more_than_the_cluster_has_is_refused_or_waits(
    running_slurm: Slurm, place: Path, specifics: str
) -> None:
    """SLURM knows its nodes: such a job never runs, and is not taken for finished without a message."""
    asked = job(running_slurm, place, 8, b"echo ran", specifics)
    asked.settings += "max_submissions=1\n"
    asked.begin().wait(60)

    if asked.state() == "finished":
        asked.ask("job_epilogue")
        assert "slurm rejected the job" in asked.output()
    else:
        assert asked.ask("job_abort") == 0
    assert asked.mark("stdout") == ""
