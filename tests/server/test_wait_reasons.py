"""Why a resource does not run a job that it has: its daemon says it in an exchange, and users read it."""

import pytest

from lgi_protocol import xml
from lgi_protocol.exchange import MOST_WAIT_REASON, Exchange, GivenJob, Hold
from lgi_protocol.job_end import End
from tests.support.exchanges import NAME, ExchangingDaemon, daemon, end_of
from tests.support.grid import Grid, UserCalls
from tests.support.pages import Browser

WHY = "job_prologue_script: exit status 1: no scratch"


def say(one: ExchangingDaemon, job: GivenJob, why: str | None) -> None:
    """Hold a job, with the reason for which it waits."""
    known = job.description
    hold = Hold(known.job_id, known.daemon_reference, known.state_time_stamp, why)
    assert one.post(Exchange(holds=(hold,))).holds == ()


def told(user: UserCalls, job_id: int) -> tuple[str, str]:
    """Resource and reason in the explanation of a job, empty without one."""
    reply = user.post("interface_explain_job", job_id=str(job_id))
    found = xml.find(reply.content, "explanation", "waits_on")
    if found is None:
        return ("", "")
    assert int(xml.value(found.inside, "since")) > 0
    return xml.value(found.inside, "resource_name"), xml.value(found.inside, "reason")


def events(grid: Grid) -> list[tuple[str, ...]]:
    """What the history has of jobs whose state stayed."""
    rows = grid.rows("SELECT * FROM job_history WHERE old_state = new_state ORDER BY change_id")
    return [(str(row["job_id"]), str(row["changed_by"]), str(row["reason"])) for row in rows]


def test_a_reason_is_stored_once_and_replaced_by_the_next(grid: Grid) -> None:
    """A daemon says it as often as it likes: the history has one row, and none while nothing is said."""
    user, one = grid.user(), daemon(grid)
    job_id = user.submit()
    (given,) = one.want()
    one.hold(given)
    before = events(grid), told(user, job_id)

    for _ in range(3):
        say(one, given, WHY)
    first = events(grid), told(user, job_id)
    say(one, given, "another")
    second = events(grid), told(user, job_id)

    assert before == ([], ("", ""))
    assert first == ([(str(job_id), f"resource {NAME}", f"waits: {WHY}")], (NAME, WHY))
    assert second == ([(str(job_id), f"resource {NAME}", "waits: another")], (NAME, "another"))


def test_a_job_that_waits_no_more_keeps_the_reason_in_its_history(grid: Grid) -> None:
    """Said again it is the same row; a job that never waited gets none. Its usage is as without."""
    user, one = grid.user(), daemon(grid)
    job_id, other_id = user.submit(), user.submit()
    given, other = one.want(2)
    say(one, given, WHY)

    say(one, given, "")
    say(one, given, "")
    say(one, other, "")

    assert events(grid) == [(str(job_id), f"resource {NAME}", f"waited: {WHY}")]
    assert told(user, job_id) == told(user, other_id) == ("", "")
    say(one, given, WHY)
    assert told(user, job_id) == (NAME, WHY)
    one.report(end_of(given))
    assert told(user, job_id) == ("", "")
    assert user.state(job_id) == "finished"


def test_many_jobs_that_wait_are_stored_together(grid: Grid) -> None:
    """Each with its own reason, some new, some changed, in one exchange."""
    user, one = grid.user(), daemon(grid)
    for _ in range(3):
        user.submit()
    first, second, third = one.want(3)
    say(one, first, "old")
    say(one, second, "same")
    known = [one.description for one in (first, second, third)]

    one.post(
        Exchange(
            holds=tuple(
                Hold(job.job_id, job.daemon_reference, job.state_time_stamp, why)
                for job, why in zip(known, ("new", "same", "first"), strict=True)
            )
        )
    )

    assert {job_id: why for job_id, _by, why in events(grid)} == {
        known[0].job_id: "waits: new",
        known[1].job_id: "waits: same",
        known[2].job_id: "waits: first",
    }


@pytest.mark.parametrize("whose", ["of another daemon", "ended"])
def test_a_daemon_says_it_of_its_own_running_jobs_alone(grid: Grid, whose: str) -> None:
    """Of a job that another resource has, or that has ended, nothing is stored."""
    user, one, other = grid.user(), daemon(grid), daemon(grid, "other@cluster")
    job_id = user.submit()
    (given,) = one.want()
    job = given.description
    if whose == "ended":
        one.report(end_of(given))
    caller = one if whose == "ended" else other

    caller.post(Exchange(holds=(Hold(job.job_id, job.daemon_reference, "1", "mine"),)))
    one.post(Exchange(holds=(Hold(job.job_id, "F" * 32, "1", "guessed"),)))

    assert events(grid) == []
    assert told(user, job_id) == ("", "")


def test_a_hostile_reason_is_short_and_shown_as_text(grid: Grid) -> None:
    """Control characters and tags reach neither the log, a client nor the page; the hold counts."""
    user, one = grid.user(), daemon(grid)
    job_id = user.submit()
    (given,) = one.want()
    hostile = "<script>alert(1)</script> </waits_on> \x1b[2J\n\u202e'\";-- %s" + "x" * 9000

    say(one, given, hostile)

    _resource, why = told(user, job_id)
    assert len(why) == MOST_WAIT_REASON
    assert why.startswith("<script>alert(1)</script> </waits_on> ?")
    assert why.isprintable()
    page = Browser(grid).get(f"jobs/{job_id}")
    assert f"It waits on {NAME}: {why}" in " ".join(page.tree.text_content().split())
    assert not [one for one in page.tree.xpath("//script/text()") if "alert" in one]


def test_a_job_that_was_given_back_says_which_resource_refused_it(grid: Grid) -> None:
    """As by its limits script: the job is queued, and the explanation and the page have the reason."""
    user, one = grid.user(), daemon(grid)
    job_id = user.submit()
    (given,) = one.want()

    one.report(end_of(given, state="queued", end=End(reason="job_check_limits_script: too big")))

    assert told(user, job_id) == (NAME, "job_check_limits_script: too big")
    page = Browser(grid).get(f"jobs/{job_id}")
    assert f"It waits on {NAME}: job_check_limits_script: too big (since" in " ".join(
        page.tree.text_content().split()
    )
