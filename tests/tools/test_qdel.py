"""LGI_qdel against a server."""

from collections.abc import Callable

import pytest

from lgi_tools.commands.qdel import main
from tests.support.canned_server import Answer, CannedServer, lgi, lgi_error

Run = Callable[..., tuple[int, str, str]]
CALL = "interfaces/interface_delete_job"


def answered(job_id: int, state: str) -> Answer:
    return lgi(
        "<project> LGI </project> <this_project_server> https://t/LGI </this_project_server> "
        f"<number_of_jobs> 1 </number_of_jobs> <job number='1'> <job_id> {job_id} </job_id> "
        f"<state> {state} </state> </job>"
    )


def test_jobs_are_deleted_or_aborted_one_after_the_other(run: Run, server: CannedServer) -> None:
    """Every id has its line; one connection does for all."""
    server.will_answer_call(CALL, answered(7, "deleted"), answered(8, "aborting"))

    code, out, err = run(main, "7", "8")

    assert (code, err) == (0, "")
    assert out == (
        "\nJob 7 deleted from project LGI on server https://t/LGI\n"
        "\nAborting job 8 in project LGI on server https://t/LGI\n"
        "\n"
    )
    # Before these it asks whether the number means more than one job.
    assert [request.fields for request in server.requests if CALL in request.path] == [
        {"project": "LGI", "user": "mark@laptop", "groups": "theor", "job_id": job_id}
        for job_id in ("7", "8")
    ]
    assert len(server.connections) == 1


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
