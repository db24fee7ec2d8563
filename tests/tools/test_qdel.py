"""LGI_qdel against a server."""

import json
from collections.abc import Callable

import pytest

from lgi_tools.commands.qdel import main
from tests.support.canned_server import Answer, CannedServer, lgi, lgi_error

Run = Callable[..., tuple[int, str, str]]
CALL = "interfaces/interface_delete_job"
CALLS = "interfaces/interface_delete_jobs"


def answered(job_id: int, state: str) -> Answer:
    return lgi(
        "<project> LGI </project> <this_project_server> https://t/LGI </this_project_server> "
        f"<number_of_jobs> 1 </number_of_jobs> <job number='1'> <job_id> {job_id} </job_id> "
        f"<state> {state} </state> </job>"
    )


def test_jobs_are_deleted_or_aborted_one_after_the_other(run: Run, server: CannedServer) -> None:
    """By an older server, which knows no call for several; one connection does for all."""
    server.will_answer_call(CALL, answered(7, "deleted"), answered(8, "aborting"))

    code, out, err = run(main, "7", "8")

    assert (code, err) == (0, "")
    assert out == (
        "\nJob 7 deleted from project LGI on server https://t/LGI\n"
        "\nAborting job 8 in project LGI on server https://t/LGI\n"
        "\n"
    )
    # Before these it asks whether the number means more than one job, and for both at once.
    assert [request.fields for request in server.requests if f"{CALL}.php" in request.path] == [
        {"project": "LGI", "user": "mark@laptop", "groups": "theor", "job_id": job_id}
        for job_id in ("7", "8")
    ]
    assert len(server.connections) == 1


def of_each(*jobs: str) -> Answer:
    """The answer about several jobs."""
    head = "<project> LGI </project> <this_project_server> https://t/LGI </this_project_server> "
    return lgi(head + "".join(f"<job> {one} </job>" for one in jobs))


def asked(server: CannedServer, call: str) -> list[str]:
    """The jobs of each such call."""
    found = [one.fields for one in server.requests if one.path.endswith(f"{call}.php")]
    return [one.get("job_ids") or one["job_id"] for one in found]


def test_many_jobs_are_deleted_with_one_call(run: Run, server: CannedServer) -> None:
    """Each has its line; one that a session has locked is asked for alone, which waits."""
    busy = "<job_id> 9 </job_id> <error> <number> 22 </number> <message> Locked </message> </error>"
    gone = "<job_id> 8 </job_id> <error> <number> 15 </number> <message> no such job </message> </error>"
    deleted = "<job_id> 7 </job_id> <state> deleted </state>"
    server.will_answer_call(CALLS, of_each(deleted, gone, busy))
    server.will_answer_call(CALL, answered(9, "aborting"))

    code, out, _ = run(main, "7", "8", "9", "7")

    assert code == 1
    assert out == (
        "\nJob 7 deleted from project LGI on server https://t/LGI\n"
        f"\nError message returned by server {server.url} : no such job\n"
        "\nAborting job 9 in project LGI on server https://t/LGI\n"
        "\n"
    )
    assert (asked(server, CALLS), asked(server, CALL)) == (["7, 8, 9"], ["9"])


def test_json_has_each_job_that_one_call_has_deleted(run: Run, server: CannedServer) -> None:
    """With the project and the server, as for a single job."""
    refused = "<job_id> 8 </job_id> <error> <number> 15 </number> <message> no </message> </error>"
    server.will_answer_call(CALLS, of_each("<job_id> 7 </job_id> <state> deleted </state>", refused))

    code, out, _ = run(main, "--json", "7", "8")

    first, second = json.loads(out)["jobs"]
    assert code == 1
    assert (first["job_id"], first["project"], first["state"]) == (7, "LGI", "deleted")
    assert second == {"job_id": 8, "error": {"number": 15, "message": "no"}}


def test_a_server_that_takes_fewer_jobs_at_once_gets_fewer(run: Run, server: CannedServer) -> None:
    """Its administrator sets how many."""
    one, two = (of_each(f"<job_id> {number} </job_id> <state> deleted </state>") for number in (7, 8))
    server.will_answer_call(CALLS, *[lgi_error(65, "at most 1")] * 8, one, two)

    code, out, err = run(main, "7", "8")

    assert (code, err) == (0, "")
    assert "Job 7 deleted" in out
    assert "Job 8 deleted" in out
    assert asked(server, CALLS)[-2:] == ["7", "8"]


def test_the_exit_code_is_1_when_an_id_failed(run: Run, server: CannedServer) -> None:
    """The others are deleted all the same."""
    server.will_answer_call(CALL, lgi_error(15, "no such job"), answered(8, "deleted"))

    code, out, _ = run(main, "7", "8")

    assert code == 1
    assert out == (
        f"\nError message returned by server {server.url} : no such job\n"
        "\nJob 8 deleted from project LGI on server https://t/LGI\n"
        "\n"
    )


def test_any_other_state_is_a_failure(run: Run, server: CannedServer) -> None:
    """The job is neither deleted nor aborting."""
    server.will_answer_call(CALL, answered(7, "running"))

    code, out, _ = run(main, "7")

    assert code == 1
    assert out == "\nCould not abort or delete job 7 from project LGI on server https://t/LGI\n\n"


def test_an_answer_that_is_not_lgis_is_reported(run: Run, server: CannedServer) -> None:
    """The message has the HTTP status, and the exit code is 1; LGI's own tool ended silently."""
    server.will_answer_call(CALL, Answer(b"<html>maintenance</html>"))

    code, out, _ = run(main, "7")

    assert code == 1
    assert out == f"\nError posting to server {server.url}: the answer is not an LGI document (HTTP 200)\n\n"


def test_a_server_that_cannot_be_reached_is_reported_in_words(run: Run) -> None:
    """The reason of the system instead of a number of a library."""
    code, out, _ = run(main, "-S", "https://localhost:1/LGI", "7")

    assert code == 1
    assert out == "\nError posting to server https://localhost:1/LGI: Connection refused\n\n"


def test_a_job_id_is_a_number(run: Run, server: CannedServer) -> None:
    """Nothing is sent when one of them is not."""
    code, out, err = run(main, "7", "x8")

    assert (code, out) == (1, "")
    why = "'x8' is not a job id: it must be a number, or a range as 12-40"
    assert err == f"LGI_qdel: {why} ('LGI_qdel -h' shows how it is used)\n"
    assert server.requests == []


@pytest.mark.slow
def test_a_busy_server_is_asked_again(run: Run, server: CannedServer) -> None:
    """A back-off promises that nothing was done, so the call is repeated after the time it names."""
    server.will_answer_call(CALL, lgi_error(1, "busy", timeout=1), answered(7, "deleted"))

    code, out, _ = run(main, "7")

    assert code == 0
    assert "Job 7 deleted" in out
    assert sum(CALL in request.path for request in server.requests) == 2
