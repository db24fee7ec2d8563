"""Workflows through the real Snakemake, a project server and a daemon."""

import re
import shlex
import subprocess
from pathlib import Path

from snakemake_runs import Process, run, states

from tests.support.grid import Grid

PAGE = Path(__file__).parents[3] / "docs" / "engines" / "snakemake.md"
THROUGH_STORAGE = """
rule all:
    input: 'b.txt'
rule one:
    output: 'a.txt'
    shell: 'pwd > {output}'
rule two:
    input: 'a.txt'
    output: 'b.txt'
    shell: 'cat {input} > {output}; pwd >> {output}'
"""


def blocks(kind: str) -> list[str]:
    """The blocks of the page that are of a kind."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def test_the_workflow_of_the_page_runs_with_its_command(engine_grid: Grid, user_process: Process) -> None:
    """Ten rules; each job is one of LGI with the requests of its rule. The report is that of the page."""
    place = user_process["cwd"]
    (workflow,), (command,), (report,) = blocks("python"), blocks("sh engine"), blocks("text")
    (place / "Snakefile").write_text(workflow)

    words = shlex.split(command)
    done = subprocess.run(words, capture_output=True, text=True, timeout=280, check=False, **user_process)

    assert done.returncode == 0, done.stderr[-3000:]
    assert (place / "report.txt").read_text() == report
    assert states(engine_grid, user_process) == [("finished", 0)] * 23
    sql = "SELECT job_specifics FROM job_queue WHERE job_name = %s"
    sorts = [str(row["job_specifics"]) for row in engine_grid.rows(sql, "snakemake sort")]
    expected = "<cpus> 2 </cpus> <memory> 100 </memory> <walltime> 300 </walltime>"
    assert [expected in one for one in sorts] == [True] * 3


def test_files_with_odd_names_reach_their_jobs(user_process: Process) -> None:
    """Blanks, quotes and characters of shells stand in wildcards and stay there; long output is no burden."""
    place = user_process["cwd"]
    name = 'it\'s $(touch hacked); `touch hacked` & "b" | ü'
    (place / f"{name}.in").write_text("data\n")
    (place / "Snakefile").write_text(
        f"rule all:\n    input: {name!r} + '.out'\n"
        "rule copy:\n    input: '{n}.in'\n    output: '{n}.out'\n"
        "    shell: 'head -c 3000000 /dev/zero | tr \"\\\\0\" x; cp {input:q} {output:q}'\n"
    )

    done = run(user_process)

    assert done.returncode == 0, done.stderr[-3000:]
    assert (place / f"{name}.out").read_text() == "data\n"
    assert list(place.rglob("hacked")) == []


def test_a_workflow_runs_through_a_storage_without_a_shared_directory(user_process: Process) -> None:
    """Files and the workflow itself go through the storage; jobs run in directories of their own."""
    place = user_process["cwd"]
    (place / "in.txt").write_text("from here\n")
    (place / "Snakefile").write_text(THROUGH_STORAGE)
    storage = place / "storage"

    done = run(
        user_process,
        *("--shared-fs-usage", "none", "--default-storage-provider", "fs"),
        *("--default-storage-prefix", storage),
    )

    assert done.returncode == 0, done.stderr[-3000:]
    first, second = (storage / "b.txt").read_text().splitlines()
    assert "JOB_" in first
    assert first != second
