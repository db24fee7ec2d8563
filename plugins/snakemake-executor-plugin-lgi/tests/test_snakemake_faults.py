"""What becomes of jobs of the real Snakemake when something fails."""

import re
import signal
import subprocess

from snakemake_runs import Process, kill, run, started, states

from tests.support.grid import Grid, wait_for

# The rule begins, and waits for a file.
SLOW = """
rule one:
    output: 'a.txt'
    shell: 'touch begun; while [ ! -e go ]; do sleep 0.1; done; echo {} > {{output}}'
"""


def test_a_job_of_a_snakemake_that_was_killed_is_taken_over(engine_grid: Grid, user_process: Process) -> None:
    """The job continues; the next run finds it by its labels and submits no second one."""
    place = user_process["cwd"]
    (place / "Snakefile").write_text(SLOW.format("done"))
    with started(user_process) as first:
        wait_for((place / "begun").exists)
        kill(user_process, first)
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
        kill(user_process, first)
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
        kill(user_process, first)
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
