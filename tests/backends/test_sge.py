"""`command` on a real SGE: one node, started for the tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import lacking
from tests.support.bench import Bench, until

from . import sge
from .sge import Sge

pytestmark = pytest.mark.slow

NOBODY = 65534


@pytest.fixture(scope="module")
def cluster() -> Iterator[Sge]:
    """One for all tests."""
    if sge.missing():
        lacking(sge.missing())
    made = Sge()
    try:
        made.start()
        yield made
    finally:
        made.remove()


def job(cluster: Sge, place: Path, number: int, input: bytes, specifics: str = "") -> Bench:
    """A job for the cluster, under the uid of an account that is not root."""
    settings = f"{cluster.settings}cache_seconds=0\ngrace=3\nmax_cpus=2\nmax_memory=9000\nmax_walltime=9000\n"
    reference = f"{number:032X}"
    made = Bench(place, settings, input, specifics, reference, uid=NOBODY, prefix=cluster.inside)
    made.remove_answers()
    return made


def test_a_job_comes_back_with_its_output_and_exit_code(cluster: Sge, place: Path) -> None:
    """The slots are the cores it asked for, and it runs as its own user."""
    requests = "<cpus> 2 </cpus> <memory> 1000 </memory> <walltime> 100 </walltime>"
    done = job(cluster, place, 1, b"echo $OMP_NUM_THREADS $NSLOTS; id -u; exit 3", requests)

    assert done.finish() == f"2 2\n{NOBODY}\n[LGI: exit code 3]\n"


def test_an_abort_succeeds_when_the_job_is_gone(cluster: Sge, place: Path) -> None:
    """Running first, then cancelled; its processes end."""
    running = job(cluster, place, 2, b"sleep 12345")
    running.begin().wait(60)
    until((running.own / "started").exists)
    state = running.state()

    until(lambda: running.ask("job_abort") == 0)

    assert state == "running"
    until(lambda: "12345" not in cluster.call("ps", "-eo", "args"))


def test_a_job_deleted_by_somebody_else_ends_with_a_message(cluster: Sge, place: Path) -> None:
    """It is finished without an exit code, and not run again."""
    running = job(cluster, place, 3, b"sleep 100")
    running.begin().wait(60)
    until((running.own / "started").exists)

    cluster.call("qdel", running.mark("id"))
    until(lambda: running.state() == "finished")
    running.ask("job_epilogue")

    assert "the job ended unexpectedly" in running.output()


def test_a_job_whose_answer_was_lost_is_found_by_its_name(cluster: Sge, place: Path) -> None:
    """This happens after a kill between qsub and the record of its answer; names are not truncated."""
    running = job(cluster, place, 4, b"sleep 100")
    running.begin().wait(60)
    known = running.mark("id")
    (running.own / "id").unlink()
    (running.own / "submitting").touch()

    running.begin().wait(60)

    assert running.mark("id") == known
    until(lambda: running.ask("job_abort") == 0)


def test_a_job_that_sge_refuses_ends_with_its_reason(cluster: Sge, place: Path) -> None:
    """A queue that is not there."""
    refused = job(cluster, place, 5, b"true")
    refused.settings += "submit_options='-q nowhere'\nmax_submissions=1\n"

    assert "exit code 125: sge rejected the job" in refused.finish()


def test_a_job_that_cannot_be_started_is_ended(cluster: Sge, place: Path) -> None:
    """SGE keeps it in an error state, since its directory does not exist."""
    broken = job(cluster, place, 6, b"true")
    broken.settings += "submit_options='-wd /nowhere'\n"
    broken.begin().wait(60)

    until(lambda: broken.state() == "finished")
    broken.ask("job_epilogue")

    assert "sge reports Eqw" in broken.output()
    until(lambda: cluster.call("qstat", "-u", "*") == "")


def test_a_master_that_is_away_ends_no_job(cluster: Sge, place: Path) -> None:
    """Last, since it does not come back: running before, unknown after."""
    running = job(cluster, place, 7, b"sleep 100")
    running.settings += "timeout=3\n"
    running.begin().wait(60)
    until((running.own / "started").exists)

    cluster.processes[1].terminate()
    cluster.processes[1].wait(60)

    assert running.state() == "running"
    assert running.ask("job_abort") != 0
    assert running.ask("check_system_limits") != 0
