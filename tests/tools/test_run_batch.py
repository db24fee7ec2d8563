"""LGI_run --batch: a job for each line of a file, in few calls."""

import io
import json
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from lgi_protocol.backoff import Backoff
from lgi_tools.certificates import user_directory
from lgi_tools.client.timing import Timing
from lgi_tools.commands.run import main
from tests.support.canned_server import Answer, CannedServer
from tests.support.cutting_proxy import Cut, CuttingProxy, When
from tests.support.grid import Grid

from .test_bulk_submit import LIST, MANY, made
from .test_safe_submit import LOST, of_today, proxy  # noqa: F401 - a fixture

Run = Callable[..., tuple[int, str, str]]
RESOURCES = "interfaces/interface_project_resource_list"


@pytest.fixture
def many(server: CannedServer) -> Callable[..., None]:
    """Sets the answers of the bulk call, after the one that says how many jobs it takes."""

    def will_answer(*answers: Answer, most: int = 100) -> None:
        server.will_answer_call(LIST, of_today())
        server.will_answer_call(MANY, of_today(f"<most_jobs> {most} </most_jobs>"), *answers)

    return will_answer


def sent(server: CannedServer) -> Iterator[dict[str, str]]:
    """The jobs that arrived, in their order."""
    for request in server.requests:
        yield from json.loads(request.fields.get("jobs", "[]"))


def script(job: dict[str, str]) -> str:
    """The command of a job."""
    return bytes.fromhex(job["input"]).decode("utf-8", "surrogateescape").removeprefix("#!/bin/sh\n")


def batch(text: str | bytes) -> str:
    """Write a file of lines and return its name."""
    Path("jobs.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
    return "jobs.txt"


def test_each_line_is_a_job(run: Run, server: CannedServer, many: Callable[..., None]) -> None:
    """The ids are printed in the order of the lines; words are split at blanks, quotes keep them together."""
    many(made(7, 8, 9))
    name = batch(b"\xef\xbb\xbfecho one\r\n\n  # no job\necho 'two  words' \"$HOME; x\"\n--cpus 2 -- ls -l *")

    code, out, err = run(main, "--batch", name)

    assert (code, out, err) == (0, "7\n8\n9\n", "")
    assert [script(job) for job in sent(server)] == [
        "exec echo one\n",
        "exec echo 'two  words' '$HOME; x'\n",
        "exec ls -l '*'\n",
    ]
    assert {(job["application"], job["target_resources"]) for job in sent(server)} == {("command", "any")}


def test_the_lines_may_come_from_standard_input(
    run: Run, many: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As from another program, with a dash for the file; a line without an end counts."""
    many(made(7, 8))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"true\nfalse")))

    assert run(main, "--batch", "-") == (0, "7\n8\n", "")


def test_options_of_a_line_override_those_of_the_command(
    run: Run, server: CannedServer, many: Callable[..., None]
) -> None:
    """Files and licences of both add up; what a line does not say holds for all lines."""
    many(made(7, 8))
    for file in ("common", "own"):
        Path(file).write_text(file)
    name = batch("x\n--mem 2G -f own --resource b -t there -o null y own\n")

    code, _, err = run(main, "--mem", "1G", "--time", "5", "-f", "common", "--resource", "a", "--batch", name)

    first, second = sent(server)
    assert (code, err) == (0, "")
    assert first["job_specifics"] == (
        "<memory> 1024 </memory> <walltime> 5 </walltime> <licences> a=1 </licences>"
    )
    assert second["job_specifics"] == (
        "<memory> 2048 </memory> <walltime> 5 </walltime> <licences> a=1, b=1 </licences>"
    )
    assert (first["target_resources"], second["target_resources"]) == ("any", "there")
    assert [file[0] for file in first["files"]] == ["common"]
    assert [file[0] for file in second["files"]] == ["common", "own"]
    assert script(second) == "exec > /dev/null\nexec y own\n"


def test_words_that_are_not_utf8_arrive_as_they_stand_in_the_file(
    run: Run, server: CannedServer, many: Callable[..., None]
) -> None:
    """As on a command line."""
    many(made(7))

    assert run(main, "--batch", batch(b"echo caf\xe9\n")) == (0, "7\n", "")
    (job,) = sent(server)
    assert bytes.fromhex(job["input"]).endswith(b"exec echo 'caf\xe9'\n")


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("echo 'open", "line 2: No closing quotation"),
        ("--cpus none true", "line 2: Invalid value for '--cpus': 'none' is not a valid integer"),
        ("--cpus 2", "line 2: Missing argument"),
        ("--wait true", "line 2: No such option"),
        ("-f absent true", "line 2: absent does not exist or is not a regular file"),
        ("./absent", "line 2: absent does not exist or is not a regular file"),
        ("--resource 'a b' true", "line 2: 'a b' is not a licence"),
        ("--image caf\udce9 true", "line 2: image is not UTF-8"),
        ("echo a\0b", "line 2: it has a NUL character"),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_submitted(
    run: Run, server: CannedServer, line: str, fault: str
) -> None:
    """All lines are read before the first job is sent."""
    name = batch(f"true\n{line}\ntrue\n".encode("utf-8", "surrogateescape"))

    code, out, err = run(main, "--batch", name)

    assert (code, out) == (1, "")
    assert err.startswith(f"LGI_run: {fault}")
    assert err.endswith("LGI_run: nothing was submitted: 1 line is wrong\n")
    assert server.requests == []


def test_the_first_bad_lines_of_many_are_shown(run: Run, server: CannedServer) -> None:
    """Ten; the number of all is told."""
    code, out, err = run(main, "--batch", batch("true\n" + "'\n" * 5000))

    assert (code, out, server.requests) == (1, "", [])
    assert err.count("\n") == 11
    assert "LGI_run: line 11: " in err
    assert "5000 lines are wrong" in err


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["--batch", "absent"], "LGI_run: absent: No such file or directory\n"),
        (["--batch", "."], "LGI_run: .: Is a directory\n"),
        (["--batch", "jobs.txt", "true"], "LGI_run: --batch takes the commands from its file"),
        (["--wait", "--batch", "jobs.txt"], "LGI_run: --wait cannot be combined with --batch"),
        (["--batch-id", "x", "true"], "LGI_run: --batch-id is for --batch"),
        (["-t", "caf\udce9", "--batch", "jobs.txt"], "target_resources is not UTF-8"),
    ],
)
def test_a_wrong_batch_is_refused_and_nothing_sent(
    run: Run, server: CannedServer, words: list[str], fault: str
) -> None:
    """A file that cannot be read, or options that do not go together."""
    batch("true\n")

    code, out, err = run(main, *words)

    assert (code, out) == (1, "")
    assert fault in err
    assert server.requests == []


def test_a_file_without_lines_submits_nothing(run: Run, server: CannedServer) -> None:
    """It is no error, as for a generated list that happens to be empty."""
    assert run(main, "--batch", batch("\n# nothing to do\n")) == (0, "", "")
    assert server.requests == []


def test_a_line_that_the_server_refuses_does_not_stop_the_others(run: Run, many: Callable[..., None]) -> None:
    """It is named on standard error, and the exit code is not 0."""
    refused = "<job> <error> <number> 33 </number> <message> no </message> </error> </job>"
    jobs = ["<job> <job_id> 7 </job_id> </job>", refused, "<job> <job_id> 8 </job_id> </job>"]
    many(of_today(" ".join(jobs)))

    code, out, err = run(main, "--batch", batch("# first\na\nb\nc\n"))

    assert (code, out, err) == (1, "7\n8\n", "LGI_run: line 3: no (LGI error 33)\n")


def test_a_warning_is_given_once_for_all_lines(run: Run, many: Callable[..., None]) -> None:
    """With the number of the first line that it is about."""
    many(made(7, 8, 9))
    Path("script.py").write_text("")

    code, _, err = run(main, "--batch", batch("x\npython3 script.py\npython3 script.py 2\n"))

    assert code == 0
    assert err == (
        "LGI_run: warning: line 2: the local file script.py is not sent: use -f script.py to send it\n"
    )


def test_ten_thousand_lines_go_in_few_calls(
    run: Run, server: CannedServer, many: Callable[..., None]
) -> None:
    """As many in each as the server takes, with ids that are all different."""
    numbers = range(1, 10_001)
    many(*(made(*numbers[begin : begin + 2500]) for begin in range(0, 10_000, 2500)), most=2500)

    code, out, err = run(main, "--batch", batch("".join(f"x {number}\n" for number in numbers)))

    assert (code, err) == (0, "")
    assert out.split() == [str(number) for number in numbers]
    assert len(server.requests) == 6
    assert len({job["request_id"] for job in sent(server)}) == 10_000
    assert len(server.connections) == 1


def test_a_batch_that_fails_tells_how_to_go_on(
    run: Run, server: CannedServer, many: Callable[..., None]
) -> None:
    """The same id for the same lines, also when others were added; equal lines stay different jobs."""
    many(made(7, 8), Answer(b"<html>", 502), made(7, 8), made(9, 10), most=2)

    code, out, err = run(main, "--batch", batch("a\nb\nb\n"))
    batch_id = err.partition("--batch-id ")[2].partition(",")[0]
    server.will_answer_instead(
        "POST", f"/{MANY}.php", of_today("<most_jobs> 9 </most_jobs>"), made(7, 8, 9, 10)
    )
    again = run(main, "--batch", batch("a\nnew\nb\nb\n"), "--batch-id", batch_id)

    assert (code, out) == (1, "7\n8\n")
    assert "LGI_run: the batch was not submitted as a whole: repeat the command with --batch-id" in err
    assert "no answer from" in err
    assert again == (0, "7\n8\n9\n10\n", "")
    jobs = [(job["request_id"], script(job)) for job in sent(server)]
    assert [jobs[index] for index in (0, 1, 2)] == [jobs[index] for index in (3, 5, 6)]
    assert len(set(jobs)) == 4


def test_a_lost_answer_to_a_batch_makes_no_second_job(
    server: CannedServer, run: Run, many: Callable[..., None]
) -> None:
    """The piece is sent again as it was, without a word."""
    many(LOST, made(7))

    assert run(partial(main, timing=Timing(submit=Backoff(0.01, 8.0))), "--batch", batch("a\n"))[:2] == (
        0,
        "7\n",
    )
    first, second = sent(server)
    assert first == second


@pytest.mark.parametrize("when", list(When))
def test_a_batch_cut_anywhere_is_submitted_once(
    run: Run,
    grid: Grid,
    proxy: CuttingProxy,  # noqa: F811
    when: When,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """With the same --batch-id until it succeeds: each line has one job, whatever was lost before."""
    grid.resource(capabilities="<command> </command>")
    issued = grid.people.user("mark@laptop", ("theor",))
    caller = {"user": "mark@laptop", "groups": ("theor",), "server": grid.url, "project": "LGI"}
    user_directory.write(tmp_path / "LGI", issued, grid.people.authority.ca_file, **caller)
    name = batch("".join(f"echo {number}\n" for number in range(300)))
    hurried = partial(main, timing=Timing(submit=Backoff(0.01, 8.0)))
    monkeypatch.setenv("https_proxy", proxy.url)
    for turn in range(8):
        proxy.cut = Cut(turn, when)
        words = ("-c", str(tmp_path / "LGI"), "--batch", name, "--batch-id", f"turn-{turn}-{when.name}")
        before = len(grid.rows("SELECT job_id FROM job_queue"))

        first = run(hurried, *words)
        proxy.cut = Cut(-1, when)
        code, out, err = run(hurried, *words)

        assert (code, err) == (0, "")
        assert len(out.split()) == 300
        assert out.startswith(first[1])
        assert len(grid.rows("SELECT job_id FROM job_queue")) == before + 300
