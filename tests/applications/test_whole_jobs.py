"""`command` from the user's submit to the reported end: a real server, a real LGI_daemon, real back-ends."""

import os
import shlex
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.conftest import DaemonProcess, signed_up
from tests.support.bench import APPLICATIONS
from tests.support.grid import Grid, UserCalls, wait_for

from .slurm import Slurm

pytestmark = pytest.mark.slow

RESOURCE = "laptop@test"


class CommandDaemon(DaemonProcess):
    """A daemon that offers `command`, its script with settings of a test."""

    application = "command"

    def __init__(self, grid: Grid, backend: str, settings: str = "") -> None:
        self.backend = backend
        self.settings = settings
        super().__init__(grid)

    def states(self) -> list[Path]:
        """The state directories of the jobs it has."""
        return list(self.run_directory.glob(".records/*/state"))

    def configure(self) -> None:
        script = self.directory / "script"
        shipped = (APPLICATIONS / "command" / self.backend).read_text()
        script.write_text(shipped.replace(". LGI_backend\n", f"stage=no\n{self.settings}\n. LGI_backend\n"))
        script.chmod(0o755)
        issued = self.grid.people.resource(RESOURCE)
        text = (APPLICATIONS / "command" / "LGI.cfg.example").read_text()
        for old, new in {
            "../../certificates/LGI+CA.crt": self.grid.people.authority.ca_file,
            "../../certificates/laptop.crt": issued.certificate,
            "../../certificates/laptop.key": issued.key,
            "./runhere": self.run_directory,
            "https://localhost/LGI": self.grid.url,
            "./process": script,
            "<any> 1 </any>": "<any> 4 </any>",
            # A batch system knows accounts only.
            "<max_output_size>": f"{self.tags()}<max_output_size>",
        }.items():
            text = text.replace(old, str(new))
        self.configuration.write_text(text)

    def tags(self) -> str:
        """More tags of the application."""
        is_needed = os.geteuid() == 0 and self.backend == "slurm"
        return "<job_sandbox_uid> 65534 </job_sandbox_uid> " if is_needed else ""


@pytest.fixture
def offered(grid: Grid, request: pytest.FixtureRequest) -> Iterator[CommandDaemon]:
    """A running daemon for a back-end that has signed up."""
    backend, settings = request.param, ""
    if backend == "slurm":
        cluster: Slurm = request.getfixturevalue("running_slurm")
        settings = f"export SLURM_CONF={cluster.configuration}\ncache_seconds=1\ngrace=2\ntimeout=3\n"
    if backend == "container":
        settings = (
            f"images={shlex.quote(str(request.getfixturevalue('images')))}\ndefault_image=lgi/busybox:1.0\n"
        )
    with signed_up(CommandDaemon(grid, backend, settings)) as made:
        yield made


def test_a_job_that_slurm_refuses_is_offered_again_also_by_another_daemon(
    grid: Grid, running_slurm: Slurm
) -> None:
    """After a configured number of refusals it ends with the reason, and has never run."""
    user = grid.user()
    settings = f"export SLURM_CONF={running_slurm.configuration}\ncache_seconds=1\ngrace=2\ntimeout=3\n"
    refusing = f"{settings}submit_options=--partition=nowhere\nmax_submissions=3\n"
    with signed_up(CommandDaemon(grid, "slurm", refusing)) as made:
        job_id = submitted(user, "echo hello")
        wait_for(lambda: any((one / "again").exists() for one in made.states()))
        made.kill()
        made.start()
        wait_for(lambda: user.state(job_id) == "finished")

        assert "slurm rejected the job: sbatch: error: invalid partition" in output(user, job_id)
        # A start that the kill has interrupted is made once more.
        assert made.log.read_text().count(": started, pid ") in {3, 4}
    (row,) = grid.rows("SELECT exit_code, end_reason FROM job_queue WHERE job_id = %s", job_id)
    assert row["exit_code"] == 125
    assert str(row["end_reason"]).startswith("slurm rejected the job: ")


def submitted(user: UserCalls, script: str, specifics: str = "") -> int:
    """A new job."""
    return user.submit(application="command", input=script.encode().hex(), job_specifics=specifics)


def output(user: UserCalls, job_id: int) -> str:
    """What a job has put out."""
    return bytes.fromhex(user.post("interface_job_state", job_id=str(job_id)).value("job", "output")).decode()


each_backend = pytest.mark.parametrize("offered", ["process", "slurm", "container"], indirect=True)


@each_backend
def test_a_script_is_run_and_its_output_and_exit_code_come_back(grid: Grid, offered: CommandDaemon) -> None:
    """queued, running, finished; standard output, standard error and the exit code in one text."""
    user = grid.user()

    job_id = submitted(user, f"echo hello; echo oops >&2; {SPENDS}; exit 3")
    wait_for(lambda: user.state(job_id) == "finished")

    assert output(user, job_id) == "hello\n[LGI: standard error]\noops\n[LGI: exit code 3]\n"
    wait_for(lambda: offered.jobs() == [])
    check_usage(grid, job_id, offered.backend)


# 20 MB of memory, twice 20 MB through a pipe, 1 MB of disk.
SPENDS = "x=$(head -c 20000000 /dev/zero | tr '\\0' x); head -c 1000000 /dev/zero > data"


def check_usage(grid: Grid, job_id: int, backend: str) -> None:
    """The daemon has told what the job has used, as far as it can know it.

    A batch system counts the memory, and the processes in a container are none of the job's script.
    """
    (row,) = grid.rows(
        "SELECT cpu_milliseconds, peak_memory, disk_used FROM job_queue WHERE job_id = %s", job_id
    )
    assert 10**6 <= row["disk_used"] < 2 * 10**6
    assert (row["peak_memory"] is None) == (backend == "slurm")
    if backend == "process":
        assert 20 * 10**6 <= row["peak_memory"] < 200 * 10**6
    assert 10 <= row["cpu_milliseconds"] < 20_000


@pytest.mark.parametrize("offered", ["process", "slurm"], indirect=True)
def test_a_running_script_is_aborted(grid: Grid, offered: CommandDaemon) -> None:
    """The state aborted is reported after its processes have ended."""
    user = grid.user()
    job_id = submitted(user, "echo begun; sleep 300")
    wait_for(lambda: any((state / "started").exists() for state in offered.states()))

    user.delete(job_id)
    wait_for(lambda: user.state(job_id) == "aborted")

    wait_for(lambda: offered.jobs() == [])


CLEANUPS = ["find . -mindepth 1 -delete; exit 3", 'rm -rf "$PWD"; exit 3', "chmod 0 .; exit 3"]


@pytest.mark.parametrize("offered", ["process", "slurm"], indirect=True)
def test_jobs_that_clean_up_after_themselves_run_once_and_stop_nobody(
    grid: Grid, offered: CommandDaemon
) -> None:
    """Each with its own exit code as a field; three of them are no reason to leave the application alone."""
    user = grid.user()
    counter = offered.directory / "count"
    counter.mkdir()
    counter.chmod(0o777)

    jobs = [submitted(user, f"mktemp {counter}/XXXXXX; {cleanup}") for cleanup in CLEANUPS]
    wait_for(lambda: all(user.state(job_id) == "finished" for job_id in jobs))
    following = submitted(user, "echo hello")
    wait_for(lambda: user.state(following) == "finished")

    rows = grid.rows("SELECT exit_code, end_reason FROM job_queue ORDER BY job_id")
    assert [(row["exit_code"], row["end_reason"]) for row in rows] == [(3, "")] * 3 + [(0, "")]
    assert len(list(counter.iterdir())) == len(CLEANUPS)
    assert all(output(user, job_id).endswith("[LGI: exit code 3]\n") for job_id in jobs)
    assert "failed immediately" not in offered.log.read_text()


@pytest.mark.parametrize("offered", ["process", "container"], indirect=True)
def test_exit_code_and_signal_are_fields_of_the_job(grid: Grid, offered: CommandDaemon) -> None:
    """The last bytes of its output do not matter."""
    user = grid.user()
    scripts = ['printf "a\\0"; exit 3', "kill -9 $$", "exit 137"]

    jobs = [submitted(user, script) for script in scripts]
    wait_for(lambda: all(user.state(job_id) == "finished" for job_id in jobs))

    rows = grid.rows("SELECT exit_code, exit_signal FROM job_queue ORDER BY job_id")
    # What kills the program in a container cannot be told from an exit code of it.
    killed = (None, 9) if offered.backend == "process" else (137, None)
    assert [(row["exit_code"], row["exit_signal"]) for row in rows] == [(3, None), killed, (137, None)]
    assert output(user, jobs[0]) == "a\0\n[LGI: exit code 3]\n"


@pytest.mark.parametrize("offered", ["process", "slurm"], indirect=True)
def test_a_script_goes_on_without_its_daemon_and_runs_once(grid: Grid, offered: CommandDaemon) -> None:
    """kill -9 while it runs, another after it has ended: the next daemon finds its end, and reports it."""
    user = grid.user()
    counter = offered.directory / "count"
    counter.mkdir()
    counter.chmod(0o777)

    job_id = submitted(user, f"mktemp {counter}/XXXXXX; sleep 2; exit 7")
    wait_for(lambda: list(counter.iterdir()) != [])
    offered.kill()
    offered.start()
    time.sleep(0.5)
    offered.kill()
    # That of a plain process is completed by the next daemon.
    marks = [state / name for state in offered.states() for name in ("end", "end.new")]
    wait_for(lambda: any(mark.exists() and "exit_code=7" in mark.read_text() for mark in marks))
    offered.start()
    wait_for(lambda: user.state(job_id) == "finished")

    assert output(user, job_id).endswith("[LGI: exit code 7]\n")
    assert len(list(counter.iterdir())) == 1


# Python that holds 150 MB for two minutes.
HELD = """cat > hold.py << 'END'
import time
held = bytearray(150 << 20)
time.sleep(120)
END
"""


@pytest.mark.parametrize("offered", ["process"], indirect=True)
def test_a_jobs_processes_have_its_memory_together(grid: Grid, offered: CommandDaemon) -> None:
    """Four processes of 150 MB exceed 200 MB: they are killed, and the user gets the reason."""
    user = grid.user()
    script = f"{HELD}for one in 1 2 3 4; do /usr/bin/env python3 hold.py & done; wait"

    job_id = submitted(user, script, "<memory> 200 </memory>")
    wait_for(lambda: user.state(job_id) == "finished")

    assert output(user, job_id).endswith("[LGI: exit code 137: it used more than 200 MB]\n")


@pytest.mark.parametrize("offered", ["process"], indirect=True)
def test_java_runs_within_two_gigabytes(grid: Grid, offered: CommandDaemon) -> None:
    """Reserved address space does not count as memory."""
    if shutil.which("java") is None:
        pytest.skip("needs java")
    user = grid.user()

    job_id = submitted(user, "java -version 2> /dev/null; exit $?", "<memory> 2000 </memory>")
    wait_for(lambda: user.state(job_id) == "finished")

    assert output(user, job_id) == "[LGI: exit code 0]\n"
