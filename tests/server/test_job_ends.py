"""How jobs ended: posted by daemons, stored, answered, listed; never read out of the output (wire.md 6)."""

import pytest

from lgi_protocol import xml
from lgi_protocol.errors import ServerError
from lgi_protocol.job_description import read_job
from lgi_protocol.job_end import NO_END, End, Result
from lgi_protocol.resource_api import ResourceCalls
from lgi_protocol.states import State
from lgi_server.services.jobs import losses
from lgi_server.tables.job_queue import jobs
from tests.support.grid import PROJECT, Grid, UserCalls

FIELDS = ("exit_code", "exit_signal", "end_reason")
TRAILER = b"done\n[LGI: exit code 3]\n"


def running(grid: Grid, resource: ResourceCalls, **fields: str) -> str:
    """The number of a job that runs on a resource, which has it locked."""
    job_id = str(grid.user().submit(**fields))
    resource.lock(job_id)
    resource.update(job_id, state="running", target_resources="res1@cluster")
    return job_id


def ended(grid: Grid, resource: ResourceCalls, **end: str | int) -> int:
    """The number of a job that has ended so, and is unlocked."""
    job_id = running(grid, resource)
    resource.update(job_id, **({"state": "finished"} | end))
    resource.unlock(job_id)
    return int(job_id)


def told(text: str) -> dict[str, str]:
    """The fields in the content of a job element that tell its end, in their order."""
    return {one.name: one.text for one in xml.elements(text) if one.name in FIELDS}


def listed(user: UserCalls, **fields: str) -> list[int]:
    """The numbers of the jobs in a list, sorted; the count that the server gives is the same."""
    reply = user.post("interface_job_state", **fields)
    found = [int(xml.value(job, "job_id")) for job in reply.all("job")]
    assert user.post("interface_job_state", **fields, limit="0").number("number_of_jobs") == len(found)
    return sorted(found)


ENDS: dict[str, tuple[dict[str, str | int], dict[str, str], Result]] = {
    "code 0": ({"exit_code": 0}, {"exit_code": "0"}, Result.SUCCEEDED),
    "code 3": ({"exit_code": 3}, {"exit_code": "3"}, Result.FAILED),
    "code 255": ({"exit_code": 255}, {"exit_code": "255"}, Result.FAILED),
    "code 137 is no signal": ({"exit_code": 137}, {"exit_code": "137"}, Result.FAILED),
    "signal 9": ({"exit_signal": 9}, {"exit_signal": "9"}, Result.FAILED),
    "a reason alone": ({"end_reason": "größer & <x>"}, {"end_reason": "größer & <x>"}, Result.UNKNOWN),
    "a reason with a success": (
        {"exit_code": 0, "end_reason": "not stored: out/ (directory)"},
        {"exit_code": "0", "end_reason": "not stored: out/ (directory)"},
        Result.SUCCEEDED,
    ),
    "the longest reason": ({"end_reason": "x" * 254}, {"end_reason": "x" * 254}, Result.UNKNOWN),
    "aborted": ({"state": "aborted", "exit_code": 0}, {"exit_code": "0"}, Result.FAILED),
    "nothing": ({}, {}, Result.UNKNOWN),
    "empty fields": ({"exit_code": "", "exit_signal": "", "end_reason": ""}, {}, Result.UNKNOWN),
}


@pytest.mark.parametrize(("posted", "answered", "result"), ENDS.values(), ids=ENDS.keys())
def test_the_end_of_a_job_is_in_every_answer_that_has_the_job(
    grid: Grid, posted: dict[str, str | int], answered: dict[str, str], result: Result
) -> None:
    """Update, details, state, detail, list and delete; always at the end of the job, and only what is set."""
    resource, user = grid.resource(), grid.user()
    job_id = running(grid, resource)
    fields = {"session_id": resource.session_id, "project": PROJECT, "job_id": job_id}
    empty_too = {name: str(value) for name, value in posted.items()}

    update = resource.client.post(
        "resources/resource_update_job", {"state": "finished", "output": TRAILER.hex()} | empty_too | fields
    )
    details = resource.client.post("resources/resource_request_job_details", fields)
    state = resource.client.post("resources/resource_job_state", fields)
    resource.unlock(job_id)
    detail = user.post("interface_job_state", job_id=job_id)
    jobs_listed = user.post("interface_job_state", ended=result.value)
    kept = resource.job_state(job_id)
    deleted = user.delete(int(job_id))

    for reply in (update, details, state, detail, jobs_listed, deleted):
        (text,) = reply.all("job")
        assert told(text) == answered
        names = [one.name for one in xml.elements(text)]
        assert names[len(names) - len(answered) :] == list(answered)
    assert kept.end.result(kept.state) == result


BAD: dict[str, dict[str, str | int]] = {
    "256": {"exit_code": 256},
    "negative": {"exit_code": "-1"},
    "no number": {"exit_code": "three"},
    "hexadecimal": {"exit_code": "0x3"},
    "other digits": {"exit_code": "٣"},
    "long": {"exit_code": "0" * 300},
    "signal 0": {"exit_signal": 0},
    "signal 65": {"exit_signal": 65},
    "both": {"exit_code": 0, "exit_signal": 9},
    "two lines": {"end_reason": "a\nb"},
    "long reason": {"end_reason": "ä" * 128},
    "not yet ended": {"state": "running", "exit_code": 0},
    "a word of the site": {"state": "staging", "exit_code": 0},
    "state not posted": {"state": "", "end_reason": "x"},
}


@pytest.mark.parametrize("posted", BAD.values(), ids=BAD.keys())
def test_an_end_that_cannot_be_is_refused_and_changes_nothing(
    grid: Grid, posted: dict[str, str | int]
) -> None:
    """Error 25 that names the field; the state and the output that came with it are not stored either."""
    resource = grid.resource()
    job_id = running(grid, resource)
    before = grid.rows("SELECT * FROM job_queue")

    with pytest.raises(ServerError) as refused:
        resource.update(job_id, **({"state": "finished", "output": b"x"} | posted))

    assert refused.value.number == 25
    assert any(word in refused.value.message for word in (*FIELDS, "The end of a job"))
    assert grid.rows("SELECT * FROM job_queue") == before


def test_only_the_daemon_that_has_the_job_tells_its_end(grid: Grid) -> None:
    """Another session has no lock: 14. Another reference: 14 too."""
    resource, other = grid.resource(), grid.resource("res2@cluster")
    job_id = str(grid.user().submit())
    resource.lock(job_id)
    specifics = "<daemon_reference> mine </daemon_reference>"
    resource.update(job_id, state="running", target_resources="res1@cluster", job_specifics=specifics)

    for calls, reference in ((other, "mine"), (resource, "yours")):
        with pytest.raises(ServerError) as refused:
            calls.update(job_id, state="finished", exit_code=0, daemon_reference=reference)
        assert refused.value.number == 14
    assert resource.job_state(job_id).end == NO_END


def test_a_report_that_is_sent_again_tells_the_same_end(grid: Grid) -> None:
    """Code and signal replace each other; a report without both leaves the stored ones."""
    resource = grid.resource()
    job_id = running(grid, resource)
    seen = []

    for end in ({"exit_code": 3, "end_reason": "why"}, {}, {"exit_signal": 9}, {"exit_code": 0}):
        seen.append(resource.update(job_id, state="finished", **end).end)  # type: ignore[arg-type]

    assert seen == [End(3, None, "why"), End(3, None, "why"), End(None, 9, "why"), End(0, None, "why")]


def test_a_job_that_is_queued_again_has_no_end(grid: Grid) -> None:
    """The end of its last run is removed."""
    grid.resource()
    user = grid.user()
    job_id = user.submit()
    grid.set_job(job_id, state="running", exit_code=3, end_reason="x")

    def lose(state: State) -> None:
        grid.database.run(
            lambda transaction: losses.change_lost(
                transaction, jobs.find(transaction, job_id), state, "no pulse\nfor an hour", 10**9
            )
        )

    lose(State.QUEUED)
    (queued,) = user.post("interface_job_state", job_id=str(job_id)).all("job")
    grid.set_job(job_id, state="running")
    lose(State.ABORTED)
    (aborted,) = user.post("interface_job_state", job_id=str(job_id)).all("job")

    assert told(queued) == {}
    assert told(aborted) == {"end_reason": "no pulse for an hour"}


def test_a_resource_may_submit_a_job_that_has_ended(grid: Grid) -> None:
    """It may have an end; a queued job with one is refused."""
    resource, user = grid.resource(), grid.user()
    fields = {"application": "hello_world", "target_resources": "any", "owners": user.name}

    made = resource.submit(fields | {"state": "finished", "exit_signal": "15", "end_reason": "by hand"})
    (job,) = made.all("job")
    resource.unlock(read_job(job).job_id)
    with pytest.raises(ServerError) as refused:
        resource.submit(fields | {"state": "queued", "exit_code": "0"})

    assert read_job(job).end == End(None, 15, "by hand")
    assert listed(user, ended="failed") == [int(read_job(job).job_id)]
    assert refused.value.number == 25
    assert len(grid.rows("SELECT job_id FROM job_queue")) == 1


def test_lists_are_filtered_by_the_end_of_the_jobs(grid: Grid) -> None:
    """Known success, known failure, unknown; with the other filters, and in the order of the plain list."""
    resource, user = grid.resource(), grid.user()
    good = [ended(grid, resource, exit_code=0) for _ in range(2)]
    bad = [ended(grid, resource, exit_code=4), ended(grid, resource, exit_signal=9)]
    unknown = [ended(grid, resource, output=b"[LGI: exit code 0]\n")]
    aborted = [ended(grid, resource, state="aborted")]
    waiting = [user.submit()]

    assert listed(user, ended="succeeded") == good
    assert listed(user, ended="failed") == bad + aborted
    assert listed(user, ended="failed", state="finished") == bad
    assert listed(user, ended="failed", state="!finished") == aborted
    assert listed(user, ended="failed", application="other") == []
    assert listed(user, ended="unknown") == unknown
    assert listed(user, ended="succeeded", state="queued") == []
    assert listed(user, ended="any") == listed(user, ended="") == listed(user)
    assert len(listed(user)) == len(good + bad + unknown + aborted + waiting)
    second = user.post("interface_job_state", ended="failed", start="1", limit="1").all("job")
    assert [read_job(job).job_id for job in second] == [str(bad[1])]
    assert user.post("interface_job_state", ended="failed").value("ended") == "failed"
    assert "<ended>" not in user.post("interface_job_state").content


def test_a_list_of_another_end_is_refused(grid: Grid) -> None:
    """A mistyped filter gets error 25 instead of all jobs."""
    assert grid.user().refusal("interface_job_state", ended="success") == 25


def test_the_specifics_of_an_owner_are_not_the_end_of_the_job(grid: Grid) -> None:
    """Such tags in specifics, or such text in the output, are not reported as the end."""
    resource, user = grid.resource(), grid.user()
    said = "<exit_code> 0 </exit_code> <end_reason> fine </end_reason>"
    job_id = running(grid, resource, job_specifics=said)
    resource.update(job_id, state="finished", output=b"[LGI: exit code 0]\n")
    resource.unlock(job_id)

    (job,) = user.post("interface_job_state", job_id=job_id).all("job")

    assert told(job) == {}
    assert read_job(job).end == NO_END
    assert listed(user, ended="succeeded") == []
    assert listed(user, ended="unknown") == [int(job_id)]


def test_the_history_tells_how_a_job_ended(grid: Grid) -> None:
    """It has the reason of the change that ended the job, empty if the daemon sent none, as old ones."""
    resource, user = grid.resource(), grid.user()
    long = "x" * 254
    made = [
        ended(grid, resource, exit_code=3),
        ended(grid, resource, exit_signal=9, end_reason=long),
        ended(grid, resource),
    ]

    reasons = [
        [
            xml.value(change, "reason")
            for change in user.post("interface_job_history", job_id=str(one)).all("change")
        ]
        for one in made
    ]

    assert [one[-1] for one in reasons] == ["exit code 3", f"killed by signal 9: {long}"[:255], ""]
