"""Commands that wait for a job while its server is unreachable: the job continues, and so do they."""

import json
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from lgi_tools.certificates.ca import Authority
from lgi_tools.client.timing import Timing
from lgi_tools.commands.run import main as run_command
from lgi_tools.commands.tail import main as tail
from lgi_tools.commands.wait import main as wait
from tests.support.canned_server import Answer, CannedServer, end_fields, lgi, lgi_error

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


STARTS = {
    "LGI_wait": WAITING["LGI_wait"],
    "LGI_tail": WAITING["LGI_tail"],
    "selection": (wait, ("--all", "-s", "finished")),
}


def test_several_jobs_are_waited_for_without_a_server_too(run: Run, server: CannedServer) -> None:
    """Their list is asked for first; the warning is given once."""
    server.close()

    code, out, err = run(partial(wait, timing=Timing(outage_seconds=0.3)), "58", "59")

    assert (code, out, err.count("no answer from")) == (75, "", 1)
    assert "LGI_wait: job 58 continues, but " in err


@pytest.mark.parametrize("name", STARTS)
@pytest.mark.parametrize("fault", [GATEWAY, lgi_error(3, "no database")])
def test_a_command_that_starts_during_an_outage_waits_for_the_server(
    run: Run, server: CannedServer, name: str, fault: Answer
) -> None:
    """It says so once, and ends as the job did."""
    main, words = STARTS[name]
    listed = [job("finished", end_fields(5)), lgi("")] if name == "selection" else []
    server.will_answer_call(STATE, *[fault] * 3, *listed, job("finished", end_fields(5)))

    code, _, err = run(main, *words)

    assert code == (0 if name == "LGI_tail" else 5)
    assert err.count("no answer from") == 1
    assert f": no answer from {server.url}: " in err
    assert "; trying for ten minutes\n" in err


@pytest.mark.parametrize("name", STARTS)
def test_a_command_that_starts_without_a_server_gives_up_at_last(
    run: Run, server: CannedServer, name: str
) -> None:
    """The exit code is not 1, which is that of an aborted job."""
    main, words = STARTS[name]
    server.close()

    code, out, err = run(partial(main, timing=Timing(outage_seconds=0.3)), *words)

    first, last = err.splitlines()
    assert (code, out) == (75, "")
    assert first.endswith(f": no answer from {server.url}: Connection refused; trying for 0.005 minutes")
    assert f" continues, but {server.url} has not answered for 0.005 minutes: " in last


@pytest.mark.parametrize("words", [("58",), ("-s", "finished")])
def test_a_timeout_ends_a_wait_for_a_server(run: Run, server: CannedServer, words: tuple[str, ...]) -> None:
    """As one for a job."""
    server.close()

    assert run(wait, "--timeout", "0.3", *words)[:2] == (124, "")


@pytest.mark.parametrize("name", STARTS)
@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("https://127.0.0.1:{}/LGI", "IP address mismatch"),
        ("https://nowhere.invalid:{}/LGI", "Name or service not known"),
        ("https://localhost:{}/other", "the answer is not an LGI document (HTTP 404)"),
    ],
)
def test_a_wrong_address_ends_a_command_at_once(
    run: Run, server: CannedServer, monkeypatch: pytest.MonkeyPatch, name: str, address: str, reason: str
) -> None:
    """No time mends it. The exit code is not that of an aborted job."""
    main, words = STARTS[name]
    find = socket.getaddrinfo

    def no_such_name(host: str, *more: Any, **options: Any) -> Any:
        if host.endswith(".invalid"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return find(host, *more, **options)

    monkeypatch.setattr(socket, "getaddrinfo", no_such_name)
    url = address.format(server.url.split(":")[2].split("/")[0])

    code, out, err = run(main, "-S", url, *words)

    assert (code, out) == (75, "")
    assert f": no answer from {url}: {reason}" in err or reason in err
    assert "trying" not in err


@pytest.mark.parametrize("name", STARTS)
def test_another_ca_ends_a_command_at_once(
    run: Run, server: CannedServer, home: Path, tmp_path: Path, name: str
) -> None:
    """The server is there, but is not the user's."""
    main, words = STARTS[name]
    other = Authority.create(tmp_path / "other").ca_file
    (home / ".LGI" / "ca_chain").write_bytes(other.read_bytes())

    code, out, err = run(main, *words)

    assert (code, out) == (75, "")
    assert "was not issued by the CA that is trusted here" in err
    assert "trying" not in err


@pytest.mark.parametrize("name", STARTS)
def test_a_refused_certificate_says_nothing_of_a_job(run: Run, server: CannedServer, name: str) -> None:
    """Nothing is printed that looks like its end; --json has the error."""
    main, words = STARTS[name]
    server.will_answer_call(STATE, lgi_error(2, "no valid certificate"))

    code, out, err = run(main, *words)

    assert (code, out) == (75, "")
    assert err.endswith(": no valid certificate (LGI error 2)\n")


def test_a_refused_certificate_is_json_too(run: Run, server: CannedServer) -> None:
    """With the same exit code."""
    server.will_answer_call(STATE, lgi_error(2, "no valid certificate"))

    code, out, _ = run(wait, "--json", "58")

    assert (code, json.loads(out)) == (75, {"error": {"number": 2, "message": "no valid certificate"}})


@pytest.mark.parametrize("name", ["LGI_run", "LGI_tail"])
def test_a_command_that_does_not_wait_yet_ends_at_once(run: Run, server: CannedServer, name: str) -> None:
    """Nothing is submitted, and nothing follows."""
    main, words = {"LGI_run": WAITING["LGI_run"], "LGI_tail": (tail, ("58",))}[name]
    server.close()

    code, out, err = run(partial(main, timing=Timing(retry_seconds=0.2)), *words)

    assert (code, out) == (1, "")
    assert err == f"{name}: no answer from {server.url}: Connection refused\n"
