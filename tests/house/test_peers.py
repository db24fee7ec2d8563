"""The comparison with other systems: what it reads from /proc, plans and prints."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.peers import process_tree, run
from benchmarks.peers.process_tree import Process
from benchmarks.peers.table import Found, Setting, short, tables
from benchmarks.peers.trial import SYSTEMS

ROOT = Path(__file__).parents[2]
TICKS = os.sysconf("SC_CLK_TCK")
SETTING = Setting(300, 8)
# An orphan that uses a fifth of a second: its parent, a shell, ends at once.
ORPHAN = """
import os, subprocess, sys, time
from benchmarks.peers import process_tree
root, own = os.getppid(), os.getpid()
busy = "import time\\nwhile time.process_time() < 0.2: pass"
before = process_tree.seconds(root, own)
subprocess.run(["sh", "-c", f"{sys.executable} -c '{busy}' &"], check=True)
while len(process_tree.descendants(process_tree.processes(), root)) > 2:
    time.sleep(0.01)
print(process_tree.seconds(root, own) - before)
"""


def in_tree(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a command below a root of its own."""
    words = [sys.executable, "-m", "benchmarks.peers.process_tree", *command]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


def test_a_process_is_read_whatever_its_name_is() -> None:
    """Blanks and brackets in a name move no field."""
    times = f"{2 * TICKS} {TICKS} {4 * TICKS} 0"
    stat = f"42 (a ) b) S 7 1 1 0 -1 4194560 9 9 0 0 {times} 20 0 1 0 5 6 7"

    assert process_tree.parse(stat) == Process(42, 7, 3.0, 4.0)


def test_a_tree_has_all_generations_and_nothing_else() -> None:
    """Whatever the order in which /proc shows them."""
    parents = {5: 4, 4: 2, 3: 2, 2: 1, 9: 1, 1: 0}
    machine = [Process(pid, parent, 0.0, 0.0) for pid, parent in parents.items()]

    found = process_tree.descendants(machine, 2)

    assert {process.pid for process in found} == {2, 3, 4, 5}


def test_an_orphan_is_counted_with_the_tree_it_came_from() -> None:
    """The root adopts it: daemons of batch systems leave the processes that start jobs to init."""
    done = in_tree(sys.executable, "-c", ORPHAN)

    assert done.returncode == 0, done.stderr
    assert 0.15 <= float(done.stdout) < 2


@pytest.mark.slow
def test_a_tree_ends_with_its_command_and_has_its_exit_code() -> None:
    """A process that a failed trial leaves is killed."""
    done = in_tree("sh", "-c", "sleep 12345 > /dev/null 2>&1 & echo $!; exit 3")

    assert done.returncode == 3
    assert not Path(f"/proc/{done.stdout.strip()}").exists()


def test_the_table_has_ratios_to_the_first_row_and_says_what_is_missing() -> None:
    """A system without a list or a bulk submit has no number there, and no ratio."""
    ours = {"one submit": 3.0, "one done": 6.0, "one processor": 20.0, "program": 0.1, "memory": 8e7}
    theirs = {"one submit": 1.5, "one done": 30.0, "one processor": 25.0, "program": 0.5, "others": 0.5}
    found = [
        Found("lgi-sqlite", SETTING, ours),
        Found("slurm", SETTING, theirs),
        Found("parallel", SETTING, reason="not installed: parallel"),
    ]

    text = tables(found)

    assert (
        text
        == """\
300 jobs submitted one by one, 8 slots:

| | submitted after, s | all done after, s | jobs/s | processor a job, ms |
|---|---|---|---|---|
| LGI, SQLite | 3.0 | 6.0 | 50 | 20 |
| Slurm (others used 0.5 cores) | 1.5 (0.5) | 30 | 10 (0.2) | 25 (1.2) |
| GNU parallel | not installed: parallel |  |  |  |

One job at a time, a list, memory at rest:

| | `true` from a program, ms | `true` by a command, ms | a command that submits, ms | list by a command, s \
| its processor, s | memory at rest, MB |
|---|---|---|---|---|---|---|
| LGI, SQLite | 100 | - | - | - | - | 80 |
| Slurm (others used 0.5 cores) | 500 (5.0) | - | - | - | - | - |
| GNU parallel | not installed: parallel |  |  |  |  |  |"""
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.000012, "<0.001"), (0.01234, "0.012"), (0.0, "0"), (1.26, "1.3"), (12.3, "12"), (12345.6, "12,346")],
)
def test_a_number_has_two_digits_or_more(value: float, text: str) -> None:
    """Rates and times vary by more than the third."""
    assert short(value) == text


def test_the_plan_submits_the_first_number_in_both_ways_and_others_in_bulk() -> None:
    """Single jobs and lists are measured once, with the most slots."""
    steps = list(run.plan(run.parse(["--jobs", "300,2000", "--slots", "2,8"])))

    assert [(step[0], step[1], bool(step[2])) for step in steps] == [
        (Setting(300, 8), "one,bulk", True),
        (Setting(2000, 8), "bulk", False),
        (Setting(300, 2), "one,bulk", False),
    ]


def test_a_system_of_another_name_is_refused_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    """PEERS=condor is a mistake, not an empty table."""
    with pytest.raises(SystemExit):
        run.parse(["--peers", "slurm,condor"])

    assert f"unknown: condor; known: {', '.join(SYSTEMS)}" in capsys.readouterr().err


def test_a_system_that_is_not_installed_has_a_row_with_its_reason() -> None:
    """Nobody needs the others to measure one."""
    told = json.loads('{"missing": "slurmctld, sbatch"}')

    assert run.read("slurm", SETTING, told) == Found(
        "slurm", SETTING, reason="not installed: slurmctld, sbatch"
    )


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_comparison_measures_lgi_with_five_jobs() -> None:
    """A whole trial: server, daemon, jobs in both ways, single jobs and a list."""
    extras = ["--singles", "1", "--listed", "10"]

    found = run.trial("lgi-sqlite", Setting(5, 2), "one,bulk", extras)

    assert not found.reason
    assert found.version.startswith("SQLite 3")
    assert 0 < found.numbers["bulk submit"] < found.numbers["bulk done"]
    assert all(found.numbers[f"{way} processor"] > 1 for way in ("one", "bulk"))
    assert 1e7 < found.numbers["memory"] < 1e9
    assert {"program", "command", "submit command", "list"} <= found.numbers.keys()
