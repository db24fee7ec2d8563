"""Exchanges of a daemon (`resource_exchange`): how a job is given out, run and reported in two calls."""

import pytest

from lgi_protocol.errors import ErrorNumber
from lgi_protocol.exchange import WITH_FILES, Exchange, Report, Want
from lgi_protocol.job_end import End
from tests.server.test_resource_calls import INVARIANT
from tests.support.exchanges import HELLO, NAME, daemon, end_of, references
from tests.support.grid import Grid


def test_sign_up_announces_the_call(grid: Grid) -> None:
    """A daemon uses it at servers that have it, and no others; in this version reports may have files."""
    assert grid.resource(NAME).sign_up().exchange == WITH_FILES


def test_a_wanted_job_runs_under_a_reference_of_the_daemon_at_once(grid: Grid) -> None:
    """It comes with all that the old calls tell in five answers, and nothing is locked."""
    user, one = grid.user(), daemon(grid)
    job_id = user.submit(input=b"41".hex(), job_specifics="<walltime> 10 </walltime>")

    (given,) = one.want()

    job = given.description
    assert (int(job.job_id), job.state, job.application) == (job_id, "running", HELLO)
    assert job.job_specifics.startswith(f"<daemon_reference> {job.daemon_reference} </daemon_reference>")
    assert "<walltime> 10 </walltime>" in job.job_specifics
    assert "<repository_url>" in job.job_specifics
    assert (job.target_resources, job.owners[0], job.input) == ((NAME,), "mark@laptop", b"41")
    assert (given.certificate, given.repository_files) == (b"", 0)
    assert user.state(job_id) == "running"
    assert grid.rows("SELECT * FROM running_locks") == []
    assert grid.rows(INVARIANT) == []
    targets = grid.rows("SELECT name FROM job_access WHERE job_id = %s AND role = 'target'", job_id)
    assert [row["name"] for row in targets] == [NAME]


def test_a_report_ends_a_job_with_its_output(grid: Grid) -> None:
    """State, output and end are as after resource_update_job; the answer has the new stamp."""
    user, one = grid.user(), daemon(grid)
    job_id = user.submit()
    (given,) = one.want()

    (verdict,) = one.report(end_of(given, b"out", end=End(3, None, "by itself"))).reports

    assert (verdict.state, verdict.error) == ("finished", None)
    detail = user.post("interface_job_state", job_id=str(job_id))
    assert detail.value("job", "output") == b"out".hex().upper()
    assert (detail.value("job", "exit_code"), detail.value("job", "end_reason")) == ("3", "by itself")
    assert detail.value("job", "state_time_stamp") == verdict.state_time_stamp
    assert int(verdict.state_time_stamp) > int(given.description.state_time_stamp)
    changes = grid.rows("SELECT old_state, new_state, changed_by, reason FROM job_history ORDER BY change_id")
    assert [tuple(row.values()) for row in changes] == [
        ("", "queued", "user mark@laptop", "submitted"),
        ("queued", "running", f"resource {NAME}", ""),
        ("running", "finished", f"resource {NAME}", "exit code 3: by itself"),
    ]


def test_a_report_that_comes_again_changes_nothing(grid: Grid) -> None:
    """The answer may have been lost: it is accepted again, with the stamp of the first."""
    user, one = grid.user(), daemon(grid)
    job_id = user.submit()
    (given,) = one.want()
    first = one.report(end_of(given, b"out"))
    before = grid.rows("SELECT * FROM job_queue"), grid.rows("SELECT * FROM job_history")

    again = one.report(end_of(given, b"other"))

    assert again == first
    assert (grid.rows("SELECT * FROM job_queue"), grid.rows("SELECT * FROM job_history")) == before
    assert user.state(job_id) == "finished"


def test_each_report_is_judged_by_itself(grid: Grid) -> None:
    """One that is refused keeps no other from being stored; the answers are in the order of the reports."""
    # A daemon of its own: the log has a limit of refusals by caller, to which other tests come too.
    user, one, other = grid.user(), daemon(grid, "judged@cluster"), daemon(grid, "other@cluster")
    for _ in range(3):
        user.submit(target_resources="judged@cluster")
    foreign = user.submit(target_resources="other@cluster")
    first, second, third = one.want(3)
    (theirs,) = other.want()
    assert theirs.description.job_id == str(foreign)

    answer = one.report(
        end_of(first),
        Report("999999", "A" * 32, "finished"),
        end_of(theirs),
        Report(second.description.job_id, "B" * 32, "finished"),
        Report(second.description.job_id, second.description.daemon_reference, "deleted"),
        Report(second.description.job_id, second.description.daemon_reference, ""),
        end_of(third, b"x"),
    )

    assert [one.error and one.error.number for one in answer.reports] == [
        *(None, ErrorNumber.NO_JOB, ErrorNumber.NOT_VISIBLE, ErrorNumber.NOT_YOUR_LOCK),
        *(ErrorNumber.STATE, ErrorNumber.STATE, None),
    ]
    assert "report of job 999999 refused: 'There is no such job" in grid.log.read_text()
    assert (
        user.state(int(first.description.job_id)) == user.state(int(third.description.job_id)) == "finished"
    )
    assert user.state(int(second.description.job_id)) == user.state(foreign) == "running"


def test_jobs_that_are_answered_again_count_for_what_is_wanted(grid: Grid) -> None:
    """A restarted daemon posts references of lost answers beside spare ones: it has no room for more jobs.

    Jobs that it names as not wanted are here, and were counted by it.
    """
    user, one = grid.user(), daemon(grid)
    for _ in range(4):
        user.submit()
    posted = references(4)
    first = one.post(Exchange(wants=(Want(HELLO, 2),), references=posted)).jobs
    known = tuple(job.description.job_id for job in first)

    again = one.post(Exchange(wants=(Want(HELLO, 2),), references=posted)).jobs
    more = one.post(Exchange(wants=(Want(HELLO, 1, without=known),), references=posted)).jobs

    assert again == first
    assert len(more) == 3


def test_the_same_references_are_answered_with_the_same_jobs(grid: Grid) -> None:
    """Whatever is wanted meanwhile: the answer was lost, and none of them is used for another job."""
    user, one = grid.user(), daemon(grid)
    for _ in range(4):
        user.submit()
    posted = references(3)

    first = one.post(Exchange(wants=(Want(HELLO, 2),), references=posted)).jobs
    again = one.post(Exchange(references=posted)).jobs
    more = one.post(Exchange(wants=(Want(HELLO, 3),), references=posted)).jobs

    assert again == first
    assert len(first) == 2
    assert more[:2] == first
    assert len(more) == 3
    assert {job.description.daemon_reference for job in more} == {one.daemon_reference for one in posted}
    assert user.post("interface_job_state", state="running", limit="0").number("number_of_jobs") == 3


@pytest.mark.parametrize("how", ["ended", "given back", "foreign"])
def test_a_reference_that_no_job_will_get_is_spent(grid: Grid, how: str) -> None:
    """Its job has ended, or another resource has it: the daemon drops it."""
    user, one, other = grid.user(), daemon(grid), daemon(grid, "other@cluster")
    job_id = user.submit()
    user.submit()
    posted = references(1)
    (given,) = (
        (other if how == "foreign" else one).post(Exchange(wants=(Want(HELLO, 1),), references=posted)).jobs
    )
    if how == "ended":
        one.report(end_of(given))
    if how == "given back":
        grid.set_job(job_id, state="queued")

    answer = one.post(Exchange(wants=(Want(HELLO, 1),), references=posted))

    assert answer.spent == (posted[0].daemon_reference,)
    assert answer.jobs == ()


@pytest.mark.parametrize("words", ["", "given back: "])
def test_a_job_that_is_given_back_is_queued_as_it_was(grid: Grid, words: str) -> None:
    """Its first targets come back, the reference goes, and the history says why; again it is accepted.

    It does not say twice that it was given back, as daemons of earlier versions do.
    """
    user, one = grid.user(), daemon(grid)
    grid.resource("other@cluster")
    job_id = user.submit(target_resources=f"{NAME}, other@cluster", job_specifics="<a> 1 </a>")
    (given,) = one.want()
    reason = f"{words}no licence here"
    back = Report(str(job_id), given.description.daemon_reference, "queued", end=End(reason=reason))

    answers = [one.report(back), one.report(back)]

    assert [(each.reports[0].state, each.reports[0].error) for each in answers] == [("queued", None)] * 2
    (row,) = grid.rows("SELECT * FROM job_queue")
    assert (row["state"], row["job_specifics"], row["daemon_reference"]) == ("queued", "<a> 1 </a>", None)
    assert row["target_resources"] == f"{NAME}, other@cluster"
    (last,) = grid.rows("SELECT * FROM job_history ORDER BY change_id DESC LIMIT 1")
    assert (last["new_state"], last["reason"]) == ("queued", "given back: no licence here")
    targets = grid.rows("SELECT name FROM job_access WHERE role = 'target' ORDER BY name")
    assert [each["name"] for each in targets] == ["other@cluster", NAME]
    assert (
        one.post(Exchange(wants=(Want(HELLO, 1, without=(str(job_id),)),), references=references(1))).jobs
        == ()
    )
    assert len(one.want()) == 1


def test_a_held_job_is_named_when_it_has_changed(grid: Grid) -> None:
    """An abort by its stamp and state; a job that is gone, and one of another daemon, by an error."""
    user, one = grid.user(), daemon(grid)
    jobs = [user.submit() for _ in range(4)]
    same, aborted, gone, lost = one.want(4)
    user.delete(jobs[1])
    grid.run("DELETE FROM job_queue WHERE job_id = %s", jobs[2])
    grid.set_job(jobs[3], job_specifics=f"<daemon_reference> {'C' * 32} </daemon_reference>")

    found = {int(one.job_id): one for one in one.hold(same, aborted, gone, lost).holds}

    assert set(found) == set(jobs[1:])
    assert (found[jobs[1]].state, found[jobs[1]].error) == ("aborting", None)
    assert found[jobs[1]].target_resources == (NAME,)
    assert "daemon_reference" in found[jobs[1]].job_specifics
    errors = [found[job_id].error for job_id in jobs[2:]]
    assert [error and error.number for error in errors] == [ErrorNumber.NO_JOB, ErrorNumber.NOT_YOUR_LOCK]


def test_an_exchange_tells_a_daemon_of_others_with_its_certificate(grid: Grid) -> None:
    """As a sign-up does: a daemon that signs up once and exchanges for days is counted."""
    first, second = daemon(grid, number="daemon-1"), daemon(grid, number="daemon-2")

    answers = [one.post(Exchange()).other_daemons for one in (first, second, first, second)]

    assert answers[:2] == [0, 1]
    assert answers[3] == 1
