"""LGI_Client, the Python class of the LGI document, against a server with canned answers."""

import os
import time
from pathlib import Path
from unittest.mock import ANY

import pytest

import LGI
from lgi_protocol.errors import TransportError
from lgi_tools.client import settings
from lgi_tools.client.transfer_error import TransferError
from tests.support.canned_server import Answer, CannedServer, lgi, lgi_error

SUBMIT, STATE, DELETE = (f"interfaces/interface_{call}" for call in ("submit_job", "job_state", "delete_job"))
JOB = lgi("<job> <job_id> 7 </job_id> <input> 6869 </input> </job>")
DONE = Answer(b"<status> <number> 200 </number> <message> OK </message> </status>")
PLACE = "/repository/e3d/JOB_000f61825ff3f59c736d737612e25e3d"


@pytest.fixture
def files(server: CannedServer) -> LGI.LGI_Client:
    """An LGI_Client with the URL of a repository."""
    return LGI.LGI_Client(URL=f"{server.url}{PLACE}")


def test_the_class_works_as_documented_with_both_spellings(server: CannedServer) -> None:
    """Ruling 10: `import LGI; LGI.LGI_Client()`, with UploadFiles and UpLoadFiles."""
    server.will_answer_call(STATE, JOB)
    server.will_answer("PUT", f"{PLACE}/one", DONE)
    Path("one").write_text("1")

    job = LGI.LGI_Client().GetJobState(7)
    files = LGI.LGI_Client(URL=f"{server.url}{PLACE}")
    files.UploadFiles(["one"])
    files.UpLoadFiles(["one"])

    assert job["LGI"]["response"]["job"] == {"job_id": 7, "input": b"hi"}
    assert [request.body for request in server.requests[1:]] == [b"1", b"1"]


def test_every_field_of_a_job_can_be_given(server: CannedServer) -> None:
    """Each argument is sent in its field; text input is encoded as UTF-8; files are sent in the same call."""
    server.will_answer_call(SUBMIT, JOB)
    Path("sub").mkdir()
    Path("sub/one").write_text("first")

    answer = LGI.LGI_Client().SubmitJob(
        Application="hello_world",
        TargetResources="a, b",
        Input="hä",
        JobSpecifics="<cpus> 2 </cpus>",
        WriteAccess="w",
        ReadAccess="r",
        FileList=["sub/one"],
    )

    assert answer["LGI"]["response"]["job"]["job_id"] == 7
    (request,) = server.requests
    assert request.caller == "mark@laptop; theor; LGI"
    assert request.file_names == ["one"]
    assert request.fields == {
        "project": "LGI",
        "user": "mark@laptop",
        "groups": "theor",
        "application": "hello_world",
        "target_resources": "a, b",
        "job_specifics": "<cpus> 2 </cpus>",
        "input": "68C3A4",
        "read_access": "r",
        "write_access": "w",
        "uploaded_file_1": "first",
        "number_of_uploaded_files": "1",
        "request_id": ANY,
    }


def test_input_may_be_bytes(server: CannedServer) -> None:
    """They are sent unchanged; without TargetResources the target is any."""
    server.will_answer_call(SUBMIT, JOB)

    LGI.LGI_Client().SubmitJob("hello_world", Input=b"\xff\x00")

    assert server.requests[0].fields["input"] == "FF00"
    assert server.requests[0].fields["target_resources"] == "any"


def test_a_list_of_jobs_is_filtered_and_paged(server: CannedServer) -> None:
    """`!finished` is sent unchanged; omitted arguments are not sent."""
    server.will_answer_call(STATE, lgi("<job> <job_id> 1 </job_id> </job> <job> <job_id> 2 </job_id> </job>"))
    client = LGI.LGI_Client()

    answer = client.GetJobList(State="!finished")
    client.GetJobList(Application="a", Start=0, Limit=10)

    assert [job["job_id"] for job in answer["LGI"]["response"]["job"]] == [1, 2]
    caller = {"project": "LGI", "user": "mark@laptop", "groups": "theor"}
    assert [request.fields for request in server.requests] == [
        caller | {"state": "!finished"},
        caller | {"application": "a", "start": "0", "limit": "10"},
    ]


def test_the_rest_of_an_answer_is_there_too(server: CannedServer) -> None:
    """The dictionary includes the versions, which are outside of the response."""
    server.will_answer_call("interfaces/interface_project_server_list", lgi("<project> LGI </project>"))

    assert LGI.LGI_Client().GetServerList() == {
        "LGI": {"API_version": "1.31", "LGI_version": "1.31.6", "response": {"project": "LGI"}}
    }


def test_an_error_is_returned_and_not_raised(server: CannedServer) -> None:
    """As LGI: scripts find the error number in the returned dictionary."""
    server.will_answer_call(DELETE, lgi_error(15, "no such job"))

    answer = LGI.LGI_Client().DeleteJob("99")

    assert answer["LGI"]["response"] == {"error": {"number": 15, "message": "no such job"}}
    assert answer["LGI"]["API_version"] == "1.31"


@pytest.mark.slow
def test_a_busy_server_is_asked_again(server: CannedServer) -> None:
    """The client waits for the number of seconds in the error."""
    server.will_answer_call(STATE, lgi_error(1, "later", 1), JOB)
    begin = time.monotonic()

    assert LGI.LGI_Client().GetJobState(7)["LGI"]["response"]["job"]["job_id"] == 7
    assert time.monotonic() - begin >= 1.0


def test_no_answer_of_lgi_is_an_exception(server: CannedServer) -> None:
    """An HTML page raises TransportError, and so does XML with a DTD."""
    document_type = Answer(b"<LGI> <response> <!DOCTYPE x> </response> </LGI>")
    server.will_answer_call(STATE, Answer(b"<html> 502 </html>", 502), document_type)

    for _ in range(2):
        with pytest.raises(TransportError):
            LGI.LGI_Client().GetJobState(7)


def test_a_repository_is_listed(server: CannedServer, files: LGI.LGI_Client) -> None:
    """The dictionary has the content of the answer, which has no envelope."""
    body = (
        b"<repository_content> <repository_name> JOB_1 </repository_name> "
        b'<file number="1"> <file_name> a </file_name> <size> 3 </size> <date> 1.5 </date> </file> '
        b"<number_of_files> 1 </number_of_files> </repository_content>"
    )
    server.will_answer("GET", f"/repository/repository_content.php?repository={PLACE[16:]}", Answer(body))

    assert files.ListRepository() == {
        "repository_content": {
            "repository_name": "JOB_1",
            "file": {
                "attributes": {"number": 1},
                "file": {"file_name": "a", "size": 3, "date": "1.5"},
            },
            "number_of_files": 1,
        }
    }


def test_files_are_fetched_into_a_directory(server: CannedServer, files: LGI.LGI_Client) -> None:
    """Without a directory they are written to the current one."""
    server.will_answer("GET", f"{PLACE}/a%20b", Answer(b"data"))
    Path("there").mkdir()

    files.DownloadFiles(["a b"], "there")
    files.DownloadFiles(["a b"])

    assert Path("there/a b").read_bytes() == Path("a b").read_bytes() == b"data"


def test_files_are_deleted(server: CannedServer, files: LGI.LGI_Client) -> None:
    """A refusal of the server raises TransferError."""
    server.will_answer("DELETE", f"{PLACE}/a", DONE)

    files.DeleteFiles(["a"])
    with pytest.raises(TransferError):
        files.DeleteFiles(["b"])


def test_ten_calls_make_one_handshake(server: CannedServer) -> None:
    """The connection is kept open between calls and file transfers."""
    server.will_answer_call(STATE, JOB)
    server.will_answer("PUT", "/one", DONE)
    Path("one").write_text("1")

    with LGI.LGI_Client() as client:
        for number in range(9):
            client.GetJobState(number)
        client.UploadFiles(["one"])

    assert len(server.requests) == 10
    assert (server.handshakes, len(server.connections)) == (1, 1)


def test_a_large_file_is_never_in_memory(server: CannedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read in blocks while it is sent."""
    monkeypatch.setattr(Path, "read_bytes", None)
    server.will_answer("PUT", f"{PLACE}/large", DONE)
    server.will_answer_call(SUBMIT, JOB)
    with Path("large").open("wb") as large:
        os.truncate(large.fileno(), 3_000_000)

    LGI.LGI_Client(URL=f"{server.url}{PLACE}").UploadFiles(["large"])
    LGI.LGI_Client().SubmitJob("hello_world", FileList=["large"])

    assert [len(request.body) > 2_999_999 for request in server.requests] == [True, True]


def test_arguments_win_over_the_home(
    server: CannedServer, authority: object, mark: object, home: Path
) -> None:
    """With all seven arguments no file of ~/.LGI is needed."""
    server.will_answer_call(STATE, JOB)
    place = home / ".LGI"
    elsewhere = Path("elsewhere")
    place.rename(elsewhere)

    client = LGI.LGI_Client(
        URL=server.url,
        Project="P",
        User="u",
        Groups="g",
        Certificate=elsewhere / "certificate",
        PrivateKey=elsewhere / "privatekey",
        CA_Chain=elsewhere / "ca_chain",
    )
    client.GetJobState(7)

    assert server.requests[0].fields == {"project": "P", "user": "u", "groups": "g", "job_id": "7"}


@pytest.mark.parametrize(
    ("name", "argument"),
    [
        ("defaultserver", "URL"),
        ("user", "User"),
        ("groups", "Groups"),
        ("certificate", "Certificate"),
        ("privatekey", "PrivateKey"),
        ("ca_chain", "CA_Chain"),
    ],
)
def test_a_missing_argument_is_named(home: Path, name: str, argument: str) -> None:
    """The error names the argument and the file in ~/.LGI."""
    (home / ".LGI" / name).unlink()

    with pytest.raises(ValueError, match=f"{argument}.*~/.LGI/{name}"):
        LGI.LGI_Client().GetJobState(7)


def test_a_repository_needs_no_user(server: CannedServer, home: Path) -> None:
    """The server identifies the caller by the certificate alone."""
    server.will_answer("DELETE", f"{PLACE}/a", DONE)
    for name in ("user", "groups", "defaultserver"):
        (home / ".LGI" / name).unlink()

    LGI.LGI_Client(URL=f"{server.url}{PLACE}").DeleteFiles(["a"])


def test_the_name_of_the_server_is_compared_unless_told_otherwise(server: CannedServer) -> None:
    """Ours: the class of LGI 1.31 never did. The certificate is verified in any case."""
    server.will_answer_call(STATE, JOB)
    url = server.url.replace("localhost", "127.0.0.1")

    with pytest.raises(TransportError, match=r"127\.0\.0\.1"):
        LGI.LGI_Client(URL=url).GetJobState(7)
    assert LGI.LGI_Client(URL=url, CheckHost=False).GetJobState(7)["LGI"]


def test_one_name_is_no_list_of_files(files: LGI.LGI_Client) -> None:
    """A text would be read as a list of its letters."""
    with pytest.raises(TypeError, match=r"\['one'\]"):
        files.UploadFiles("one")


def test_the_module_offers_the_class_and_nothing_else() -> None:
    """`import LGI` has LGI_Client as its only public name."""
    assert LGI.__all__ == ["LGI_Client"]
    assert settings.home().user == "mark@laptop"
