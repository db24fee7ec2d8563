"""LGI_history and LGI_usage against a server with canned answers."""

import json
from collections.abc import Callable

import pytest

from lgi_tools.commands.history import main as history
from lgi_tools.commands.history import usage_main as usage
from tests.support.canned_server import CannedServer, lgi, lgi_error

Run = Callable[..., tuple[int, str, str]]
HISTORY, USAGE = "interfaces/interface_job_history", "interfaces/interface_usage"
CHANGES = lgi(
    "<project> LGI </project> <job_id> 3 </job_id> <number_of_changes> 2 </number_of_changes>"
    " <change number='1'> <time> 60 </time> <old_state> </old_state> <new_state> queued </new_state>"
    " <changed_by> user mark@laptop </changed_by> <reason> submitted </reason> <application> a </application>"
    " <owners> mark@laptop, theor </owners> <target_resources> any </target_resources> </change>"
    " <change number='2'> <time> 86400 </time> <old_state> queued </old_state>"
    " <new_state> running </new_state>"
    " <changed_by> resource res1@cluster </changed_by> <reason> </reason> <application> a </application>"
    " <owners> mark@laptop, theor </owners> <target_resources> res1@cluster </target_resources> </change>"
)
USED = lgi(
    "<project> LGI </project> <kind> user </kind> <number_of_usages> 1 </number_of_usages>"
    " <usage number='1'> <month> 202611 </month> <name> mark@laptop </name> <jobs> 12 </jobs>"
    " <seconds> 5400 </seconds> </usage>"
)


def test_the_history_of_a_job_is_a_table(run: Run, server: CannedServer) -> None:
    """When, what it became, by whom, for which resources, and why."""
    server.will_answer_call(HISTORY, CHANGES)

    code, out, err = run(history, "3")

    assert (code, err) == (0, "")
    assert out.splitlines()[0].split() == ["time", "state", "by", "for", "why"]
    assert out.splitlines()[1].split() == (
        ["1970-01-01", "00:01:00", "queued", "user", "mark@laptop", "any", "submitted"]
    )
    assert out.splitlines()[2].split() == (
        ["1970-01-02", "00:00:00", "running", "resource", "res1@cluster", "res1@cluster", "-"]
    )
    assert server.requests[0].fields["job_id"] == "3"


def test_the_history_can_be_read_by_programs(run: Run, server: CannedServer) -> None:
    """One JSON document; refusals too."""
    server.will_answer_call(HISTORY, CHANGES, lgi_error(15, "no such job"))

    _, out, _ = run(history, "--json", "3")
    code, refused, _ = run(history, "--json", "4")

    found = json.loads(out)
    assert (found["job_id"], len(found["changes"])) == (3, 2)
    assert found["changes"][1]["target_resources"] == ["res1@cluster"]
    assert found["changes"][0]["time"] == 60
    assert (code, json.loads(refused)["error"]["number"]) == (1, 15)


def test_use_is_a_table_of_jobs_and_hours(run: Run, server: CannedServer) -> None:
    """The default columns are month and user."""
    server.will_answer_call(USAGE, USED)

    code, out, err = run(usage)

    assert (code, err) == (0, "")
    assert [line.split() for line in out.splitlines()] == [
        ["month", "user", "jobs", "hours"],
        ["2026-11", "mark@laptop", "12", "1.50"],
    ]
    fields = server.requests[0].fields
    assert (fields["kind"], fields["by"], "month" in fields) == ("user", "month,name", False)


def test_use_can_be_asked_of_groups_and_of_a_month(run: Run, server: CannedServer) -> None:
    """An unknown column is refused before a call is made."""
    server.will_answer_call(USAGE, lgi("<number_of_usages> 0 </number_of_usages>"))

    code, out, _ = run(usage, "-g", "--by", "application, resource", "--month", "2026-02", "--json")
    refused = run(usage, "--by", "shoe_size")

    assert (code, json.loads(out)["usage"]) == (0, [])
    fields = server.requests[0].fields
    assert (fields["kind"], fields["month"]) == ("group", "202602")
    assert refused[0] == 1
    assert "shoe_size" in refused[2]


@pytest.mark.parametrize("month", ["2026-13", "2026-00", "202611", "nov", "26-11", ""])
def test_an_invalid_month_is_refused(run: Run, server: CannedServer, month: str) -> None:
    """The message shows the format; no call is made, and nothing is printed."""
    code, out, err = run(usage, "--month", month)

    assert (code, out, server.requests) == (1, "", [])
    assert f"{month!r} is not a month: write year and month, as 2026-11" in err
