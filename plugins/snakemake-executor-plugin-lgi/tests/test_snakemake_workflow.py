"""Workflows through the real Snakemake, a project server and a daemon."""

import re
import shlex
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.grid import Grid, wait_for

PAGE = Path(__file__).parents[3] / "docs" / "engines" / "snakemake.md"
COMMAND = ["snakemake", "--executor", "lgi", "--jobs", "20", "--seconds-between-status-checks", "1"]
# The rule begins, and waits for a file.
SLOW = """
rule one:
    output: 'a.txt'
    shell: 'touch begun; while [ ! -e go ]; do sleep 0.1; done; echo {} > {{output}}'
"""
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
Process = dict[str, Any]


def blocks(kind: str) -> list[str]:
    """The blocks of the page that are of a kind."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def run(process: Process, *words: object) -> subprocess.CompletedProcess[str]:
    """Run Snakemake to its end."""
    command = [*COMMAND, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=250, check=False, **process)


@contextmanager
def started(process: Process, *words: object) -> Iterator[subprocess.Popen[str]]:
    """Run Snakemake during a block."""
    with (process["cwd"] / "snakemake.log").open("w") as log:
        # Background processes of a shell ignore SIGINT, and so may these tests.
        command = ["env", "--default-signal=INT", *COMMAND, *map(str, words)]
        made = subprocess.Popen(command, stdout=log, stderr=log, text=True, **process)
    try:
        yield made
    finally:
        (process["cwd"] / "go").touch()
        made.kill()
        made.wait(60)


def states(grid: Grid, process: Process) -> list[tuple[object, object]]:
    """State and exit code of each job of the workflow of a test, the oldest first."""
    sql = "SELECT state, exit_code FROM job_queue WHERE job_specifics LIKE %s ORDER BY job_id"
    rows = grid.rows(sql, f"%<directory> {process['cwd']} </directory>%")
    return [(row["state"], row["exit_code"]) for row in rows]


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


def test_a_job_of_a_snakemake_that_was_killed_is_taken_over(engine_grid: Grid, user_process: Process) -> None:
    """The job continues; the next run finds it by its labels and submits no second one."""
    place = user_process["cwd"]
    (place / "Snakefile").write_text(SLOW.format("done"))
    with started(user_process) as first:
        wait_for((place / "begun").exists)
        first.kill()
        first.wait(60)
        run(user_process, "--unlock")
        with started(user_process, "--rerun-incomplete") as second:
            wait_for(lambda: "is taken over" in (place / "snakemake.log").read_text())
            (place / "go").touch()
            assert second.wait(120) == 0

    assert (place / "a.txt").read_text() == "done\n"
    assert states(engine_grid, user_process) == [("finished", 0)]


def test_a_job_whose_rule_was_changed_since_is_cancelled_first(
    engine_grid: Grid, user_process: Process
) -> None:
    """Two jobs never write the same files: the new one starts when the old one has ended."""
    place = user_process["cwd"]
    (place / "Snakefile").write_text(SLOW.format("old"))
    with started(user_process) as first:
        wait_for((place / "begun").exists)
        first.kill()
        first.wait(60)
        run(user_process, "--unlock")
        (place / "Snakefile").write_text("rule one:\n    output: 'a.txt'\n    shell: 'echo new > {output}'\n")
        done = run(user_process, "--rerun-incomplete")

    assert done.returncode == 0, done.stderr[-3000:]
    assert (place / "a.txt").read_text() == "new\n"
    assert [state for state, _code in states(engine_grid, user_process)] == ["aborted", "finished"]


def test_a_job_of_somebody_else_is_never_taken_over(engine_grid: Grid, user_process: Process) -> None:
    """Anybody can read the labels of a job that is shared, and give them to one that does something else."""
    place = user_process["cwd"]
    (place / "Snakefile").write_text(SLOW.format("done"))
    with started(user_process) as first:
        wait_for((place / "begun").exists)
        first.kill()
        first.wait(60)
        run(user_process, "--unlock")
        like = f"%<directory> {place} </directory>%"
        (row,) = engine_grid.rows("SELECT job_id, labels FROM job_queue WHERE job_specifics LIKE %s", like)
        words = ["LGI_qdel", str(row["job_id"])]
        subprocess.run(words, check=True, capture_output=True, **user_process)
        wait_for(lambda: states(engine_grid, user_process) == [("aborted", None)])
        more = {"labels": str(row["labels"]), "read_access": "mark@laptop", "hold": "1"}
        engine_grid.user("bob@desk", ()).submit(application="command", **more)
        (place / "go").touch()
        done = run(user_process, "--rerun-incomplete")

    assert done.returncode == 0, done.stderr[-3000:]
    assert "is taken over" not in done.stderr
    assert (place / "a.txt").read_text() == "done\n"


def test_jobs_are_cancelled_with_their_snakemake(engine_grid: Grid, user_process: Process) -> None:
    """As by Ctrl-C: a job that runs is aborted."""
    (user_process["cwd"] / "Snakefile").write_text(SLOW.format("done"))
    with started(user_process) as made:
        wait_for((user_process["cwd"] / "begun").exists)
        made.send_signal(signal.SIGINT)
        made.wait(60)
        wait_for(lambda: [state for state, _code in states(engine_grid, user_process)] == ["aborted"])


def test_a_deleted_job_is_a_failed_one(engine_grid: Grid, user_process: Process) -> None:
    """Snakemake ends and says so, instead of waiting for ever."""
    place = user_process["cwd"]
    (place / "Snakefile").write_text(SLOW.format("done"))
    with started(user_process) as made:
        wait_for((place / "begun").exists)
        (row,) = engine_grid.rows("SELECT job_id FROM job_queue WHERE job_specifics LIKE %s", f"%{place} <%")
        number = str(row["job_id"])
        subprocess.run(["LGI_qdel", number], check=True, capture_output=True, **user_process)
        wait_for(lambda: states(engine_grid, user_process) == [("aborted", None)])
        assert made.wait(120) == 1

    assert f"LGI job {number}" in (place / "snakemake.log").read_text()


def test_a_workflow_continues_through_an_outage(engine_grid: Grid, user_process: Process) -> None:
    """Jobs do, too; Snakemake says once that the server does not answer."""
    place = user_process["cwd"]
    (place / "Snakefile").write_text(SLOW.format("done"))
    with started(user_process) as made:
        wait_for((place / "begun").exists)
        engine_grid.stop()
        try:
            wait_for(lambda: "does not answer, I try again" in (place / "snakemake.log").read_text(), 120)
            (place / "go").touch()
            wait_for((place / "a.txt").exists)
        finally:
            engine_grid.start()
        assert made.wait(120) == 0

    assert (place / "snakemake.log").read_text().count("does not answer") == 1


def test_a_job_outlives_the_token_of_its_snakemake(engine_grid: Grid, user_process: Process) -> None:
    """A refusal ends Snakemake with the reason, and aborts nothing."""
    place = user_process["cwd"]
    create = ["LGI_token", "create", "--scope", "submit"]
    made = subprocess.run(create, capture_output=True, text=True, check=True, **user_process)
    number = re.findall(r"token (\d+)", made.stderr)[0]
    (place / "Snakefile").write_text(SLOW.format("done"))
    own = user_process | {"env": user_process["env"] | {"LGI_TOKEN": made.stdout.strip()}}
    with started(own) as running:
        wait_for((place / "begun").exists)
        subprocess.run(["LGI_token", "revoke", number], capture_output=True, check=True, **user_process)
        assert running.wait(120) == 1
        assert states(engine_grid, user_process) == [("running", None)]

    log = (place / "snakemake.log").read_text()
    assert "LGI: the project server refuses: The token is not accepted" in log
    assert made.stdout.strip() not in log


def test_a_rule_with_a_wrong_request_fails_alone(user_process: Process) -> None:
    """Before a job of it is submitted; another rule runs, as --keep-going asks for."""
    place = user_process["cwd"]
    (place / "Snakefile").write_text(
        "rule all:\n    input: 'a.txt', 'b.txt'\n"
        "rule one:\n    output: 'a.txt'\n    resources: mem_mb=-5\n    shell: 'touch {output}'\n"
        "rule two:\n    output: 'b.txt'\n    shell: 'touch {output}'\n"
    )

    done = run(user_process, "--keep-going")

    assert done.returncode == 1
    assert "the resource mem_mb of a rule is -5: it must be from 0 to" in done.stderr
    assert (place / "b.txt").exists()


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


def test_a_failure_is_shown_with_the_end_of_its_output(user_process: Process) -> None:
    """With the exit code, the file that has all of it, and no control characters of the job."""
    rule = "rule one:\n    output: 'a.txt'\n    shell: \"printf 'the \\\\033[31mreason\\\\n' >&2; exit 3\"\n"
    (user_process["cwd"] / "Snakefile").write_text(rule)

    done = run(user_process)

    assert done.returncode == 1
    assert re.search(
        r"LGI job \d+ finished, exit code 1[^;]*; its output is in \S+/one-\w+\.log", done.stderr
    )
    assert "the  [31mreason" in done.stderr
    assert "\x1b" not in done.stderr.partition("its output is in")[2]


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


def test_a_project_that_is_not_reached_is_an_error_in_words(user_process: Process) -> None:
    """At the start of Snakemake, before a job is submitted."""
    (user_process["cwd"] / "Snakefile").write_text(SLOW.format("done"))

    done = run(user_process, "--lgi-server", "https://localhost:1/LGI")

    assert done.returncode == 1
    assert "LGI: the project server does not answer" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_token_that_does_not_hold_is_an_error_in_words(user_process: Process) -> None:
    """The server's reason is shown; a token is never part of a message."""
    token = "lgi1." + "a" * 80
    user_process["env"]["LGI_TOKEN"] = token
    (user_process["cwd"] / "Snakefile").write_text(SLOW.format("done"))

    done = run(user_process)

    assert done.returncode == 1
    assert "LGI: " in done.stderr
    assert token not in done.stderr
    assert "Traceback" not in done.stderr
