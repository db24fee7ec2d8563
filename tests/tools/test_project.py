"""Project, the client for programs of today, against a server with canned answers."""

import subprocess
import sys
from pathlib import Path
from unittest.mock import ANY

import pytest

import lgi_tools
from lgi_tools import ErrorNumber, Project, ServerError, TransferError, TransportError
from tests.support.canned_server import Answer, CannedServer, end_fields, lgi, lgi_error

SUBMIT, STATE, DELETE = (f"interfaces/interface_{call}" for call in ("submit_job", "job_state", "delete_job"))
CALLER = {"project": "LGI", "user": "mark@laptop", "groups": "theor"}


def job(job_id: int = 7, state: str = "queued", more: str = "") -> str:
    """A job of an answer."""
    return f"<job> <job_id> {job_id} </job_id> <state> {state} </state> {more} </job>"


def test_a_job_is_submitted_with_every_field(server: CannedServer) -> None:
    """Lists, text and dictionaries become what LGI sends."""
    server.will_answer_call(SUBMIT, lgi(job()))
    Path("one").write_text("first")

    with Project() as project:
        made = project.submit(
            "command",
            input="hä",
            files=["one"],
            targets=["a", "b"],
            specifics={"cpus": 2, "name": "a<b"},
            read_access=["r1", "r2"],
            write_access=["w"],
        )

    assert (made.id, made.state, made.ended) == (7, "queued", False)
    assert server.requests[0].fields == CALLER | {
        "application": "command",
        "target_resources": "a, b",
        "job_specifics": "<cpus> 2 </cpus> <name> a&lt;b </name>",
        "input": "68C3A4",
        "read_access": "r1, r2",
        "write_access": "w",
        "uploaded_file_1": "first",
        "number_of_uploaded_files": "1",
        "request_id": ANY,
    }


def test_a_field_that_is_not_given_is_not_sent(server: CannedServer) -> None:
    """Without targets any resource may run the job."""
    server.will_answer_call(SUBMIT, lgi(job()))

    Project().submit("hello_world")

    assert server.requests[0].fields == CALLER | {
        "application": "hello_world",
        "target_resources": "any",
        "request_id": ANY,
    }


def test_a_tag_needs_a_name(server: CannedServer) -> None:
    """ValueError for a name that is no XML name, before anything is sent."""
    with pytest.raises(ValueError, match="'two words'"):
        Project().submit("command", specifics={"two words": 1})
    assert server.requests == []


def test_the_list_is_fetched_as_it_is_read(server: CannedServer) -> None:
    """Page by page; a job that moved on to the next page meanwhile comes once."""
    first = "".join(job(number) for number in (1, 2))
    server.will_answer_call(STATE, lgi(first), lgi(job(2) + job(3)), lgi(job(3)))
    listed = Project().jobs(state="!finished", application="a")

    assert next(listed).id == 1
    assert len(server.requests) == 1
    assert [one.id for one in listed] == [2, 3]
    assert [request.fields["start"] for request in server.requests] == ["0", "1024", "2048"]
    assert server.requests[0].fields == CALLER | {
        "state": "!finished",
        "application": "a",
        "start": "0",
        "limit": "1024",
        "show": "labels, times, holds, tries, array, usage, priority, fetched",
    }


def test_the_end_of_a_job_is_waited_for(server: CannedServer) -> None:
    """The server may hold the calls; an old one answers immediately and is polled."""
    output = b"done\n[LGI: exit code 2]\n".hex()
    end = job(7, "finished", f"<output> {output} </output>{end_fields(2)}")
    server.will_answer_call(STATE, lgi(job()), lgi(job(7, "running")), lgi(end))

    result = Project().result(7)

    assert (result.text, result.exit_code, result.ok, result.job.state) == ("done\n", 2, False, "finished")
    # The first one tells whether there is a server at all.
    assert [request.fields.get("wait") for request in server.requests] == [None, "40", "40"]


def test_a_wait_has_an_end(server: CannedServer) -> None:
    """TimeoutError after the timeout, when one is given."""
    server.will_answer_call(STATE, lgi(job()))

    with pytest.raises(TimeoutError, match=r"0\.3 s"):
        Project().wait(7, timeout=0.3)
    assert "wait" not in server.requests[0].fields


@pytest.mark.parametrize(("state", "gone"), [("deleted", True), ("aborting", False)])
def test_a_delete_says_whether_the_job_is_gone(server: CannedServer, state: str, gone: bool) -> None:
    """One that runs is asked to abort."""
    server.will_answer_call(DELETE, lgi(job(7, state)))

    assert Project().delete("7") is gone


def test_an_error_has_the_number_of_lgi(server: CannedServer) -> None:
    """It compares with those of ErrorNumber."""
    server.will_answer_call(STATE, lgi_error(15, "no such job"))

    with pytest.raises(ServerError) as refused:
        Project().job(7)
    assert (refused.value.number, refused.value.message) == (ErrorNumber.NO_JOB, "no such job")


@pytest.mark.parametrize("answer", [Answer(b"<html>"), lgi(""), lgi("<job> <output> xyz </output> </job>")])
def test_an_answer_that_is_none_of_lgi_is_reported(server: CannedServer, answer: Answer) -> None:
    """HTML, an answer without the job, or one with broken data."""
    server.will_answer_call(STATE, answer)

    with pytest.raises(TransportError):
        Project().job(7)


@pytest.mark.parametrize("wrong", ["seven", "-1", "7; DROP", "", "7" * 5000])
def test_a_job_id_is_a_number(server: CannedServer, wrong: str) -> None:
    """ValueError for anything else, before anything is sent."""
    with pytest.raises(ValueError, match="not a job id"):
        Project().job(wrong)
    assert server.requests == []


def test_all_files_are_streamed_over_one_connection(server: CannedServer) -> None:
    """That of the calls is another one, of a lighter client. A job may be given by its id."""
    url = f"{server.url}/repository/e3d/JOB_1"
    specifics = f"<job_specifics> <repository_url> {url} </repository_url> </job_specifics>"
    server.will_answer_call(STATE, lgi(job(7, "queued", specifics)))
    server.will_answer("GET", "/repository/e3d/JOB_1/a", Answer(b"data"))
    Path("there").mkdir()
    project = Project()

    files = project.files(7)

    assert files.download("a", "there") == Path("there/a")
    assert files.download("a", "b") == Path("b")
    assert files.read("a") == Path("b").read_bytes() == Path("there/a").read_bytes() == b"data"
    assert files.url == url
    assert server.handshakes == 2
    assert project.files(7).read("a") == b"data"
    assert server.handshakes == 2


def test_a_job_without_repository_has_no_files(server: CannedServer) -> None:
    """An example is one of a server that could not create a repository."""
    server.will_answer_call(STATE, lgi(job()))

    with pytest.raises(TransferError, match="job 7 has no repository"):
        Project().files(7)


@pytest.mark.parametrize(
    ("file", "argument"),
    [("defaultserver", "server"), ("user", "user"), ("groups", "groups"), ("privatekey", "key")],
)
def test_a_missing_argument_is_named(home: Path, file: str, argument: str) -> None:
    """The argument to give, and the file to write."""
    (home / ".LGI" / file).unlink()

    with pytest.raises(ValueError, match=f"{argument}=.*~/.LGI/{file}"):
        Project()


def test_the_small_tools_do_not_load_what_speaks_to_servers() -> None:
    """`lgi_tools` itself is light: its names are loaded when they are asked for."""
    code = (
        "import sys, lgi_tools\n"
        "heavy = {'requests', 'lxml', 'click', 'cryptography'}\n"
        "print(sorted(heavy & set(sys.modules)), 'Project' in dir(lgi_tools))\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ran.stdout == "[] True\n"


def test_every_name_of_the_package_leads_to_its_module() -> None:
    """Other names raise AttributeError."""
    for name in lgi_tools.MODULES:
        assert getattr(lgi_tools, name).__name__ == name
    with pytest.raises(AttributeError, match="nonsense"):
        lgi_tools.nonsense  # noqa: B018
