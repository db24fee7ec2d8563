"""The requirements for every batch system, tested with shims of their commands."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.bench import Bench, until

from . import shims

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("answers_alone")]

SETTINGS = "stage=no\ncache_seconds=0\ngrace=1\ntimeout=30\nmax_cpus=4\nmax_nodes=2\nmax_memory=8000\n"


class Cluster:
    """A batch system that a test can make fail in various ways."""

    def __init__(self, place: Path, backend: str) -> None:
        self.backend = backend
        self.place = place / "cluster"
        self.path = shims.install(self.place, backend)
        self.bench = self.job(place)

    def job(self, place: Path, **more: object) -> Bench:
        """A job for it."""
        settings = f"backend={self.backend}\n{SETTINGS}{more.pop('settings', '')}"
        bench = Bench(place, settings, path=[self.path], **more)  # type: ignore[arg-type]
        bench.remove_answers()
        return bench

    def trouble(self, kind: str, there: bool = True) -> None:
        """Let something go wrong, or right again."""
        if there:
            (self.place / kind).touch()
        else:
            (self.place / kind).unlink()

    def calls(self, word: str) -> int:
        """How often a command has been called."""
        return sum(word in line.split()[0] for line in (self.place / "calls").read_text().splitlines())

    @property
    def submissions(self) -> int:
        """How often a job was offered."""
        return self.calls("submit") + self.calls("qsub")

    @property
    def questions(self) -> int:
        """How often the state of jobs was asked for."""
        return self.calls("qstat") + self.calls("llq") + self.calls("status")

    def forget(self) -> None:
        """Lose all jobs, as after a crash."""
        for path in (self.place / "jobs").iterdir():
            job = shims_job(path)
            if job:
                os.killpg(job, 9)
            path.unlink()


def uptime() -> int:
    """The seconds since the machine was started, by which the age of an answer is counted."""
    return int(float(Path("/proc/uptime").read_text().split()[0]))


def shims_job(path: Path) -> int:
    """The process of a job, 0 when it has not begun."""
    return int(path.read_text().split("\n")[1])


@pytest.fixture(params=sorted(shims.COMMANDS))
def cluster(request: pytest.FixtureRequest, place: Path) -> Cluster:
    """Each kind of batch system."""
    return Cluster(place, request.param)


# A job of gLite is far away: it begins in a new directory and hears nothing of an abort.
in_one_file_system = pytest.mark.parametrize("cluster", ["pbs", "sge", "loadleveler"], indirect=True)


def submitted(cluster: Cluster, input: bytes = b"sleep 60") -> Bench:
    """A job that the batch system has."""
    job = cluster.job(cluster.bench.place, input=input, reference="F" * 32)
    job.begin().wait(60)
    until(lambda: job.mark("id") != "")
    return job


def test_a_job_comes_back_with_its_output_and_exit_code(cluster: Cluster) -> None:
    """Standard output, standard error and the exit code, from where the job has run."""
    job = cluster.job(
        cluster.bench.place,
        input=b"echo $OMP_NUM_THREADS cores; echo oops >&2; exit 3",
        specifics="<cpus> 2 </cpus>",
    )

    output = job.finish()

    assert output == "2 cores\n[LGI: standard error]\noops\n[LGI: exit code 3]\n"


def test_a_job_that_waits_in_the_queue_is_running_for_lgi(cluster: Cluster) -> None:
    """It is neither finished nor to be started again."""
    cluster.trouble("holding")
    job = submitted(cluster)

    states = {job.state() for _ in range(3)}

    assert states == {"running"}
    assert cluster.submissions == 1


@pytest.mark.parametrize("kind", ["silent", "garbled"])
def test_a_batch_system_that_does_not_answer_is_no_end(cluster: Cluster, kind: str) -> None:
    """An unknown state counts as running, never as finished or idle; meanwhile no work is requested."""
    job = submitted(cluster)
    cluster.trouble(kind)

    time.sleep(1.1)
    states = [job.state(), job.state()]
    aborted = job.ask("job_abort")

    assert states == ["running", "running"]
    assert aborted != 0
    assert kind == "garbled" or job.ask("check_system_limits") != 0


def test_a_job_that_is_forgotten_ends_with_a_message(cluster: Cluster) -> None:
    """Its node crashed: it is finished, says so, and is not started again."""
    job = submitted(cluster)
    cluster.forget()

    states = [job.state()]
    until(lambda: states.append(job.state()) or states[-1] == "finished")
    job.ask("job_epilogue")

    assert set(states) == {"running", "finished"}
    assert job.output().startswith("[LGI: no exit code: the job ended unexpectedly")
    assert cluster.submissions == 1


def test_a_job_whose_submission_was_not_answered_is_not_submitted_twice(cluster: Cluster) -> None:
    """It is found by its job name, which contains the daemon reference."""
    cluster.trouble("losing")
    job = cluster.job(cluster.bench.place, input=b"sleep 60")
    job.begin().wait(60)

    state = job.state()
    job.begin().wait(60)

    assert (state, job.state()) == ("running", "running")
    assert cluster.submissions == 1


def test_a_submission_interrupted_by_a_kill_is_looked_up_first(cluster: Cluster) -> None:
    """The mark "submitting" without an id: the job may be there."""
    job = submitted(cluster)
    (job.own / "id").unlink()
    (job.own / "submitting").touch()
    cluster.trouble("silent")

    unknown = (job.state(), job.begin().wait(60), cluster.submissions)
    cluster.trouble("silent", there=False)
    job.begin().wait(60)

    assert unknown == ("running", 0, 1)
    assert cluster.submissions == 1
    assert job.mark("id") != ""


def test_a_refused_job_ends_with_the_reason(cluster: Cluster) -> None:
    """It is submitted again a configured number of times, then finished with the batch system's message."""
    cluster.trouble("refusing")
    job = cluster.job(cluster.bench.place, settings="max_submissions=2\n")

    codes = [job.begin().wait(60)]
    first, asks = job.state(), (job.own / "again").is_file()
    (job.own / "again").unlink()
    codes.append(job.begin().wait(60))
    last = job.state()
    job.ask("job_epilogue")

    assert (first, asks, last) == ("idle", True, "finished")
    assert codes == [75, 0]
    assert not (job.own / "again").exists()
    reason = f"{cluster.backend} rejected the job: the queue 'wrong' is not known"
    assert f"[LGI: exit code 125: {reason}" in job.output()


def test_an_abort_succeeds_only_when_the_job_is_gone(cluster: Cluster) -> None:
    """A cancel that is ignored is no abort."""
    job = submitted(cluster)
    cluster.trouble("deaf")

    ignored = job.ask("job_abort")
    cluster.trouble("deaf", there=False)
    obeyed = job.ask("job_abort")

    assert (ignored, obeyed) == (1, 0)
    assert list((cluster.place / "jobs").iterdir()) == []
    assert job.output() == "[LGI: no exit code: aborted]\n"


@in_one_file_system
def test_an_aborted_job_does_not_start_when_its_turn_comes(cluster: Cluster) -> None:
    """A job that the batch system starts after an abort ends immediately."""
    cluster.trouble("holding")
    job = submitted(cluster, b"touch ran")
    job.ask("job_abort")

    subprocess.run(["/bin/sh", job.own / "batch"], cwd="/", check=False)

    assert not (job.directory / "ran").exists()


@in_one_file_system
def test_a_batch_system_that_runs_a_job_again_runs_nothing(cluster: Cluster) -> None:
    """A job runs once, though its batch script is started a second time."""
    job = cluster.job(cluster.bench.place, input=b"echo ran >> count")
    job.finish()

    subprocess.run(["/bin/sh", job.own / "batch"], cwd="/", check=False)

    assert (job.directory / "count").read_text() == "ran\n"


def test_many_jobs_cost_one_question(cluster: Cluster) -> None:
    """One status query serves all jobs of a cycle, also when it returned no job."""
    cluster.trouble("holding")
    settings = "cache_seconds=30\n"
    place = cluster.bench.place
    jobs = [cluster.job(place, settings=settings, reference=f"{n:032X}") for n in range(4)]
    for job in jobs:
        job.begin().wait(60)

    begun = cluster.questions
    states = [job.state() for job in jobs]
    answered = cluster.questions - begun
    cluster.trouble("silent")
    jobs[0].remove_answers()
    silent = [job.state() for job in jobs]

    assert states == silent == ["running"] * 4
    assert answered == 1
    assert cluster.questions - begun - answered == 1


@pytest.mark.parametrize("kind", ["slow", "silent"])
def test_many_jobs_asked_about_side_by_side_cost_one_question(place: Path, kind: str) -> None:
    """The daemon checks dozens at the same time: one queries, the others wait for its result."""
    cluster = Cluster(place, "pbs")
    cluster.trouble("holding")
    jobs = [cluster.job(place, settings="cache_seconds=30\n", reference=f"{n:032X}") for n in range(6)]
    for job in jobs:
        job.begin().wait(60)
    jobs[0].remove_answers()
    cluster.trouble("slow")
    if kind == "silent":
        cluster.trouble("silent")
    begun = cluster.questions

    asked = [job.start("job_check_running") for job in jobs]

    assert [one.wait(60) for one in asked] == [0] * 6
    assert cluster.questions - begun == 1


def test_an_answer_asked_for_before_a_submission_says_nothing_of_it(place: Path) -> None:
    """A question is under way while the answer to a submission is lost: no reason to repeat that."""
    cluster = Cluster(place, "pbs")
    cluster.trouble("holding")
    first, second = (
        cluster.job(place, settings="cache_seconds=30\n", reference=letter * 32) for letter in "AB"
    )
    first.begin().wait(60)
    cluster.trouble("late")
    cluster.trouble("losing")
    asked = first.start("job_check_running")
    until(lambda: cluster.questions == 1)
    time.sleep(0.3)

    second.begin().wait(60)

    assert asked.wait(60) == 0
    assert second.mark("id") != ""
    assert cluster.submissions == 2


def test_a_batch_system_that_hangs_is_not_waited_for_by_one_job_after_the_other(place: Path) -> None:
    """The cached failure counts from the end of the query, not from its start."""
    cluster = Cluster(place, "pbs")
    cluster.trouble("holding")
    settings = "cache_seconds=100\ntimeout=3\n"
    jobs = [cluster.job(place, settings=settings, reference=f"{n:032X}") for n in range(3)]
    for job in jobs:
        job.begin().wait(60)
    jobs[0].remove_answers()
    cluster.trouble("hanging")
    begun = cluster.questions, uptime()

    states = [job.ask("job_check_running") for job in jobs]

    assert states == [0] * 3
    assert cluster.questions - begun[0] == 1
    cached_at = int(Path(f"/tmp/LGI_backend.{os.geteuid()}", "pbs.LGI.command").read_text().split()[0])
    assert cached_at >= begun[1] + 3


def test_an_answer_planted_by_somebody_else_is_not_believed(place: Path) -> None:
    """A cache directory of another user is not used; each job then queries by itself."""
    cluster = Cluster(place, "pbs")
    job = submitted(cluster)
    planted = Path(f"/tmp/LGI_backend.{os.geteuid()}")
    job.remove_answers()
    trap = place / "trap"
    trap.mkdir()
    planted.symlink_to(trap)
    try:
        states = [job.state(), job.state()]
        left = list(trap.iterdir())
    finally:
        planted.unlink()

    assert states == ["running", "running"]
    assert left == []


def test_the_last_job_of_a_user_removes_the_answers(place: Path) -> None:
    """The cached status stays while another job needs it, and is removed with the last one."""
    cluster = Cluster(place, "pbs")
    answers = Path(f"/tmp/LGI_backend.{os.geteuid()}")
    last, first = submitted(cluster), cluster.job(place, input=b"true", settings="cache_seconds=30\n")
    first.begin().wait(60)
    until(lambda: (first.own / "end").exists())
    assert last.state() == "running"

    assert first.ask("job_epilogue") == 0
    left = list(answers.glob("pbs.*"))
    assert last.ask("job_abort") == 0

    assert left != []
    assert list(answers.glob("pbs.*")) == []
    # Other files of tests run beside this one as the same user: only their answers keep the directory.
    until(lambda: not answers.exists() or any(answers.iterdir()))


def test_a_job_held_for_ever_in_an_error_state_ends(place: Path) -> None:
    """SGE keeps a job it could not start until an administrator looks: it is cancelled and reported."""
    cluster = Cluster(place, "sge")
    cluster.trouble("holding")
    job = submitted(cluster)
    cluster.trouble("broken")

    until(lambda: job.state() == "finished")
    job.ask("job_epilogue")

    assert job.output() == ("[LGI: no exit code: the job ended unexpectedly: sge reports Eqw]\n")
    assert cluster.calls("qdel") == 1


@pytest.mark.parametrize(
    ("backend", "words"),
    [
        ("pbs", "-l nodes=2:ppn=3,mem=4000mb,walltime=3600"),
        ("sge", "-pe smp 6 -l h_vmem=667M -l h_rt=3600 -q short"),
    ],
)
def test_requests_reach_the_batch_system(place: Path, backend: str, words: str) -> None:
    """Cores and nodes, memory for the whole job, and time; the administrator's options come last."""
    cluster = Cluster(place, backend)
    requests = "<cpus>3</cpus> <nodes> 2 </nodes> <memory>4000</memory> <walltime>01:00:00</walltime>"
    job = cluster.job(place, specifics=requests, settings="submit_options='-q short'\n")

    job.begin().wait(60)

    assert words in (cluster.place / "calls").read_text()


def test_requests_reach_loadleveler_as_directives(place: Path) -> None:
    """They precede the batch script, which contains no other requests."""
    cluster = Cluster(place, "loadleveler")
    job = cluster.job(place, specifics="<cpus> 3 </cpus><walltime> 60 </walltime>")

    job.begin().wait(60)

    text = (job.own / "batch").read_text()
    assert "# @ resources = ConsumableCpus(3)\n" in text
    assert "# @ wall_clock_limit = 60\n# @ queue\n" in text


def test_results_of_a_grid_come_home(place: Path) -> None:
    """gLite has no common file system: files go with the job, and what it has made comes back."""
    cluster = Cluster(place, "glite")
    job = cluster.job(place, input=b"tr a-z A-Z < words > shouted")
    (job.directory / "words").write_text("hello")

    job.finish()

    assert (job.directory / "shouted").read_text() == "HELLO"
