"""LGI_explain: why a job does not run."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lgi_protocol.machine_state import MachineState
from lgi_tools.client import command_line
from lgi_tools.client.explanation import read_explanation
from lgi_tools.client.job import Details, read_details
from lgi_tools.client.project import Project
from lgi_tools.client.resource import Resource
from lgi_tools.commands import explain
from lgi_tools.commands.explain import main
from lgi_tools.commands.wait import main as wait
from tests.support.canned_server import CannedServer, end_fields, lgi, lgi_error
from tests.support.grid import Grid
from tests.tools.test_selection import submitted, tool

Run = Callable[..., tuple[int, str, str]]
__all__ = ["tool"]
STATE, RESOURCES = "interfaces/interface_job_state", "interfaces/interface_project_resource_list"
EXPLAIN = "interfaces/interface_explain_job"
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def job(state: str = "queued", targets: str = "any", specifics: str = "", output: bytes = b"") -> Details:
    """A job of `command` that has changed three minutes ago."""
    return read_details(
        f"<job_id> 7 </job_id> <state> {state} </state> <application> command </application>"
        f" <target_resources> {targets} </target_resources> <job_specifics> {specifics} </job_specifics>"
        f" <output> {output.hex()} </output>"
        f" <state_time_stamp> {int((NOW - timedelta(minutes=3)).timestamp())} </state_time_stamp>"
    )


def resource(name: str, offers: str = "command", **ago: float) -> Resource:
    """A resource that has called some time ago."""
    return Resource(name, f"<{offers}> </{offers}>", NOW - timedelta(**ago))


def lines(made: Details, *resources: Resource) -> list[str]:
    """What is said."""
    return list(explain.explained(made, resources, NOW))


def test_a_resource_that_takes_no_jobs_now_is_told_with_its_own_word() -> None:
    """Its SLURM is down: it would take the job, but not now."""
    closed = "<unavailable> squeue: not found </unavailable>"
    one = Resource("a", f"<command> {closed} </command>", NOW - timedelta(seconds=5))

    assert lines(job(), one) == [
        "job 7 has been queued for 3 minutes: no resource can currently run it",
        "  a: takes no jobs of command now: squeue: not found; last call 5 seconds ago",
    ]


def test_each_resource_is_explained() -> None:
    """Those that could take it first."""
    told = lines(
        job(targets="a, b, c"),
        resource("a", "hello_world", seconds=5),
        resource("b", days=2),
        resource("c", seconds=1),
        resource("d", seconds=5),
    )

    assert told == [
        "job 7 has been queued for 3 minutes: 1 of 4 resources accept such jobs, but may be full",
        "  c: accepts such jobs, but may be full, or its local "
        "limits may refuse this one; last call 1 second ago",
        "  a: does not offer command",
        "  b: may be down: last call 2 days ago",
        "  d: is not one of the job's targets, a, b, c",
    ]


def test_the_free_slots_of_a_resource_are_shown_as_it_said_them() -> None:
    """With their age; a resource that says nothing of its machine, or of its slots, has no such words."""
    full = replace(
        resource("a", seconds=1),
        machine=MachineState(slots=4, free_slots=0),
        machine_told_at=NOW - timedelta(seconds=40),
    )

    _head, first, second, third = lines(
        job(), full, resource("b", seconds=1), replace(full, name="c", machine=MachineState())
    )

    assert first.endswith(
        "refuse this one; 0 of its 4 slots were free 40 seconds ago; last call 1 second ago"
    )
    assert "slots" not in second + third


@pytest.mark.parametrize(
    ("targets", "resources", "summary"),
    [
        ("any", [], "no resource offers command"),
        ("any", [resource("a", "other", seconds=1)], "no resource offers command"),
        ("b", [resource("a", seconds=1)], "no resource can currently run it"),
        ("a", [resource("a", hours=1)], "no resource can currently run it"),
    ],
)
def test_a_job_that_nobody_can_take_is_explained(
    targets: str, resources: list[Resource], summary: str
) -> None:
    """The first line says why, before the list of resources."""
    assert lines(job(targets=targets), *resources)[0] == f"job 7 has been queued for 3 minutes: {summary}"


def test_the_requests_of_a_job_are_a_reason() -> None:
    """A resource that has less leaves it to others."""
    told = lines(job(specifics="<cpus> 64 </cpus>"), resource("a", seconds=1))

    assert told[0].endswith("but may be full; its requests: <cpus> 64 </cpus>")


def test_the_lack_that_a_resource_announces_is_shown() -> None:
    """Which image, or how much; it counts no more as one that could take it."""
    images = (
        "<command> &lt;images&gt; psi4:1.5 &lt;/images&gt; &lt;max_cpus&gt; 8 &lt;/max_cpus&gt; </command>"
    )
    told = lines(
        job(specifics="<image> psi4:1.6 </image> <cpus> 64 </cpus>"),
        Resource("a", images, NOW),
        Resource("b", images, NOW - timedelta(days=2)),
    )

    assert told == [
        "job 7 has been queued for 3 minutes: no resource can currently run it",
        "  a: has no image psi4:1.6, gives a job 8 cpus at most, not 64",
        "  b: has no image psi4:1.6, gives a job 8 cpus at most, not 64",
    ]


def test_a_job_that_runs_needs_no_explanation() -> None:
    """One line says where it runs, and for how long."""
    assert lines(job("running", "a")) == ["job 7 has been running for 3 minutes at a"]
    assert lines(job("aborting", "a")) == ["job 7 has been aborting for 3 minutes at a"]


def test_a_job_that_its_resource_cannot_start_says_why() -> None:
    """The line is the same of a job that was given back; of an old server there is none."""
    since = int((NOW - timedelta(minutes=2)).timestamp())
    content = (
        "<message> it runs </message> <waits_on> <resource_name> a </resource_name>"
        f" <reason> exit status 1: &lt;no scratch&gt; </reason> <since> {since} </since> </waits_on>"
    )
    why = "  waits on a: exit status 1: <no scratch> (for 2 minutes)"

    running = list(explain.explained(job("running", "a"), [], NOW, read_explanation(content)))
    queued = list(explain.explained(job(), [], NOW, read_explanation(content)))
    plain = list(explain.explained(job("running", "a"), [], NOW, read_explanation("<message> </message>")))

    assert running == ["job 7 has been running for 3 minutes at a", why]
    assert queued == ["job 7 has been queued for 3 minutes: it runs", why]
    assert plain == running[:1]


def test_a_job_that_has_ended_says_how() -> None:
    """The text is that of LGI_wait: state, exit code and reason."""
    made = job("finished", output=b"[LGI: exit code 0]\n")

    assert lines(made) == ["job 7 finished, exit code unknown"]
    assert lines(replace(made, exit_code=3, end_reason="why")) == ["job 7 finished, exit code 3: why"]


def test_a_reason_cannot_steer_the_terminal(run: Run, server: CannedServer) -> None:
    """Control characters of a job are escaped, also in a pipe."""
    end = end_fields(1, reason="no\u202efdp\x9b2J")
    server.will_answer_call(STATE, lgi(f"<job> <job_id> 7 </job_id> <state> finished </state>{end} </job>"))
    line = "7 finished, exit code 1: no\\u202efdp\\x9b2J\n"

    assert run(main, "7") == (0, f"job {line}", "")
    assert run(wait, "7") == (1, line, "")


def test_the_resources_are_asked_for_a_queued_job_only(run: Run, server: CannedServer) -> None:
    """For a job that does not exist the error of the server is printed."""
    server.will_answer_call(
        STATE,
        lgi("<job> <job_id> 7 </job_id> <state> queued </state> <application> a </application> </job>"),
        lgi("<job> <job_id> 7 </job_id> <state> aborted </state> </job>"),
        lgi_error(15, "no such job"),
    )
    server.will_answer_call(RESOURCES, lgi("<resource> <resource_name> r </resource_name> </resource>"))

    code, out, err = run(main, "7")
    assert (code, err) == (0, "")
    assert out.endswith(": no resource offers a\n  r: does not offer a\n")
    assert run(main, "7") == (0, "job 7 aborted\n", "")
    assert run(main, "7") == (1, "", "LGI_explain: no such job (LGI error 15)\n")
    # The explanation, which an old server has not, the job, the resources; then no resources, twice.
    assert len(server.requests) == 7


def test_a_locked_job_is_explained_at_once(run: Run, server: CannedServer) -> None:
    """The answer has the holder and time of the lock; the server does not return the details meanwhile."""
    since = int((datetime.now(UTC) - timedelta(minutes=20)).timestamp())
    lock = f"<locked_by> cluster@test </locked_by> <locked_since> {since} </locked_since>"
    message = "<message> a resource is just looking at it </message>"
    server.will_answer_call(EXPLAIN, lgi(f"<explanation> {message} {lock} </explanation>"))

    said = run(main, "7")

    line = "job 7 has been locked by cluster@test for 20 minutes: a resource is just looking at it\n"
    assert said == (0, line, "")
    assert len(server.requests) == 1


def test_the_end_of_the_standard_error_of_a_failed_job_is_shown(grid: Grid, tool: Run) -> None:
    """Ten lines of it, without what could steer a terminal; nothing of a job that has succeeded."""
    lines = "".join(f"line {number}\n" for number in range(30)) + "\x1b[2Jboom \u202e" + "x" * 900
    output = f"out\n[LGI: standard error]\n{lines}\n".encode()
    failed, well = (submitted(grid) for _ in range(2))
    grid.set_job(failed, state="finished", exit_code=3, output=output)
    grid.set_job(well, state="finished", exit_code=0, output=output)

    code, out, err = tool(main, str(failed))

    assert (code, err) == (0, "")
    heading, first, *_, last = out.splitlines()[1:]
    assert (heading, first) == ("  the end of its standard error:", "    line 21")
    assert last.startswith("    \\x1b[2Jboom \\u202exxx")
    assert len(last) < 300
    assert tool(main, str(well))[1] == f"job {well} finished, exit code 0\n"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("err.txt", ["  the end of its standard error:", "    no convergence"]),
        ("gone.txt", ["  its standard error is in gone.txt, which is not on the server"]),
        ("null", ["  its standard error was discarded"]),
    ],
)
def test_the_end_of_a_standard_error_in_a_file_of_its_own_is_shown(
    grid: Grid, tool: Run, tmp_path: Path, name: str, said: list[str]
) -> None:
    """Of a job that was submitted with --stderr."""
    file = tmp_path / "err.txt"
    file.write_text("one\n" * 20 + "no convergence\n")
    script = command_line.of_words(["false"], errors=name).input.hex()
    failed = grid.user().submit((file,), application="command", input=script)
    grid.set_job(failed, state="finished", exit_code=3, output=b"out\n")

    lines = tool(main, str(failed))[1].splitlines()[1:]

    assert (lines[0], lines[-1]) == (said[0], said[-1])


def test_a_deleted_job_of_several_is_told_and_the_others_are_explained(grid: Grid, tool: Run) -> None:
    """The exit code is 1; JSON has its error in its place."""
    first, gone, last = (submitted(grid, "finished") for _ in range(3))
    grid.user().delete(gone)

    code, out, err = tool(main, str(first), str(gone), str(last))
    documents = json.loads(tool(main, "--json", str(first), str(gone), str(last))[1])["jobs"]

    assert (code, out.count("exit code 4")) == (1, 2)
    assert err.startswith(f"LGI_explain: job {gone}: ")
    assert [one["job_id"] for one in documents] == [first, gone, last]
    assert [one.get("error", {}).get("number") for one in documents] == [None, 15, None]


def test_too_many_jobs_are_not_explained(grid: Grid, tool: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers and ranges alike; the message says what to do."""
    monkeypatch.setattr(explain, "MOST", 2)
    numbers = [submitted(grid) for _ in range(3)]

    refused = [tool(main, *map(str, numbers)), tool(main, "1-1000000")]

    assert [one[:2] for one in refused] == [(1, "")] * 2
    assert all("more than 2 jobs are selected: select fewer" in one[2] for one in refused)
    assert tool(main, f"{numbers[0]}-{numbers[1]}")[0] == 0


@pytest.mark.slow
def test_the_servers_own_explanation_is_shown(grid: Grid) -> None:
    """Its reason, the jobs before it, and what runs where."""
    resource = grid.resource()
    user = grid.user()
    jobs = [user.submit() for _ in range(3)]
    resource.request_work("hello_world", 0, 1)
    resource.update(str(jobs[0]), state="running", target_resources="res1@cluster")
    resource.unlock(str(jobs[0]))
    shown = user.client.credentials
    project = Project(
        grid.url,
        "LGI",
        user=user.name,
        groups=(user.groups,),
        key=shown.key,
        certificate=shown.certificate,
        ca=shown.ca,
    )

    with project:
        told = project.explain(jobs[2])
        said = list(explain.explained(project.job(jobs[2]), project.resources(), datetime.now(UTC), told))

    assert said[0].startswith(f"job {jobs[2]} has been queued for ")
    assert said[0].endswith(told.message)
    assert said[1] == "  1 queued jobs are ahead of it"
    assert said[2].startswith("  res1@cluster: accepts such jobs")
    assert said[2].endswith("; currently runs 1 jobs of hello_world")
