"""sbatch, squeue and scancel, called by a model of Nextflow's Slurm executor (docs/engines/nextflow.md)."""

import getpass
import os
import re
import shlex
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.grid import Grid, wait_for

PAGE = Path(__file__).parents[3] / "docs" / "engines" / "nextflow.md"
# What Nextflow takes a state for.
STATES = {"PD": "pending", "CF": "pending", "R": "running", "CG": "running", "CD": "done", "S": "hold"}
STATES |= dict.fromkeys(("CA", "F", "TO", "NF", "PR", "BF"), "error")
# The beginning and end of a script of Nextflow: traps, marks, exit code, the directory of the task.
WRAPPER = """#!/bin/bash
{directives}
NXF_CHDIR={directory}
# NEXTFLOW TASK: {name}
set -e
set -u
on_exit() {{
    local exit_status=${{nxf_main_ret:=$?}}
    printf -- $exit_status > {directory}/.exitcode
    exit $exit_status
}}
on_term() {{ kill -s TERM "$task_pid" 2> /dev/null || true; exit 143; }}
nxf_main() {{
    trap on_exit EXIT
    trap on_term TERM INT USR2
    [[ "${{NXF_CHDIR:-}}" ]] && cd "$NXF_CHDIR"
    printf '' > {directory}/.command.begin
    /bin/bash -ue {directory}/.command.sh & task_pid=$!
    wait $task_pid || nxf_main_ret=$?
}}
nxf_main
"""
Process = dict[str, Any]


class Executor:
    """A model of the Slurm executor of Nextflow: calls the commands, and reads their answers."""

    def __init__(self, process: Process) -> None:
        self.process = process

    def call(self, words: Sequence[str], directory: Path) -> subprocess.CompletedProcess[str]:
        """Run a command; errors are in its output, as Nextflow has them."""
        return subprocess.run(
            ["LGI_nf", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
            **(self.process | {"cwd": directory}),
        )

    def task(self, name: str, script: str, **directives: str) -> Path:
        """Make the directory of a task with its two scripts."""
        directory = (
            self.process["cwd"] / "work" / f"{len(list(self.process['cwd'].rglob('.command.run'))):02} x"
        )
        directory.mkdir(parents=True)
        for path in (directory.parent, directory):
            os.chown(path, self.process.get("user", -1), -1)
        quoted = str(directory).replace(" ", "\\ ")
        own = {
            "-J": f"nf-{name}",
            "-o": f"{quoted}/.command.log",
            "--no-requeue": "",
            "--signal": "B:USR2@30",
        }
        lines = [f"#SBATCH {key} {value}" for key, value in (own | directives).items()]
        text = WRAPPER.format(directives="\n".join(lines), directory=quoted, name=name)
        (directory / ".command.run").write_text(text)
        (directory / ".command.sh").write_text(f"#!/bin/bash -ue\n{script}\n")
        return directory

    def submit(self, directory: Path) -> str:
        """Submit a task and return its id, by the pattern of Nextflow."""
        done = self.call(["sbatch", ".command.run"], directory)
        found = re.search(r"Submitted batch job (\d+)", done.stdout)
        assert found, done.stdout
        assert done.returncode == 0
        return found[1]

    def states(self) -> dict[str, str]:
        """The state of each job, as Nextflow reads the answer of squeue."""
        words = ["squeue", "--noheader", "-o", "%i %t", "-t", "all", "-u", getpass.getuser()]
        done = self.call(words, self.process["cwd"])
        assert done.returncode == 0, done.stdout
        columns = [re.split(r"\s+", line) for line in done.stdout.splitlines()]
        assert [len(words) for words in columns] == [2] * len(columns)
        return {job: STATES[state] for job, state in columns}


@pytest.fixture
def executor(engine_grid: Grid, user_process: Process) -> Executor:
    """An executor in a new directory."""
    return Executor(user_process)


def ended(directory: Path) -> Callable[[], bool]:
    """Whether a task has written its exit code."""
    return lambda: (directory / ".exitcode").exists() and (directory / ".exitcode").read_text() != ""


def test_ten_tasks_run_after_one_another_as_nextflow_runs_them(executor: Executor, engine_grid: Grid) -> None:
    """Each task is submitted when its inputs are there, and gets cores, memory and time of its directives."""
    first = executor.task("measure_(1)", "echo 1 > out", **{"-c": "2", "-t": "00:05:00", "--mem": "100M"})
    jobs = {executor.submit(first): first}
    wait_for(ended(first), 120)
    layer = [executor.task(f"add_({n})", f"echo $(($(cat '{first}/out') + {n})) > out") for n in range(8)]
    jobs |= {executor.submit(task): task for task in layer}
    for task in layer:
        wait_for(ended(task), 120)
    files = shlex.join(str(task / "out") for task in layer)
    last = executor.task("sum", f"cat {files} | awk '{{ n += $1 }} END {{ print n }}' > out; echo logged")
    jobs[executor.submit(last)] = last
    wait_for(ended(last), 120)
    wait_for(lambda: all(executor.states()[job] == "done" for job in jobs))

    assert (last / "out").read_text() == "36\n"
    assert (last / ".command.log").read_text() == "logged\n"
    assert {(task / ".exitcode").read_text() for task in jobs.values()} == {"0"}
    (row,) = engine_grid.rows(
        "SELECT job_name, job_specifics FROM job_queue WHERE job_id = %s", min(map(int, jobs))
    )
    assert row["job_name"] == "nf-measure_(1)"
    expected = "<cpus> 2 </cpus> <memory> 100 </memory> <walltime> 300 </walltime>"
    assert expected in str(row["job_specifics"])


def test_a_task_that_fails_is_an_error_with_its_exit_code(executor: Executor) -> None:
    """The file .exitcode has it, and squeue lists the job."""
    task = executor.task("fails", "exit 3")

    job = executor.submit(task)
    wait_for(ended(task), 120)
    wait_for(lambda: executor.states()[job] == "error")

    assert (task / ".exitcode").read_text() == "3"


def test_a_task_that_runs_is_cancelled(executor: Executor) -> None:
    """Its traps write the exit code; an id that is not there is an error, and stops no other one."""
    task = executor.task("waits", "while :; do sleep 0.1; done")
    job = executor.submit(task)
    wait_for((task / ".command.begin").exists)
    assert executor.states()[job] == "running"

    done = executor.call(["scancel", "999999", job], task)
    wait_for(lambda: executor.states()[job] == "error")

    assert done.returncode == 1
    assert done.stdout == "scancel: error: Kill job error on job id 999999: it is not a job of sbatch\n"


def test_a_job_of_other_programs_is_neither_listed_nor_cancelled(
    executor: Executor, engine_grid: Grid
) -> None:
    """Fronts of Slurm touch the jobs of sbatch alone."""
    words = ["LGI_run", "--hold", "true"]
    other = subprocess.run(
        words, capture_output=True, text=True, check=True, **executor.process
    ).stdout.strip()

    done = executor.call(["scancel", other], executor.process["cwd"])

    assert done.returncode == 1
    assert other not in executor.states()
    assert engine_grid.user().state(int(other)) == "queued"


def test_characters_of_shells_stay_text(executor: Executor) -> None:
    """In names, files and variables."""
    place = executor.process["cwd"]
    odd = "$(touch hacked); `touch hacked` 'b' | ü"
    script = place / f"run {odd}.sh"
    script.write_text(f'#!/bin/sh\n#SBATCH -J {shlex.quote(odd)}\necho "$1 $ODD"; echo oops >&2\n')

    words = ["sbatch", "--parsable", f"--output=out %x {odd}", f"--export=ODD={odd}", script.name, odd]
    done = executor.call(words, place)

    assert done.stdout.strip().isdigit(), done.stdout
    wait_for(lambda: executor.states()[done.stdout.strip()] == "done", 120)
    assert (place / f"out {odd} {odd}").read_text() == f"{odd} {odd}\noops\n"
    assert list(place.rglob("hacked")) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "the script is missing"),
        (("none.sh",), "No such file"),
        (("--array", "1-3", "a.sh"), "Remove the directive 'array'"),
        (("--exclusive", "a.sh"), "'--exclusive' is not known"),
        (("--mem=much", "a.sh"), "'much' is not a memory size"),
        (("-t", "soon", "a.sh"), "'soon' is not a time"),
        (("-c", "99999999999", "a.sh"), "is not a number from 0 to 999999"),
        (("--gres=fpga:1", "a.sh"), "is not gpu:NUMBER"),
        (("--export=1=2", "a.sh"), "is not the name of a variable"),
        (("-D", "nowhere", "a.sh"), "No such file"),
        (("--", "-none.sh"), "-none.sh"),
        (("--nodes=2", "a.sh"), "one node"),
        (("-c", "0", "a.sh"), "must be 1 or more"),
        (("-o", "%A", "a.sh"), "%A in the file"),
        (("-p", "nowhere@none", "a.sh"), "LGI error 28"),
        (("a.txt",), "is not a script"),
    ],
)
def test_a_wrong_submit_is_an_error_in_words(
    executor: Executor, words: tuple[str, ...], message: str
) -> None:
    """With exit code 1, and no job."""
    place = executor.process["cwd"]
    (place / "a.sh").write_text("#!/bin/sh\n")
    (place / "a.txt").write_text("text\n")

    done = executor.call(["sbatch", *words], place)

    assert done.returncode == 1
    assert done.stdout.startswith("sbatch: error: ")
    assert message in done.stdout
    assert "Traceback" not in done.stdout


@pytest.mark.parametrize(
    "change", [{"LGI_TOKEN": "lgi1." + "a" * 80}, {"LGI_DEFAULTSERVER": "https://localhost:1/LGI"}]
)
def test_a_list_that_cannot_be_had_is_an_error(executor: Executor, change: dict[str, str]) -> None:
    """An empty list would mean that all jobs are gone; after an error Nextflow keeps what it knew."""
    executor.process["env"] |= change

    done = executor.call(["squeue", "--noheader", "-o", "%i %t", "-t", "all"], executor.process["cwd"])

    assert done.returncode == 1
    assert done.stdout.startswith("squeue: error: ")
    assert "a" * 80 not in done.stdout


def test_the_commands_of_the_page_run(executor: Executor) -> None:
    """Those beside Nextflow itself, in their order, in one shell."""
    (block,) = re.findall(r"^```sh engine\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S)
    (script,) = re.findall(r"^```text\n(#!/bin/bash.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S)
    (executor.process["cwd"] / "task.sh").write_text(script)

    words = ["bash", "-e", "-c", block]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False, **executor.process)

    assert done.returncode == 0, done.stderr
    assert "Submitted batch job" in done.stdout
