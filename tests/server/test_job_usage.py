"""What jobs have used: told by daemons with the end, judged, and shown to clients that ask (wire.md 6)."""

import pytest

from lgi_protocol import xml
from lgi_protocol.errors import ErrorNumber, ServerError
from lgi_protocol.job_end import End
from lgi_protocol.job_usage import FIELDS, JobUsage
from tests.server.test_job_ends import ended, running
from tests.support.exchanges import daemon, end_of
from tests.support.grid import Grid
from tests.support.pages import Browser

USED = JobUsage(12_345, 312 * 2**20, 40_960)
TOLD = {"cpu_milliseconds": "12345", "peak_memory": "327155712", "disk_used": "40960"}


def shown(grid: Grid, **fields: str) -> dict[str, str]:
    """What a user is told that a job has used."""
    (text,) = grid.user().post("interface_job_state", **fields).all("job")
    return {one.name: one.text for one in xml.elements(text) if one.name in FIELDS}


def test_a_usage_is_shown_to_those_who_ask(grid: Grid) -> None:
    """In lists and details; whoever does not ask, as an old program, sees nothing new."""
    job_id = ended(grid, grid.resource(), exit_code=0, **vars(USED))

    assert shown(grid, show="usage") == shown(grid, job_id=str(job_id), show="usage") == TOLD
    assert shown(grid) == shown(grid, job_id=str(job_id)) == shown(grid, show="times") == {}


def test_an_exchange_tells_it_with_the_report(grid: Grid) -> None:
    """Without another statement, as for the old call."""
    one = daemon(grid)
    grid.user().submit()
    (given,) = one.want()

    one.report(end_of(given, end=End(0, usage=USED)))

    assert shown(grid, show="usage") == TOLD


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("text", ["-1", "x", "1e9", "1.5", "9" * 18, "9" * 40])
def test_nonsense_is_refused_and_changes_nothing(grid: Grid, name: str, text: str) -> None:
    """Negative, huge, or no number: the message names the field."""
    resource = grid.resource()
    job_id = running(grid, resource)

    with pytest.raises(ServerError, match=f"^{name} is not acceptable") as refused:
        resource.update(job_id, state="finished", **{name: text})

    assert refused.value.number == ErrorNumber.STATE
    resource.unlock(job_id)
    assert grid.user().state(int(job_id)) == "running"


def test_a_job_that_has_not_ended_has_used_nothing(grid: Grid) -> None:
    """As it has no exit code."""
    resource = grid.resource()
    job_id = running(grid, resource)

    with pytest.raises(ServerError, match="has not ended"):
        resource.update(job_id, peak_memory=1)


def test_pages_show_what_a_job_has_used_of_what_it_asked_for(grid: Grid) -> None:
    """The list has the memory where its column is chosen, the page of the job all of it."""
    resource = grid.resource()
    job_id = running(grid, resource, job_specifics="<memory> 2048 </memory>")
    resource.update(job_id, state="finished", **vars(USED))
    resource.unlock(job_id)
    browser = Browser(grid)

    assert browser.get("jobs?columns=memory").rows()[0]["Memory"] == "312 MB of 2 GB"
    text = browser.get(f"jobs/{job_id}").text
    assert "Memory used 312 MB of 2 GB" in text
    assert "Processor used 12s" in text
    assert "Disk used 40 kB" in text
