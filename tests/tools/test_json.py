"""What the tools print for programs: --json, and -x."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lgi_tools.commands.filetransfer import main as filetransfer
from lgi_tools.commands.qdel import main as qdel
from lgi_tools.commands.qstat import main as qstat
from lgi_tools.commands.qsub import main as qsub
from tests.support.canned_server import CannedServer, lgi, lgi_error

from .test_filetransfer import FILES, LISTING, PLACE, done, listing
from .test_tools_text import JOB

Run = Callable[..., tuple[int, str, str]]
STATE = "interfaces/interface_job_state"
DELETE = "interfaces/interface_delete_job"
PROJECT = {"project": "LGI", "this_project_server": "https://t/LGI", "project_master_server": "https://m/LGI"}


def test_a_job_is_printed_with_all_that_is_known(run: Run, server: CannedServer) -> None:
    """LGI's own names; numbers, lists, and files are such."""
    server.will_answer_call("interfaces/interface_submit_job", lgi(JOB))
    server.will_answer_call(STATE, lgi(JOB))

    code, out, err = run(qsub, "-a", "hello_world", "--json")
    _, again, _ = run(qstat, "--json", "7")

    told = json.loads(out)
    assert (code, err, json.loads(again)) == (0, "", told)
    assert told["project"] == "LGI"
    assert told["groups"] == ["theor"]
    job = told["job"]
    assert (job["job_id"], job["state"], job["owners"]) == (7, "queued", ["mark", "theor"])
    assert job["state_time_stamp"] == 1350000001
    assert job["job_specifics"] == "<a> 1 </a>"
    assert (job["output"], job["output_hex"]) == (None, "00FF")
    assert [file["file_name"] for file in job["repository_content"]] == ["a&b", "c"]


def test_a_list_is_one_document(run: Run, server: CannedServer) -> None:
    """Several pages give one document with their total count."""
    page = lgi(JOB + "<number_of_jobs> 1 </number_of_jobs>")
    server.will_answer_call(STATE, page, lgi("<project> LGI </project> <number_of_jobs> 0 </number_of_jobs>"))
    _, out, _ = run(qstat, "--json")
    server.will_answer_call(STATE, lgi("<number_of_jobs> 9 </number_of_jobs>"))
    run(qstat)
    _, count, _ = run(qstat, "--json", "-cnt")

    told = json.loads(out)
    assert (told["number_of_jobs"], [job["job_id"] for job in told["jobs"]]) == (1, [7])
    assert json.loads(count)["number_of_jobs"] == 9


def test_a_job_of_a_list_has_what_is_known_of_it(run: Run, server: CannedServer) -> None:
    """Of optional values the ones that it has, as numbers where they are; its specifics add none."""
    known = (
        "<job_id> 8 </job_id> <state> finished </state> <exit_code> 3 </exit_code>"
        " <job_specifics> <priority> 9 </priority> <label> no=1 </label> </job_specifics>"
        " <end_reason> why </end_reason> <submitted> 17 </submitted> <peak_memory> 5 </peak_memory>"
        " <label> a=b </label> <label> c=d=e </label> <urgent> </urgent>"
    )
    jobs = f"<job number='1'> {known} </job> <job number='2'> <job_id> 9 </job_id> </job>"
    server.will_answer_call(
        STATE,
        lgi(f"{jobs} <number_of_jobs> 2 </number_of_jobs>"),
        lgi("<number_of_jobs> 0 </number_of_jobs>"),
    )

    first, second = json.loads(run(qstat, "--json")[1])["jobs"]

    names = {"target_resources": [], "owners": [], "read_access": [], "write_access": []}
    assert first == {
        **{"job_id": 8, "state": "finished", "application": "", "state_time_stamp": 0, "exit_code": 3},
        **{"end_reason": "why", "submitted": 17, "peak_memory": 5, "labels": {"a": "b", "c": "d=e"}},
        **names,
    }
    assert second == {"job_id": 9, "state": "", "application": "", "state_time_stamp": 0, **names}


def test_servers_and_resources_are_one_document(run: Run, server: CannedServer) -> None:
    """Servers (-l) and resources (-L) are lists of one JSON document."""
    server.will_answer_call(
        "interfaces/interface_project_server_list",
        lgi("<project> LGI </project> <project_server> https://s/LGI </project_server>"),
    )
    server.will_answer_call(
        "interfaces/interface_project_resource_list",
        lgi(
            "<project> LGI </project> <resource> <resource_name> r@c </resource_name>"
            " <resource_capabilities> <a> </a>"
            " </resource_capabilities> <last_call_time> 7 </last_call_time> </resource>"
        ),
    )

    _, out, _ = run(qstat, "-l", "-L", "--json")

    told = json.loads(out)
    assert told["project_servers"] == ["https://s/LGI"]
    assert told["resources"] == [
        {"resource_name": "r@c", "resource_capabilities": "<a> </a>", "last_call_time": 7}
    ]


def test_each_deleted_job_is_printed(run: Run, server: CannedServer) -> None:
    """The output has the job that could not be deleted; XML has it too."""
    gone = lgi(JOB.replace("queued", "deleted"))
    server.will_answer_call(DELETE, gone, lgi_error(15, "no such job"), gone, lgi_error(15, "no such job"))

    code, out, _ = run(qdel, "--json", "7", "8")
    again, raw, _ = run(qdel, "-x", "7", "8")

    assert (code, again) == (1, 1)
    deleted, refused = json.loads(out)["jobs"]
    assert (deleted["job_id"], deleted["state"]) == (7, "deleted")
    assert refused == {"job_id": 8, "error": {"number": 15, "message": "no such job"}}
    assert raw.splitlines()[0].lstrip().startswith("<project> LGI </project>")
    assert raw.splitlines()[-1] == "<error> <number> 15 </number> <message> no such job </message> </error>"


def test_files_are_printed(run: Run, server: CannedServer) -> None:
    """A listing, and how each transfer ended."""
    url = server.url + PLACE
    server.will_answer("GET", LISTING, listing(FILES))
    server.will_answer("PUT", f"{PLACE}/f", done(200, "fine"))
    Path("f").write_text("x")

    _, out, _ = run(filetransfer, "--json", "list", url)
    code, sent, err = run(filetransfer, "--json", "upload", url, "f", "missing")

    assert json.loads(out)["files"][0] == {"file_name": "a & b.txt", "size": 24, "date": 1350000000}
    assert (code, json.loads(sent)["files"]) == (
        1,
        [{"file": "f", "error": None}, {"file": "missing", "error": "missing: No such file or directory"}],
    )
    assert err == "LGI_filetransfer: missing: No such file or directory\n"


@pytest.mark.parametrize(
    ("tool", "words"), [(qsub, ("-a", "x")), (qstat, ()), (qstat, ("7",)), (qstat, ("-L",)), (qdel, ("7",))]
)
def test_the_error_of_a_server_is_printed(
    run: Run, server: CannedServer, tool: object, words: tuple[str]
) -> None:
    """It is JSON too, and the exit code is 1."""
    code, out, _ = run(tool, "--json", *words)

    assert code == 1
    assert json.loads(out)["error"]["number"] is None
    assert "no LGI" in out or "not an LGI document" in out


def test_the_error_of_a_listing_is_printed(run: Run, server: CannedServer) -> None:
    """It is JSON, and the exit code is 1."""
    code, out, _ = run(filetransfer, "--json", "list", server.url + PLACE)

    assert code == 1
    assert "answered HTTP 404 Not Found and no listing" in json.loads(out)["error"]["message"]


def test_a_refusal_is_printed_with_its_number(run: Run, server: CannedServer) -> None:
    """So that a program can decide by it."""
    server.will_answer_call(STATE, lgi_error(34, "not yours"))

    assert json.loads(run(qstat, "--json", "7")[1]) == {"error": {"number": 34, "message": "not yours"}}


def test_only_one_kind_of_output_can_be_asked_for(run: Run) -> None:
    """-x and --json exclude each other."""
    code, out, err = run(qstat, "-x", "--json")

    assert (code, out) == (1, "")
    assert "--json cannot be combined with -x" in err


@pytest.mark.usefixtures("server")
def test_a_pipe_is_not_waited_for(run: Run) -> None:
    """It is no file to upload, and its writer may never come."""
    os.mkfifo("pipe")

    assert "it is not a regular file" in run(qsub, "-a", "x", "pipe")[2]
