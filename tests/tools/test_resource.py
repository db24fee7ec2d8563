"""LGI_resource: one resource of the project."""

import json
import time
from collections.abc import Callable

from click.shell_completion import ShellComplete

from lgi_protocol.exchange import Exchange
from lgi_protocol.job_end import End
from lgi_protocol.machine_state import MachineState
from lgi_tools.commands.resource import command, main
from tests.support.exchanges import daemon, end_of
from tests.support.grid import Grid, wait_for
from tests.tools.test_selection import submitted, tool

Run = Callable[..., tuple[int, str, str]]
__all__ = ["tool"]
CAPABILITIES = (
    "<command> <max_cpus> 8 </max_cpus> <images> psi4:1.5 </images> </command>"
    " <vasp> <unavailable> no licence </unavailable> </vasp>"
)


def at_work(grid: Grid) -> tuple[int, int]:
    """The numbers of a job that runs on a resource, and of one that has failed there."""
    one = daemon(grid, "node7@cluster", capabilities=CAPABILITIES)
    state = MachineState("Debian", int(time.time()) - 100, 2.5, 8, 5, 16000, 9000, 20, 17, 2, 1)
    one.post(Exchange(machine=state))
    # It is stored a moment after the call.
    wait_for(lambda: grid.rows("SELECT state FROM resource_machines"))
    failed = submitted(grid, target_resources="node7@cluster", job_name="sweep")
    (job,) = one.want(application="command")
    one.report(end_of(job, b"", end=End(3)))
    running = submitted(grid, target_resources="node7@cluster")
    one.want(application="command")
    return running, failed


def test_a_resource_is_shown_with_its_machine_and_the_jobs_of_the_user(grid: Grid, tool: Run) -> None:
    """By its whole name or the part before @; failures are those of jobs that the user may read."""
    running, failed = at_work(grid)

    code, shown, _ = tool(main, "node7")

    assert code == 0
    lines = [line.rstrip() for line in shown.splitlines()]
    assert lines[0] == "Resource       : node7@cluster"
    for line in (
        "Cores          : 5 of 8 free, load 2.50",
        "Slots          : 17 of 20 free",
        "GPUs           : 1 of 2 free",
        "Application    : command, at most 8 cpus, images psi4:1.5",
        "Application    : vasp, takes no jobs now: no licence",
        "Yours running  : 1",
        "Failures (day) : 1",
    ):
        assert line in lines
    assert any(line.startswith(f"  job {running}, command: for ") for line in lines)
    assert any(line.startswith(f"  job {failed} (sweep), command: finished, exit code 3, ") for line in lines)


def test_a_resource_is_json_for_programs(grid: Grid, tool: Run) -> None:
    """What is not known is null."""
    running, failed = at_work(grid)

    of_node = json.loads(tool(main, "--json", "node7@cluster")[1])
    of_other = json.loads(tool(main, "--json", "res1")[1])

    assert (of_node["machine"]["free_gpus"], of_node["machine"]["system"]) == (1, "Debian")
    assert of_node["applications"]["command"]["maximum"] == {"cpus": 8}
    assert [one["job_id"] for one in of_node["running"]] == [running]
    assert [(one["job_id"], one["exit_code"]) for one in of_node["failed"]] == [(failed, 3)]
    assert (of_other["machine"], of_other["running"], of_other["drained_since"]) == (None, [], None)


def test_an_unknown_resource_is_a_failure_that_names_those_there_are(grid: Grid, tool: Run) -> None:
    """So is a part of a name that several have."""
    grid.resource("res1@desk", "<command> </command>")

    unknown, several = tool(main, "res9"), tool(main, "res1")

    assert (unknown[0], several[0]) == (1, 1)
    assert "the project has no resource res9: it has res1@cluster, res1@desk" in unknown[2]
    assert "several resources are called res1: give one of res1@cluster, res1@desk" in several[2]


def test_a_drained_resource_says_why(grid: Grid, tool: Run) -> None:
    """And that it gets no new jobs."""
    grid.run(
        "UPDATE active_resources SET drained_since = %s, drain_reason = 'disks', last_call_time = %s"
        " WHERE resource_name = 'res1@cluster'",
        *(int(time.time()) - 120, int(time.time())),
    )

    shown = tool(main, "res1")[1]

    assert "drained for 2m" in shown
    assert ", it gets no new jobs: disks\n" in shown


def test_a_shell_offers_the_names_of_resources(grid: Grid, tool: Run) -> None:
    """Those that begin so."""
    grid.resource("big1@desk", "<command> </command>")

    offered = ShellComplete(command, {}, "LGI_resource", "_").get_completions([], "b")

    assert [one.value for one in offered] == ["big1@desk"]
