"""LGI_run against a server with canned answers."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lgi_tools.run import main

from .canned_server import Answer, CannedServer, lgi, lgi_error

Run = Callable[..., tuple[int, str, str]]
SUBMIT, STATE = "interfaces/interface_submit_job", "interfaces/interface_job_state"
RESOURCES = "interfaces/interface_project_resource_list"


def job(state: str = "queued", output: bytes = b"") -> str:
    """The job of an answer."""
    return f"<job> <job_id> 7 </job_id> <state> {state} </state> <output> {output.hex()} </output> </job>"


def ends(server: CannedServer, output: bytes, state: str = "finished") -> None:
    """The job that is submitted ends so."""
    server.will_answer_call(SUBMIT, lgi(job()))
    server.will_answer_call(STATE, lgi(job(state, output)))


def test_the_number_of_the_job_is_printed(run: Run, server: CannedServer) -> None:
    """And nothing else, for scripts; options after the program are the program's."""
    server.will_answer_call(SUBMIT, lgi(job()))

    assert run(main, "echo", "-w", "--cpus") == (0, "7\n", "")
    fields = server.requests[0].fields
    assert (fields["application"], fields["target_resources"]) == ("command", "any")
    assert bytes.fromhex(fields["input"]) == b"#!/bin/sh\nexec echo -w --cpus\n"
    assert "job_specifics" not in fields


def test_everything_can_be_asked_for(run: Run, server: CannedServer) -> None:
    """In the words that resources and the server read."""
    server.will_answer_call(SUBMIT, lgi(job()))
    Path("run.sh").write_text("#!/bin/sh\n")
    Path("data").write_text("d")
    wishes = ["--cpus", "4", "--mem", "2G", "--time", "90m", "--image", "psi4:1.5", "--resource", "genus"]
    more = ["--resource", "primelib=4", "-f", "data", "-t", "a, b"]

    code, out, err = run(main, *wishes, *more, "--", "./run.sh", "data")

    assert (code, out, err) == (0, "7\n", "")
    request = server.requests[0]
    assert request.file_names == ["data", "run.sh"]
    assert request.fields["target_resources"] == "a, b"
    assert request.fields["job_specifics"] == (
        "<cpus> 4 </cpus> <memory> 2048 </memory> <walltime> 5400 </walltime> <image> psi4:1.5 </image>"
        " <licences> genus=1, primelib=4 </licences>"
    )


def resources(**told: str) -> Answer:
    """A list of resources that offer `command`."""
    each = [
        f"<resource> <resource_name> {name} </resource_name>"
        f" <resource_capabilities> <command> {text} </command> </resource_capabilities> </resource>"
        for name, text in told.items()
    ]
    return lgi(" ".join(each))


def test_what_no_resource_can_take_is_warned_of(run: Run, server: CannedServer) -> None:
    """The job is submitted all the same: who has more may come. Those that are no targets do not count."""
    few, images = "<max_cpus> 2 </max_cpus>", "<images> psi4:1.5 </images>"
    server.will_answer_call(SUBMIT, lgi(job()))
    server.will_answer_call(RESOURCES, resources(a=few, b=images), *[resources(a=few, b=images + few)] * 2)

    may = run(main, "--cpus", "99", "x")
    meant = run(main, "--cpus", "99", "-t", "a", "x")
    none = run(main, "--cpus", "99", "--image", "psi4:1.6", "x")

    warning = "LGI_run: warning: no resource takes it as things are: a gives a job 2 cpus at most, not 99"
    assert may == (0, "7\n", "")
    assert meant == (0, "7\n", f"{warning}\n")
    assert none == (0, "7\n", f"{warning}; b has no image psi4:1.6, gives a job 2 cpus at most, not 99\n")


def test_with_wait_it_is_as_if_it_had_run_here(run: Run, server: CannedServer) -> None:
    """Both streams and the exit code; the number of the job beside them."""
    ends(server, b"out\n[LGI: standard error]\nerr\n[LGI: exit code 3]\n")

    assert run(main, "--wait", "x") == (3, "out\n", "LGI_run: job 7\nerr\n")


@pytest.mark.parametrize(
    ("output", "out", "err"),
    [
        (b"out\n[LGI: exit code 0]\n", "out\n", ""),
        (b"[LGI: standard error]\nerr\n[LGI: exit code 0]\n", "", "err\n"),
        (b"a [LGI: standard error]\n[LGI: exit code 0]\n", "a [LGI: standard error]\n", ""),
    ],
)
def test_streams_are_told_apart_by_a_line(
    run: Run, server: CannedServer, output: bytes, out: str, err: str
) -> None:
    """As applications/command writes it."""
    ends(server, output)

    assert run(main, "-w", "x") == (0, out, f"LGI_run: job 7\n{err}")


@pytest.mark.parametrize(
    ("state", "output", "reason"),
    [
        ("finished", b"[LGI: no exit code: NODE_FAIL]\n", "job 7 is finished: NODE_FAIL"),
        ("aborted", b"", "job 7 is aborted: it has no exit code"),
    ],
)
def test_a_job_without_exit_code_is_a_failure(
    run: Run, server: CannedServer, state: str, output: bytes, reason: str
) -> None:
    """And says why."""
    ends(server, output, state)

    code, _, err = run(main, "-w", "x")

    assert (code, err) == (1, f"LGI_run: job 7\nLGI_run: {reason}\n")


def test_a_file_that_stays_here_is_warned_of(run: Run, server: CannedServer) -> None:
    """The job is submitted all the same: it may be meant so."""
    server.will_answer_call(SUBMIT, lgi(job()))
    Path("script.py").write_text("")

    code, out, err = run(main, "python3", "script.py")

    assert (code, out) == (0, "7\n")
    assert err == "LGI_run: warning: script.py is a file here and is not sent: -f script.py sends it\n"


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ([], "Usage"),
        (["./nothing"], "nothing is not there"),
        (["--mem", "much", "x"], "'much' is no memory"),
        (["--time", "soon", "x"], "'soon' is no time"),
        (["--cpus", "0", "x"], "0 is not in the range"),
        (["--resource", "a b", "x"], "'a b' is no resource"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_sent(
    run: Run, server: CannedServer, words: list[str], fault: str
) -> None:
    """On standard error, with exit code 1."""
    code, out, err = run(main, *words)

    assert (code, out) == (1, "")
    assert fault in err
    assert server.requests == []


def test_what_the_server_refuses_is_said(run: Run, server: CannedServer) -> None:
    """With LGI's number."""
    server.will_answer_call(SUBMIT, lgi_error(70, "nobody offers command"))

    assert run(main, "x") == (1, "", "LGI_run: nobody offers command (LGI error 70)\n")


def test_a_server_that_is_away_is_said(run: Run, server: CannedServer) -> None:
    """With its address."""
    server.close()

    code, out, err = run(main, "x")

    assert (code, out) == (1, "")
    assert err.startswith(f"LGI_run: no answer from {server.url}: ")


def test_what_is_done_can_be_told(run: Run, server: CannedServer) -> None:
    """With -v, and what a server said that is none of LGI."""
    server.will_answer_call(SUBMIT, Answer(b"<html> not here </html>", 404))
    code = "from lgi_tools.run import main; raise SystemExit(main())"

    ran = subprocess.run([sys.executable, "-c", code, "-v", "x"], capture_output=True, text=True, check=False)

    assert (ran.returncode, ran.stdout) == (1, "")
    assert f"calling submit_job of {server.url}" in ran.stderr
    assert "the server answered: HTTP 404" in ran.stderr
