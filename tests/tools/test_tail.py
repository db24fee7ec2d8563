"""LGI_tail against a server with canned answers."""

from collections.abc import Callable
from functools import partial

import pytest

from lgi_tools.client.timing import Timing
from lgi_tools.commands import tail
from tests.support.canned_server import Answer, CannedServer, end_fields, lgi, lgi_error

Run = Callable[..., tuple[int, str, str]]
STATE, TAIL = "interfaces/interface_job_state", "interfaces/interface_job_tail"
REPOSITORY = "JobRepository_abc"
main = tail.main
# For output that does not come: the canned server holds no call.
hurried = partial(tail.main, timing=Timing(first_output_seconds=0.3, last_output_seconds=0.3))
TEN = "".join(f"{number}\n" for number in range(10))


def job(state: str, output: bytes = b"", more: str = "") -> Answer:
    """A job as it is."""
    told = f"<job_id> 7 </job_id> <state> {state} </state> <output> {output.hex()} </output>"
    return lgi(f"<job> {told} {more} </job>")


def piece(
    text: str = "", offset: int = 0, state: str = "running", told: bool = True, complete: bool = False
) -> Answer:
    """What it has put out."""
    return lgi(
        f"<state> {state} </state> <told> {int(told)} </told> <complete> {int(complete)} </complete>"
        f" <offset> {offset} </offset> <tail> {text.encode().hex()} </tail>"
    )


def asked(server: CannedServer) -> list[str]:
    """From which bytes on the output was asked for."""
    return [request.fields["offset"] for request in server.requests if request.path.endswith("tail.php")]


def test_the_last_lines_of_a_job_that_has_ended_are_printed(run: Run, server: CannedServer) -> None:
    """The default is ten lines. Standard error has how the job ended; no other call is made."""
    output = f"first\n{TEN}[LGI: exit code 3]\n".encode()
    server.will_answer_call(STATE, job("finished", output, end_fields(signal=9)))
    end = "LGI_tail: job 7 finished, killed by signal 9\n"

    assert run(main, "7") == (0, TEN, end)
    assert run(main, "-n", "1", "7") == (0, "9\n", end)
    assert run(main, "-n", "0", "-f", "7") == (0, "", end)
    assert asked(server) == []


def test_the_last_lines_of_a_job_that_runs_are_printed(run: Run, server: CannedServer) -> None:
    """As soon as its resource has sent something."""
    server.will_answer_call(STATE, job("running"))
    server.will_answer_call(TAIL, piece(told=False), piece(f"first\n{TEN}unfinished"))

    assert run(main, "-n", "2", "7") == (0, "9\nunfinished", "")


def test_new_output_is_printed_as_it_comes(run: Run, server: CannedServer) -> None:
    """Each part is printed once, up to the end; then the end of the job is printed on standard error."""
    server.will_answer_call(STATE, job("running"), job("finished", b"", end_fields(3)))
    server.will_answer_call(
        TAIL,
        piece(told=False),
        piece(f"first\n{TEN}"),
        piece("more\n", 26),
        piece("", 31, "finished"),
        piece("end\n", 31, "finished", complete=True),
    )

    assert run(main, "-f", "7") == (0, f"{TEN}more\nend\n", "LGI_tail: job 7 finished, exit code 3\n")
    assert asked(server) == ["0", "0", "26", "31", "31"]


def test_a_job_that_is_queued_is_followed_from_its_begin(run: Run, server: CannedServer) -> None:
    """Without -f there is nothing to see yet."""
    server.will_answer_call(STATE, job("queued"), job("queued"), job("finished"))
    server.will_answer_call(
        TAIL, piece(state="queued", told=False), piece(told=False), piece("all", complete=True)
    )

    assert run(main, "7") == (0, "", "LGI_tail: job 7 is queued\n")
    assert run(main, "-f", "7")[:2] == (0, "all")


def test_a_gap_in_the_output_is_reported(run: Run, server: CannedServer) -> None:
    """The job has put out more than is sent."""
    server.will_answer_call(STATE, job("running"), job("finished"))
    server.will_answer_call(TAIL, piece("one\n"), piece("two\n", 1000, complete=True))

    code, out, err = run(main, "-f", "7")

    assert (code, out) == (0, "one\ntwo\n")
    assert err.splitlines()[0] == "LGI_tail: 996 bytes are missing here"


def test_an_old_resource_sends_nothing(run: Run, server: CannedServer) -> None:
    """That is said, and with -f the output comes when the job has ended."""
    output = b"out\n[LGI: exit code 0]\n"
    server.will_answer_call(STATE, job("running"), job("running"), job("finished", output, end_fields(0)))
    server.will_answer_call(
        TAIL, *[piece(told=False)] * 3, *[piece(told=False)] * 4, piece(state="finished", told=False)
    )

    code, out, err = run(hurried, "7")
    assert (code, out) == (1, "")
    assert "has sent no output yet" in err
    code, out, err = run(hurried, "-f", "7")
    assert (code, out) == (0, "out\n")
    assert err.endswith("LGI_tail: job 7 finished, exit code 0\n")


def test_a_resource_that_falls_silent_ends_nothing_before_the_job(run: Run, server: CannedServer) -> None:
    """Its last words are waited for, but not for ever."""
    server.will_answer_call(STATE, job("running"), job("finished"))
    server.will_answer_call(TAIL, piece("one\n"), piece("", 4, "finished"))

    assert run(hurried, "-f", "7") == (0, "one\n", "LGI_tail: job 7 finished, exit code unknown\n")


@pytest.fixture
def stored(server: CannedServer) -> Callable[..., str]:
    """Make a repository with files. Returns the fields of its job."""

    def store(**files: bytes) -> str:
        url = f"{server.url}/repository/abc/{REPOSITORY}"
        told = ""
        for stem, data in files.items():
            path = f"/repository/abc/{REPOSITORY}/{stem}.txt"
            server.will_answer("GET", path, Answer(data, headers={"ETag": '"1"'}))
            told += f"<file> <file_name> {stem}.txt </file_name> <size> {len(data)} </size> </file>"
        return (
            f"<job_specifics> <repository_url> {url} </repository_url> </job_specifics>"
            f"<repository_content> {told} </repository_content>"
        )

    return store


@pytest.mark.parametrize(
    ("output", "is_stored"),
    [
        (b"one\ntwo\nthree\n[LGI: exit code 0]\n", False),
        (b"one\ntw\n[LGI: cut, it has 14 bytes]\n[LGI: exit code 0]\n", True),
    ],
)
@pytest.mark.parametrize(
    "last", [piece("", 4, "finished"), piece("", 0, "finished", told=False)], ids=["silent", "lost"]
)
def test_the_rest_of_an_interrupted_output_is_fetched(
    run: Run, server: CannedServer, stored: Callable[..., str], output: bytes, is_stored: bool, last: Answer
) -> None:
    """The resource sends no more, or the server has lost what was sent: the rest is in the job's output."""
    files = stored(joblog=b"one\ntwo\nthree\n") if is_stored else ""
    server.will_answer_call(STATE, job("running"), job("finished", output, files + end_fields(0)))
    server.will_answer_call(TAIL, piece("one\n"), last)

    assert run(hurried, "-f", "7") == (0, "one\ntwo\nthree\n", "LGI_tail: job 7 finished, exit code 0\n")


@pytest.mark.parametrize(
    ("output", "printed", "missing"),
    [
        (b"one\ntw\n[LGI: cut, it has 14 bytes]\n[LGI: exit code 0]\n", "one\ntw\n", 7),
        (b"one\ntwo\n[LGI: standard error]\nerr\n[LGI: exit code 0]\n", "one\n", 8),
    ],
    ids=["cut", "two streams"],
)
def test_a_rest_that_cannot_be_fetched_is_an_error(
    run: Run, server: CannedServer, output: bytes, printed: str, missing: int
) -> None:
    """The repository has no files, or both streams were sent as one. The number of bytes is printed."""
    server.will_answer_call(STATE, job("running"), job("finished", output, end_fields(0)))
    server.will_answer_call(TAIL, piece("one\n"), piece("", 4, "finished"))

    code, out, err = run(hurried, "-f", "7")

    assert (code, out) == (1, printed)
    assert err == f"LGI_tail: {missing} bytes are missing\nLGI_tail: job 7 finished, exit code 0\n"


CUT = b"0\n1\n[LGI: cut, it has 20 bytes]\n"


def test_the_last_lines_of_a_long_output_are_those_of_the_stored_streams(
    run: Run, server: CannedServer, stored: Callable[..., str]
) -> None:
    """The reported output has the first lines and a note that it was cut."""
    files = stored(joblog=TEN.encode(), joberr=b"err")
    output = CUT + b"[LGI: standard error]\nerr\n[LGI: exit code 0]\n"
    server.will_answer_call(STATE, job("finished", output, files + end_fields(0)))
    end = "LGI_tail: job 7 finished, exit code 0\n"

    assert run(main, "-n", "4", "7") == (0, "8\n9\n[LGI: standard error]\nerr", end)


def test_last_lines_that_are_not_stored_are_reported_as_unknown(run: Run, server: CannedServer) -> None:
    """What is known is printed, without the note of the cut."""
    server.will_answer_call(STATE, job("finished", CUT + b"[LGI: exit code 0]\n", end_fields(0)))

    code, out, err = run(main, "-n", "1", "7")

    assert (code, out) == (1, "1\n")
    assert err.startswith("LGI_tail: only the first 4 of 20 bytes of joblog.txt are known: ")


@pytest.mark.parametrize("options", [(), ("-f",)])
def test_an_old_server_is_named_as_unable_to_show_a_tail(
    run: Run, server: CannedServer, options: tuple[str, ...]
) -> None:
    """It does not know the call; it is said plainly, with what to do."""
    server.will_answer_call(STATE, job("running"))

    code, out, err = run(main, *options, "7")

    assert (code, out) == (1, "")
    assert err == (
        f"LGI_tail: {server.url} is too old to show the output of a running job;"
        " LGI_wait 7 waits until it has ended\n"
    )


def test_a_job_that_is_removed_ends_the_tail(run: Run, server: CannedServer) -> None:
    """With the server's error, and exit code 1."""
    server.will_answer_call(STATE, job("running"))
    server.will_answer_call(TAIL, piece("one\n"), lgi_error(15, "no such job"))

    assert run(main, "-f", "7") == (1, "one\n", "LGI_tail: no such job (LGI error 15)\n")


def test_a_tail_that_cannot_be_read_is_reported(run: Run, server: CannedServer) -> None:
    """Not shown as if it were output."""
    server.will_answer_call(STATE, job("running"))
    server.will_answer_call(TAIL, lgi("<tail> xyz </tail>"))

    code, out, err = run(main, "7")

    assert (code, out) == (1, "")
    assert "cannot be read" in err
