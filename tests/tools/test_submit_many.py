"""Project.submit_many: many jobs in few calls, from Python."""

import json
from pathlib import Path

import pytest

from lgi_protocol.errors import TransportError
from lgi_tools import JobRequest, Project, Submission
from tests.support.canned_server import Answer, CannedServer

from .test_bulk_submit import LIST, MANY, made
from .test_safe_submit import of_today


def test_outcomes_come_in_the_order_of_the_requests(server: CannedServer) -> None:
    """Each is reported as soon as it is known; the fields are those of a single submit."""
    server.will_answer_call(LIST, of_today())
    server.will_answer_call(MANY, of_today("<most_jobs> 2 </most_jobs>"), made(7, 8), made(9))
    Path("data").write_text("abc")
    requests = [
        JobRequest("command", input="echo 1", specifics={"cpus": 2}),
        JobRequest("command", input=b"\xff", targets=("a", "b"), read_access=["mary"], files=["data"]),
        JobRequest("other", request_id="mine"),
    ]
    reported: list[Submission] = []

    with Project() as project:
        outcomes = project.submit_many(iter(requests), reported.append)

    sent = [job for request in server.requests for job in json.loads(request.fields.get("jobs", "[]"))]
    assert [outcome.job_id for outcome in outcomes] == [7, 8, 9]
    assert reported == outcomes
    assert (sent[0]["input"], sent[0]["job_specifics"]) == ("6563686F2031", "<cpus> 2 </cpus>")
    assert (sent[1]["input"], sent[1]["target_resources"], sent[1]["read_access"]) == ("FF", "a, b", "mary")
    assert sent[1]["files"][0][:2] == ["data", 3]
    assert (sent[2]["application"], sent[2]["request_id"]) == ("other", "mine")


@pytest.mark.parametrize(
    ("bad", "error", "text"),
    [
        (JobRequest("caf\udce9"), ValueError, "application is not UTF-8"),
        (JobRequest("x", specifics={"a b": 1}), ValueError, "cannot be the name of a tag"),
        (JobRequest("x", files=["absent"]), FileNotFoundError, "absent"),
        (JobRequest("x", request_id="same"), ValueError, "two jobs have the same request_id"),
    ],
)
def test_a_request_that_cannot_be_sent_stops_all(
    server: CannedServer, bad: JobRequest, error: type[Exception], text: str
) -> None:
    """Before the first one is sent, also when it is the last one."""
    with Project() as project, pytest.raises(error, match=text):
        project.submit_many([JobRequest("x", request_id="same"), bad])

    assert server.requests == []


def test_outcomes_before_an_error_are_reported(server: CannedServer) -> None:
    """The error itself is raised."""
    server.will_answer_call(LIST, of_today())
    server.will_answer_call(MANY, of_today("<most_jobs> 1 </most_jobs>"), made(7), Answer(b"", 502))
    reported: list[Submission] = []

    with Project() as project, pytest.raises(TransportError):
        project.submit_many([JobRequest("x"), JobRequest("x")], reported.append)

    assert [outcome.job_id for outcome in reported] == [7]


def test_no_jobs_are_no_call(server: CannedServer) -> None:
    """The outcome of nothing is nothing."""
    with Project() as project:
        assert project.submit_many([]) == []

    assert server.requests == []
