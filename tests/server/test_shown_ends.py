"""The end of a job in pages, explanations and metrics. Green is only for a known success."""

import pytest

from lgi_protocol import xml
from tests.server.test_job_ends import ended
from tests.server.test_metrics import admin, page, status, value
from tests.support.grid import Grid
from tests.support.pages import Browser

# The posted end, and the badge: its class and its text.
BADGES: dict[str, tuple[dict[str, str | int], str, str]] = {
    "success": ({"exit_code": 0}, "state succeeded", "finished, exit code 0"),
    "code": ({"exit_code": 4}, "state failed", "finished, exit code 4"),
    "signal": ({"exit_signal": 9}, "state failed", "finished, killed by signal 9"),
    "unknown": ({"output": b"[LGI: exit code 0]\n"}, "state finished", "finished, exit code unknown"),
    "aborted": ({"state": "aborted"}, "state aborted", "aborted"),
    "aborted with a code": ({"state": "aborted", "exit_code": 0}, "state aborted", "aborted, exit code 0"),
}


@pytest.mark.parametrize(("posted", "kind", "words"), BADGES.values(), ids=BADGES.keys())
def test_pages_show_how_a_job_ended(grid: Grid, posted: dict[str, str | int], kind: str, words: str) -> None:
    """The list and the job's page are green only for a known success, whatever the output contains."""
    job_id = ended(grid, grid.resource(), **posted)
    browser = Browser(grid)

    for path in ("jobs", f"jobs/{job_id}"):
        (badge, *others) = browser.get(path).tree.xpath("//main//*[starts-with(@class, 'state ')]")
        assert (badge.get("class"), badge.text_content()) == (kind, words)
        assert all(one.get("class") != "state succeeded" for one in others)


def test_pages_show_why_a_job_ended_so(grid: Grid) -> None:
    """The reason is escaped text: a daemon's reason is as untrusted as a job's output."""
    reason = "it took <b>longer</b> than 100 s \u202e"
    job_id = ended(grid, grid.resource(), exit_code=124, end_reason=reason)
    browser = Browser(grid)

    (row,) = browser.get("jobs").rows()
    shown = browser.get(f"jobs/{job_id}")

    seen = "it took <b>longer</b> than 100 s"
    assert row["State"].startswith(f"finished, exit code 124 {seen}")
    assert f"Ended so because {seen}" in shown.text
    assert f"exit code 124: {seen}" in shown.text
    assert "\u202e" not in shown.text
    (live,) = shown.tree.xpath("//*[@id='job']/@data-said")
    assert live.startswith(f"Job {job_id} is finished, exit code 124: {seen}")


def test_the_list_is_filtered_by_the_end_of_the_jobs(grid: Grid) -> None:
    """The filter combines with the others; an empty result has a message, and an unknown word is refused."""
    resource = grid.resource()
    good, bad = ended(grid, resource, exit_code=0), ended(grid, resource, exit_code=1)
    unknown = ended(grid, resource)
    browser = Browser(grid)

    def found(query: str) -> list[str]:
        return [row["Job"] for row in browser.get(f"jobs?{query}").rows()]

    assert found("ended=succeeded") == [str(good)]
    assert found("ended=failed&state=finished&application=hello_world") == [str(bad)]
    assert found("ended=unknown") == [str(unknown)]
    assert len(found("ended=")) == len(found("ended=any")) == 3
    assert (
        "None of your jobs is aborted and one that failed."
        in browser.get("jobs?ended=failed&state=aborted").text
    )
    assert browser.get("jobs?ended=good").status == 400


def test_an_explanation_tells_how_a_job_ended(grid: Grid) -> None:
    """The message has it as text, and the job has it in its fields."""
    job_id = ended(grid, grid.resource(), exit_signal=9, end_reason="it used more than 200 MB")

    reply = grid.user().post("interface_explain_job", job_id=str(job_id))

    told = "it has ended: finished, killed by signal 9: it used more than 200 MB"
    assert reply.value("explanation", "message") == told
    assert reply.value("job", "exit_signal") == "9"
    assert xml.value(reply.content, "job", "end_reason") == "it used more than 200 MB"


def test_ends_are_counted_by_their_result(grid: Grid) -> None:
    """Each job counts once, however often its end is reported, with the stored result."""
    resource = grid.resource()
    names = ("succeeded", "failed", "unknown")

    def counted() -> list[float]:
        text = page(grid, admin(grid)).text
        return [value(text, "lgi_jobs_ended_total", project="LGI", result=name) for name in names]

    before = counted()
    for posted in ({"exit_code": 0}, {"exit_code": 1}, {"exit_signal": 9}, {"state": "aborted"}, {}):
        job_id = ended(grid, resource, **posted)  # type: ignore[arg-type]
    resource.lock(str(job_id))
    resource.update(str(job_id), state="finished", exit_code=0)

    after = counted()

    assert [now - first for now, first in zip(after, before, strict=True)] == [1, 3, 1]
    told = [line.split() for line in status(grid).stdout.splitlines() if "ended since" in line]
    assert [line[-2:] for line in told] == [
        [name, f"{number:.0f}"] for name, number in zip(names, after, strict=True)
    ]
