"""Each field of a submit, of whoever submits: a repeated submit without it is another one."""

import dataclasses
import json
from pathlib import Path

import pytest

from lgi_server.services.jobs.submit_request import JobPayload, JobPlan
from tests.server.test_submit_once import SUBMIT, jobs
from tests.server.test_urgent_jobs import permit
from tests.support.grid import Grid, refusal
from tests.support.pages import Browser
from tests.support.running_jobs import started

# A value of each field that may be left out, as it is posted.
FIELDS = {
    "read_access": "x",
    "write_access": "y",
    "job_specifics": "<a> 1 </a>",
    "input": "41",
    "output": "42",
    "job_name": "sweep",
    "labels": "T=300",
    "hold": "1",
    "keep_after_failure": "1",
    "retries": "1",
    "priority": "-7",
    "deadline": "4000000000",
    "urgent": "1",
    "not_on": "res2@cluster",
}
END = {"exit_code": "0"}


@pytest.fixture(autouse=True)
def _urgent(request: pytest.FixtureRequest) -> None:
    """The user may have urgent jobs, and there is a resource to exclude."""
    if "grid" in request.fixturenames:
        grid = request.getfixturevalue("grid")
        permit(grid, 5, "mark@laptop")
        grid.resource("res2@cluster")


def test_all_fields_of_a_submit_are_tried_here() -> None:
    """A new one gets its value here; CONTRIBUTING.md has the list of its other places."""
    known = {field.name for kind in (JobPayload, JobPlan) for field in dataclasses.fields(kind)}

    # test_resubmit.py tries the source, which no submit has as a field; test_dependencies.py other jobs, and
    # test_notifications.py notify, with mail and webhook.
    others = {"uploads", "end", "source", "plan", "after", "after_any", "arrays", "retry_on", "backoff"}
    others |= {"notify"}
    assert known == FIELDS.keys() - {"keep_after_failure"} | others | {"keep"}


@pytest.mark.parametrize("name", FIELDS)
def test_a_field_of_a_user_counts_alone_and_among_many_submits(grid: Grid, name: str) -> None:
    """The same submit makes the same job, posted alone or in a list; without the field it is another one."""
    grid.resource()
    user = grid.user()
    posted = SUBMIT | {"request_id": "r", name: FIELDS[name]}
    first = user.post("interface_submit_job", **posted).number("job", "job_id")

    again = user.post("interface_submit_jobs", jobs=json.dumps([posted])).number("job", "job_id")
    other = user.refusal("interface_submit_job", **SUBMIT, request_id="r")

    assert (again, other, jobs(grid)) == (first, 33, [first])


@pytest.mark.parametrize(("name", "value"), [*FIELDS.items(), *END.items()])
def test_a_field_of_a_resource_counts(grid: Grid, name: str, value: str) -> None:
    """Whose submits have, besides those of users, the end of a job."""
    resource = grid.resource()
    usual = SUBMIT | {"state": "finished", "owners": "mark@laptop", "request_id": "r"}
    first = resource.submit(usual | {name: value}).number("job", "job_id")

    again = resource.submit(usual | {name: value}).number("job", "job_id")
    other = refusal(lambda: resource.submit(usual))

    assert (again, other, jobs(grid)) == (first, 33, [first])


@pytest.mark.parametrize("name", FIELDS)
def test_a_field_of_a_running_job_counts(grid: Grid, tmp_path: Path, name: str) -> None:
    """It submits as a resource does, but jobs that have not ended."""
    running = started(grid, tmp_path)
    usual = SUBMIT | {"state": "queued", "owners": "mark@laptop", "request_id": "r"}
    first = running.calls.submit(usual | {name: FIELDS[name]}).number("job", "job_id")

    again = running.calls.submit(usual | {name: FIELDS[name]}).number("job", "job_id")
    other = refusal(lambda: running.calls.submit(usual))

    assert (again, other, jobs(grid)) == (first, 33, [int(running.job_id), first])


def test_the_form_of_the_page_asks_for_each_field(grid: Grid) -> None:
    """But for an output, which a job that has not run yet rarely has."""
    grid.resource()
    form = Browser(grid).get("submit").tree

    asked = set(form.xpath("//input/@name | //textarea/@name"))

    assert FIELDS.keys() - asked == {"output"}
    assert asked >= {"after", "after_any"}
