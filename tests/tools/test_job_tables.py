"""Jobs and progress as notebooks show them, and jobs as they end."""

from collections.abc import Callable
from dataclasses import replace
from operator import methodcaller

import pytest

from lgi_tools import Project, ServerError
from lgi_tools.client.job_progress import Progress
from lgi_tools.client.job_table import MOST_ROWS, JobList
from tests.support.program_resource import ProgramResource

from .test_executor import project, resource  # noqa: F401 - fixtures
from .test_job_values import DETAILS

ENDED = replace(DETAILS, state="finished", exit_code=3, end_reason="out of <memory>", name="<b>\x1b[1mT")
# What a notebook calls.
html: Callable[[object], str] = methodcaller("_repr_html_")


def test_a_table_of_jobs_has_a_row_each() -> None:
    """With the exit code and the reason of those that have ended; text of users is no markup."""
    shown = html(JobList([DETAILS, ENDED]))

    assert shown.count("<tr>") == 3
    assert "<td>queued</td><td></td>" in shown
    assert "<td>finished</td><td>exit code 3: out of &lt;memory&gt;</td>" in shown
    assert "<td>&lt;b&gt;\\x1b[1mT</td>" in shown
    assert html(ENDED) == html(JobList([ENDED]))


def test_a_long_table_is_cut() -> None:
    """It says how many jobs it does not show."""
    shown = html(JobList([DETAILS] * (MOST_ROWS + 2)))

    assert shown.count("<tr>") == MOST_ROWS + 1
    assert shown.endswith("<p>and 2 more</p>")


def test_progress_is_a_bar() -> None:
    """With the number of each state; no jobs are no fault."""
    assert html(Progress({"succeeded": 2, "queued": 1})) == (
        '<div><progress value="2" max="3"></progress> 2 of 3 ended: 2 succeeded, 1 queued</div>'
    )
    assert html(Progress()).endswith("0 of 0 ended: no jobs</div>")


@pytest.mark.one_database
def test_jobs_come_as_they_end(project: Project, resource: ProgramResource) -> None:  # noqa: F811
    """A deleted one is an error after all others; a list of them is a table."""
    first, second, third = (project.submit("command", input=f"exit {n}") for n in range(3))
    waited = project.as_completed([first, second.id, str(third.id)], 60)
    jobs = {job.job_id: job for job in resource.take(3)}
    resource.report(jobs[str(third.id)], b"", exit_code=2)
    ended = [next(waited)]
    resource.report(jobs[str(first.id)], b"", exit_code=0)
    ended.append(next(waited))
    resource.report(jobs[str(second.id)], b"", exit_code=1)
    project.delete(second)

    assert [(job.id, job.exit_code) for job in ended] == [(third.id, 2), (first.id, 0)]
    with pytest.raises(ServerError, match=f"job {second.id}"):
        list(waited)
    assert [job.id for job in project.job_list(ended="failed")] == [third.id]
