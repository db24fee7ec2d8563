"""Actions for several jobs of the list at once, in the web interface."""

import pytest

from tests.support.grid import Grid
from tests.support.pages import Browser, Page


@pytest.fixture
def browser(grid: Grid) -> Browser:
    """A user of a project with a resource."""
    grid.resource()
    return Browser(grid)


def act(browser: Browser, action: str, *numbers: int) -> Page:
    """Choose jobs of the list, and press a button."""
    fields = browser.get("jobs").fields("jobs/chosen")
    return browser.send("jobs/chosen", fields | {"action": action, "chosen": [str(one) for one in numbers]})


def states(grid: Grid) -> dict[int, tuple[str, int]]:
    """State and lock_state of all jobs."""
    rows = grid.rows("SELECT job_id, state, lock_state FROM job_queue ORDER BY job_id")
    return {row["job_id"]: (row["state"], row["lock_state"]) for row in rows}


def test_a_list_has_a_box_for_each_job(grid: Grid, browser: Browser) -> None:
    """It belongs to the form below, which has a button for each action."""
    job_id = grid.user().submit()

    tree = browser.get("jobs").tree

    assert tree.xpath("//table//input[@type='checkbox']/@value") == [str(job_id)]
    assert tree.xpath("//table//input/@form") == tree.xpath("//form[@class='chosen']/@id")
    assert tree.xpath("//form[@class='chosen']//button/@value") == [
        *("again", "hold", "release", "download", "abort", "delete", "label", "share")
    ]


def test_chosen_jobs_are_held_and_released(grid: Grid, browser: Browser) -> None:
    """What cannot be held is named with the reason; the others are."""
    one, two, other = (grid.user().submit() for _ in range(3))
    ended = grid.user().submit()
    grid.set_job(ended, state="finished")

    held = act(browser, "hold", one, two, ended)
    before = states(grid)
    released = act(browser, "release", one, two)

    assert "2 jobs are held" in held.text
    assert f"Job {ended}: Only a job that is queued can be held" in held.text
    assert [before[job][1] for job in (one, two, other, ended)] == [2, 2, 0, 0]
    assert "2 jobs are released" in released.text
    assert {lock for _state, lock in states(grid).values()} == {0}


def test_chosen_jobs_are_deleted_or_aborted_after_a_question(grid: Grid, browser: Browser) -> None:
    """Queued and ended ones are deleted, running ones aborted; the others are named with the reason."""
    queued, running, kept = (grid.user().submit() for _ in range(3))
    grid.set_job(running, state="running", target_resources="res1@cluster")

    questions = [act(browser, action, queued, running) for action in ("delete", "abort")]
    before = states(grid)
    done = [
        browser.send(
            "jobs/chosen",
            page.fields("jobs/chosen") | {"action": word, "chosen": [str(queued), str(running)]},
        )
        for page, word in zip(questions, ("deleted", "aborted"), strict=True)
    ]

    assert ["Delete this job?" in questions[0].text, "Abort this job?" in questions[1].text] == [True, True]
    assert f"Job {running}: It is running: abort it first" in questions[0].text
    assert f"Job {queued}: It is queued: only a job that runs can be aborted" in questions[1].text
    assert sorted(before) == [queued, running, kept]
    assert "1 job is deleted" in done[0].text
    assert "1 job is being aborted" in done[1].text
    assert states(grid) == {running: ("aborting", 0), kept: ("queued", 0)}


def test_a_job_that_ends_while_its_user_is_asked_keeps_its_results(grid: Grid, browser: Browser) -> None:
    """The answer to "abort it?" does not delete it."""
    job_id = grid.user().submit()
    grid.set_job(job_id, state="running", target_resources="res1@cluster")
    fields = act(browser, "abort", job_id).fields("jobs/chosen") | {"action": "aborted"}
    grid.set_job(job_id, state="finished", exit_code=0)

    done = browser.send("jobs/chosen", fields)

    assert "It is finished: only a job that runs can be aborted" in done.text
    assert states(grid) == {job_id: ("finished", 0)}


def test_chosen_jobs_are_labelled_and_shared(grid: Grid, browser: Browser) -> None:
    """A label takes the place of one with its key, and is found from then on; the history says it."""
    one, two = (grid.user().submit(labels="kind=old\nT=3") for _ in range(2))
    fields = browser.get("jobs").fields("jobs/chosen") | {"chosen": [str(one), str(two)]}

    labelled = browser.send("jobs/chosen", fields | {"action": "label", "labels": "kind=<b>new"})
    shared = browser.send("jobs/chosen", fields | {"action": "share", "share_with": "eve@desk"})
    wrong = [
        browser.send("jobs/chosen", fields | {"action": "label", "labels": text}).status
        for text in ("", "kind", "1=2", "\n".join(f"k{number}=1" for number in range(17)))
    ]

    assert "2 jobs are labelled" in labelled.text
    assert "2 jobs are shared" in shared.text
    assert wrong == [400] * 4
    rows = grid.rows("SELECT labels, read_access FROM job_queue")
    assert {row["labels"] for row in rows} == {"T=3\nkind=<b>new"}
    assert all("eve@desk" in str(row["read_access"]) for row in rows)
    assert len(browser.get("jobs?labels=kind%3D%3Cb%3Enew").rows()) == 2
    assert browser.get("jobs?labels=kind%3Dold").rows() == []
    assert "labelled kind=<b>new" in browser.get(f"jobs/{one}").text


def test_chosen_jobs_are_submitted_again_once(grid: Grid, browser: Browser) -> None:
    """However often the form is sent."""
    one = grid.user().submit(job_name="sweep")
    grid.set_job(one, state="finished", exit_code=4)
    fields = browser.get("jobs").fields("jobs/chosen") | {"action": "again", "chosen": [str(one)]}

    pages = [browser.send("jobs/chosen", fields) for _ in range(2)]

    assert all("1 job is submitted again" in page.text for page in pages)
    assert grid.rows("SELECT job_name, state FROM job_queue WHERE job_id <> %s", one) == [
        {"job_name": "sweep", "state": "queued"}
    ]


def test_jobs_of_others_are_left_alone(grid: Grid, browser: Browser) -> None:
    """One that the user may not read is not there; one that the user may only read stays."""
    hidden = grid.user("eve@desk", ("phys",)).submit()
    readable = grid.user("eve@desk", ("phys",)).submit(read_access="mark@laptop")
    own = grid.user().submit()

    question = act(browser, "delete", hidden, readable, own)
    done = browser.send(
        "jobs/chosen",
        question.fields("jobs/chosen")
        | {"action": "deleted", "chosen": [str(hidden), str(readable), str(own)]},
    )

    labelled = browser.send(
        "jobs/chosen",
        question.fields("jobs/chosen")
        | {"action": "label", "labels": "a=b", "chosen": [str(hidden), str(readable)]},
    )

    for page in (question, done, labelled):
        assert "Nothing was done to 2 jobs" in page.text
        assert f"Job {hidden}: " in page.text
    assert states(grid) == {hidden: ("queued", 0), readable: ("queued", 0)}


@pytest.mark.parametrize(
    ("action", "chosen"),
    [
        ("hold", ["x"]),
        ("hold", ["0"]),
        ("hold", [str(n) for n in range(1, 52)]),
        ("burn", ["1"]),
    ],
)
def test_a_form_that_makes_no_sense_changes_nothing(
    grid: Grid, browser: Browser, action: str, chosen: list[str]
) -> None:
    """No job, too many, what is no number, and an action that does not exist."""
    job_id = grid.user().submit()
    fields = browser.get("jobs").fields("jobs/chosen")

    answer = browser.send("jobs/chosen", fields | {"action": action, "chosen": chosen})

    assert answer.status == 400
    assert states(grid) == {job_id: ("queued", 0)}


def test_a_form_of_another_session_is_refused(grid: Grid, browser: Browser) -> None:
    """The token is checked as for a single job."""
    job_id = grid.user().submit()

    answer = browser.send("jobs/chosen", {"token": "x", "action": "hold", "chosen": [str(job_id)]})

    assert answer.status == 403
    assert states(grid) == {job_id: ("queued", 0)}
