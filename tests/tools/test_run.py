"""LGI_run against a server with canned answers."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lgi_tools.commands.run import main
from tests.support.canned_server import Answer, CannedServer, end_fields, lgi, lgi_error

Run = Callable[..., tuple[int, str, str]]
SUBMIT, STATE = "interfaces/interface_submit_job", "interfaces/interface_job_state"
REPOSITORY = "JOB_75d8f2efe814c75e102a012925e8ceff"
RESOURCES = "interfaces/interface_project_resource_list"


def job(state: str = "queued", output: bytes = b"", more: str = "") -> str:
    """The job of an answer."""
    told = f"<job_id> 7 </job_id> <state> {state} </state> <output> {output.hex()} </output>"
    return f"<job> {told} {more} </job>"


def ends(
    server: CannedServer, output: bytes = b"", more: str = end_fields(0), state: str = "finished"
) -> None:
    """The job that is submitted ends so."""
    server.will_answer_call(SUBMIT, lgi(job()))
    server.will_answer_call(STATE, lgi(job(state, output, more)))


def stores(server: CannedServer, files: dict[str, bytes]) -> str:
    """What the job's answer says of its repository, which has these files."""
    place = f"/repository/abc/{REPOSITORY}"
    listed = [
        f"<file> <file_name> {name} </file_name> <size> {len(data)} </size> <date> 1 </date> </file>"
        for name, data in files.items()
    ]
    for name, data in files.items():
        server.will_answer("GET", f"{place}/{name}", Answer(data))
    url = f"<repository_url> {server.url}{place} </repository_url>"
    content = f"<repository_content> {' '.join(listed)} </repository_content>"
    return f"<job_specifics> {url} </job_specifics> {content}"


def test_the_number_of_the_job_is_printed(run: Run, server: CannedServer) -> None:
    """Nothing else is printed, for scripts; options after the program belong to the program."""
    server.will_answer_call(SUBMIT, lgi(job()))

    assert run(main, "echo", "-w", "--cpus") == (0, "7\n", "")
    fields = server.requests[0].fields
    assert (fields["application"], fields["target_resources"]) == ("command", "any")
    assert bytes.fromhex(fields["input"]) == b"#!/bin/sh\nexec echo -w --cpus\n"
    assert "job_specifics" not in fields


def test_every_request_is_an_option(run: Run, server: CannedServer) -> None:
    """The sent elements are those that resources and the server read."""
    server.will_answer_call(SUBMIT, lgi(job()))
    Path("run.sh").write_text("#!/bin/sh\n")
    Path("data").write_text("d")
    options = ["--cpus", "4", "--mem", "2G", "--time", "90m", "--image", "psi4:1.5", "--resource", "genus"]
    more = ["--resource", "primelib=4", "-f", "data", "-t", "a, b"]

    code, out, err = run(main, *options, *more, "--", "./run.sh", "data")

    assert (code, out, err) == (0, "7\n", "")
    request = server.requests[0]
    assert request.file_names == ["data", "run.sh"]
    assert request.fields["target_resources"] == "a, b"
    assert request.fields["job_specifics"] == (
        "<cpus> 4 </cpus> <memory> 2048 </memory> <walltime> 5400 </walltime> <image> psi4:1.5 </image>"
        " <licences> genus=1, primelib=4 </licences>"
    )


def test_variables_of_the_environment_go_with_the_job(
    run: Run, server: CannedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As they are here, or as they are given; no shell reads a value."""
    server.will_answer_call(SUBMIT, lgi(job()))
    monkeypatch.setenv("HERE", "$(id) 'x'\ny")

    run(main, "--env", "HERE", "--env", "EMPTY=", "--env", "A_1=b=c", "--", "env")

    script = bytes.fromhex(server.requests[0].fields["input"])
    done = subprocess.run(["/bin/sh", "-s"], input=script, env={}, capture_output=True, check=True)
    assert {b"HERE=$(id) 'x'", b"y", b"EMPTY=", b"A_1=b=c"} <= set(done.stdout.splitlines())


def resources(**told: str) -> Answer:
    """A list of resources that offer `command`."""
    each = [
        f"<resource> <resource_name> {name} </resource_name>"
        f" <resource_capabilities> <command> {text} </command> </resource_capabilities> </resource>"
        for name, text in told.items()
    ]
    return lgi(" ".join(each))


def test_a_job_that_no_resource_can_take_is_warned_of(run: Run, server: CannedServer) -> None:
    """The job is submitted all the same: who has more may come. Those that are no targets do not count."""
    few, images = "<max_cpus> 2 </max_cpus>", "<images> psi4:1.5 </images>"
    server.will_answer_call(SUBMIT, lgi(job()))
    server.will_answer_call(RESOURCES, resources(a=few, b=images), *[resources(a=few, b=images + few)] * 2)

    may = run(main, "--cpus", "99", "x")
    meant = run(main, "--cpus", "99", "-t", "a", "x")
    none = run(main, "--cpus", "99", "--image", "psi4:1.6", "x")

    warning = "LGI_run: warning: no resource can currently run this job: a gives a job 2 cpus at most, not 99"
    assert may == (0, "7\n", "")
    assert meant == (0, "7\n", f"{warning}\n")
    assert none == (0, "7\n", f"{warning}; b has no image psi4:1.6, gives a job 2 cpus at most, not 99\n")


def test_a_program_that_is_waited_for_ends_as_if_it_had_run_here(run: Run, server: CannedServer) -> None:
    """It has both streams and the exit code; the job's id is on standard error."""
    ends(server, b"out\n[LGI: standard error]\nerr\n[LGI: exit code 3]\n", end_fields(3))

    assert run(main, "--wait", "x") == (3, "out\n", "LGI_run: job 7\nerr\n")


def test_a_program_that_is_held_and_waited_for_says_so(run: Run, server: CannedServer) -> None:
    """It would wait without a word for somebody who releases it."""
    known = lgi("<most_jobs> 9 </most_jobs> <plans_hold> 1 </plans_hold>")
    server.will_answer_call("interfaces/interface_submit_jobs", known)
    ends(server, b"[LGI: exit code 0]\n")

    code, _, err = run(main, "--hold", "--wait", "x")

    assert (code, err) == (0, "LGI_run: job 7\nLGI_run: job 7 is held; LGI_release 7 releases it\n")


@pytest.mark.parametrize("option", ["--after", "--after-ok", "--after-any"])
@pytest.mark.parametrize("text", ["", " ", ","])
def test_a_job_that_is_to_follow_none_is_refused(
    run: Run, server: CannedServer, option: str, text: str
) -> None:
    """It is what a submit that has failed prints: the job would start without what it needs."""
    code, out, err = run(main, option, text, "x")

    assert (code, out, server.requests) == (1, "", [])
    assert "it names no job" in err


@pytest.mark.parametrize(
    ("output", "out", "err"),
    [
        (b"out\n[LGI: exit code 0]\n", "out\n", ""),
        (b"[LGI: standard error]\nerr\n[LGI: exit code 0]\n", "", "err\n"),
        (b"a [LGI: standard error]\n[LGI: exit code 0]\n", "a [LGI: standard error]\n", ""),
    ],
)
def test_the_two_streams_are_separated_by_a_line(
    run: Run, server: CannedServer, output: bytes, out: str, err: str
) -> None:
    """applications/command writes this line."""
    ends(server, output)

    assert run(main, "-w", "x") == (0, out, f"LGI_run: job 7\n{err}")


@pytest.mark.parametrize(
    ("output", "out"),
    [
        (b"a\x00[LGI: exit code 3]\n", "a\x00[LGI: exit code 3]\n"),
        (b"a\n[LGI: exit code 0]\n", "a\n"),
        (
            b"[LGI: exit code 3]\n[LGI: the epilogue failed]\n",
            "[LGI: exit code 3]\n[LGI: the epilogue failed]\n",
        ),
        (b"", ""),
    ],
)
def test_the_exit_code_is_never_read_out_of_the_output(
    run: Run, server: CannedServer, output: bytes, out: str
) -> None:
    """Only the field counts, whatever the output contains."""
    ends(server, output, end_fields(3))

    assert run(main, "-w", "x") == (3, out, "LGI_run: job 7\n")


@pytest.mark.parametrize(
    ("state", "more", "code", "said"),
    [
        ("finished", "", 3, "finished, exit code unknown"),
        ("finished", end_fields(reason="NODE_FAIL"), 3, "finished, exit code unknown: NODE_FAIL"),
        ("finished", "<exit_code> x </exit_code>", 3, "finished, exit code unknown"),
        ("finished", "<exit_code> 256 </exit_code>", 3, "finished, exit code unknown"),
        ("finished", end_fields(signal=9), 137, "finished, killed by signal 9"),
        (
            "finished",
            end_fields(124, reason="time limit of 3 s exceeded"),
            124,
            "finished, exit code 124: time limit",
        ),
        (
            "finished",
            end_fields(0, reason="not stored: out/ (directory)"),
            0,
            "finished, exit code 0: not stored",
        ),
        ("aborted", "", 1, "aborted"),
        ("aborted", end_fields(0), 1, "aborted, exit code 0"),
    ],
)
def test_an_end_without_an_exit_code_is_reported(
    run: Run, server: CannedServer, state: str, more: str, code: int, said: str
) -> None:
    """The message is on standard error; an unknown exit code is not a success."""
    ends(server, b"fine\n[LGI: exit code 0]\n", more, state)

    ended, out, err = run(main, "-w", "x")

    assert (ended, out) == (code, "fine\n")
    assert err.startswith(f"LGI_run: job 7\nLGI_run: job 7 {said}")


def test_the_whole_of_both_streams_is_fetched(run: Run, server: CannedServer) -> None:
    """Stored streams are printed byte for byte; the reported output is cut, and has LGI's lines."""
    whole = b"\x00\xff" + b"x" * 300_000
    files = stores(server, {"joblog.txt": whole, "joberr.txt": b"no line end"})
    output = b"\x00\n[LGI: cut, it has 300002 bytes]\n[LGI: standard error]\nno\n[LGI: exit code 0]\n"
    ends(server, output, files + end_fields(0))
    code = "from lgi_tools.commands.run import main; raise SystemExit(main())"

    ran = subprocess.run([sys.executable, "-c", code, "-w", "x"], capture_output=True, check=False)

    assert (ran.returncode, ran.stdout) == (0, whole)
    assert ran.stderr == b"LGI_run: job 7\nno line end"


@pytest.mark.parametrize("code", [0, 5])
def test_a_stream_whose_rest_cannot_be_fetched_is_reported(run: Run, server: CannedServer, code: int) -> None:
    """The mark is not shown as if it were output; the exit code is not 0."""
    output = b"abc\n[LGI: cut, it has 90000 bytes]\n[LGI: exit code 0]\n"
    ends(server, output, end_fields(code))

    ended, out, err = run(main, "-w", "x")

    assert (ended, out) == (code or 1, "abc\n")
    assert "joblog.txt cannot be fetched, 4 of 90000 bytes were reported: it is not in" in err


def test_a_mark_of_a_cut_with_too_many_digits_is_output(run: Run, server: CannedServer) -> None:
    """Such a line is the job's own: no stream has so many bytes."""
    cut = f"[LGI: cut, it has {'9' * 5000} bytes]"
    ends(server, f"abc\n{cut}\n[LGI: exit code 0]\n".encode(), end_fields(0))

    ended, out, _err = run(main, "-w", "x")

    assert (ended, out) == (0, f"abc\n{cut}\n")


def test_a_stream_that_the_server_refuses_is_reported(run: Run, server: CannedServer) -> None:
    """The message has the server's reason; the reported part is printed."""
    files = stores(server, {"joblog.txt": b"abc\n"})
    server.will_answer("GET", f"/repository/abc/{REPOSITORY}/joblog.txt")
    server.will_answer_instead("GET", f"/repository/abc/{REPOSITORY}/joblog.txt", Answer(b"no", 403))
    ends(server, b"abc\n[LGI: exit code 0]\n", files + end_fields(0))

    ended, out, err = run(main, "-w", "x")

    assert (ended, out) == (1, "abc\n")
    assert "joblog.txt cannot be fetched, 4 of 4 bytes were reported: the server answered HTTP 403" in err


def test_a_file_that_stays_here_is_warned_of(run: Run, server: CannedServer) -> None:
    """The job is submitted all the same: it may be meant so."""
    server.will_answer_call(SUBMIT, lgi(job()))
    Path("script.py").write_text("")

    code, out, err = run(main, "python3", "script.py")

    assert (code, out) == (0, "7\n")
    assert err == "LGI_run: warning: the local file script.py is not sent: use -f script.py to send it\n"


def test_a_program_that_may_not_start_is_warned_of(run: Run, server: CannedServer) -> None:
    """It is sent as it is, under its own name."""
    server.will_answer_call(SUBMIT, lgi(job()))
    Path("run.sh").write_bytes(b"#!/bin/sh\r\necho\r\n")

    code, out, err = run(main, "./run.sh")

    assert (code, out) == (0, "7\n")
    assert err.startswith("LGI_run: warning: run.sh has Windows line ends: it may not start: save it")


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ([], "Usage"),
        (["./nothing"], "nothing does not exist"),
        (["--mem", "much", "x"], "'much' is not a memory size"),
        (["--time", "soon", "x"], "'soon' is not a time"),
        (["--cpus", "0", "x"], "0 is not in the range"),
        (["--env", "NEVER_SET", "x"], "--env NEVER_SET: it is not set here; write NEVER_SET=VALUE"),
        (["--env", "a;b=1", "x"], "--env 'a;b=1': the name of a variable has letters, digits and _ only"),
        (["--resource", "a b", "x"], "'a b' is not a licence"),
        (["-t", "caf\udce9", "x"], r"LGI_run: target_resources is not UTF-8: 'caf\udce9'"),
        (["--image", "caf\udce9", "x"], "image is not UTF-8"),
        (["-P", "caf\udce9", "x"], "project is not UTF-8"),
    ],
)
def test_a_wrong_command_line_is_refused_and_nothing_sent(
    run: Run, server: CannedServer, words: list[str], fault: str
) -> None:
    """On standard error, with exit code 1."""
    code, out, err = run(main, *words)

    assert (code, out) == (1, "")
    assert fault in err
    assert server.requests == []


def test_a_refusal_of_the_server_is_reported(run: Run, server: CannedServer) -> None:
    """The message is one line with LGI's error number."""
    server.will_answer_call(SUBMIT, lgi_error(70, "nobody offers command"))

    advice = "LGI_qstat -L lists the applications that resources offer"
    assert run(main, "x") == (1, "", f"LGI_run: nobody offers command (LGI error 70): {advice}\n")


def test_a_server_that_is_away_is_reported(run: Run, server: CannedServer) -> None:
    """The message has its address, the exit code is 1."""
    server.close()

    code, out, err = run(main, "x")

    assert (code, out) == (1, "")
    assert err.startswith(f"LGI_run: no answer from {server.url}: ")


def test_the_option_verbose_tells_what_is_done(run: Run, server: CannedServer) -> None:
    """With -v the log has each call, and answers that are not LGI's."""
    server.will_answer_call(SUBMIT, Answer(b"<html> not here </html>", 404))
    code = "from lgi_tools.commands.run import main; raise SystemExit(main())"

    ran = subprocess.run([sys.executable, "-c", code, "-v", "x"], capture_output=True, text=True, check=False)

    assert (ran.returncode, ran.stdout) == (1, "")
    assert f"calling submit_job of {server.url}" in ran.stderr
    assert "the server answered: HTTP 404" in ran.stderr
