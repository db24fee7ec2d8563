"""Commands that wait for a job while its server is unreachable: the job continues, and so do they."""

from collections.abc import Callable
from functools import partial

import pytest

from lgi_tools.client.timing import Timing
from lgi_tools.commands.run import main as run_command
from lgi_tools.commands.tail import main as tail
from lgi_tools.commands.wait import main as wait
from tests.support.canned_server import Answer, CannedServer, end_fields, lgi

pytestmark = [pytest.mark.slow, pytest.mark.one_database]

Run = Callable[..., tuple[int, str, str]]
SUBMIT, STATE = "interfaces/interface_submit_job", "interfaces/interface_job_state"
TAIL = "interfaces/interface_job_tail"
GATEWAY = Answer(b"<html>the server is away</html>", 502)
WAITING = {
    "LGI_run": (run_command, ("--wait", "x")),
    "LGI_wait": (wait, ("58",)),
    "LGI_tail": (tail, ("-f", "58")),
}


def job(state: str, more: str = "") -> Answer:
    """A job of an answer."""
    return lgi(f"<job> <job_id> 58 </job_id> <state> {state} </state> {more} </job>")


def piece(state: str) -> Answer:
    """What a job has put out: nothing yet."""
    return lgi(f"<state> {state} </state> <told> 1 </told> <complete> 0 </complete> <offset> 0 </offset>")


def begins(server: CannedServer) -> None:
    """The job is there, and it runs."""
    server.will_answer_call(SUBMIT, job("queued"))
    server.will_answer_call(STATE, job("running"))


@pytest.mark.parametrize("name", WAITING)
def test_a_command_that_waits_goes_on(run: Run, server: CannedServer, name: str) -> None:
    """Though its server goes away as soon as the job is known; the end is that of the job."""
    main, words = WAITING[name]
    begins(server)
    server.will_answer_call(STATE, *[GATEWAY] * 3, job("finished", end_fields(5)))
    server.will_answer_call(TAIL, *[GATEWAY] * 3, piece("finished"))

    code, _, err = run(main, *words)

    assert code == (0 if name == "LGI_tail" else 5)
    assert "goes on" not in err
    assert name != "LGI_tail" or err == "LGI_tail: job 58 finished, exit code 5\n"


@pytest.mark.parametrize("name", WAITING)
def test_a_command_that_gives_up_says_that_the_job_goes_on(run: Run, server: CannedServer, name: str) -> None:
    """The exit code is EX_TEMPFAIL, which differs from those of failed jobs."""
    main, words = WAITING[name]
    begins(server)
    server.will_answer_call(STATE, GATEWAY)
    server.will_answer_call(TAIL, GATEWAY)

    code, out, err = run(partial(main, timing=Timing(outage_seconds=0.3)), *words)

    assert (code, out) == (75, "")
    assert f"{name}: job 58 continues, but {server.url} has not answered for 0.005 minutes: " in err


@pytest.mark.parametrize("name", ["LGI_wait", "LGI_tail"])
def test_a_job_that_is_not_known_is_not_waited_for(run: Run, server: CannedServer, name: str) -> None:
    """No server has ever answered, so the address is probably wrong."""
    main, words = WAITING[name]
    server.close()

    code, out, err = run(main, *words)

    assert (code, out) == (1, "")
    assert err.startswith(f"{name}: no answer from {server.url}: ")
