"""Elements of an array that are submitted again take the places of the old ones (wire.md 7, ours)."""

import threading

from lgi_protocol import xml
from tests.server.test_array_limits import states
from tests.server.test_arrays import counts, elements, outcomes, post
from tests.server.test_arrays import numbers as listed
from tests.server.test_resubmit import CALL, numbers
from tests.support.grid import Grid, UserCalls


def again(user: UserCalls, *job_ids: int, **fields: str) -> list[int]:
    """The numbers of the new jobs, in the order of the old ones."""
    reply = user.post(CALL, job_ids=", ".join(map(str, job_ids)), **fields)
    return [new for _, new in numbers(reply)]


def progress(user: UserCalls, array: int) -> dict[str, int]:
    """How many elements of an array are in each state."""
    (text,) = user.post("interface_job_progress", array_id=str(array)).all("progress")
    return counts(text)


def test_a_failed_element_that_is_submitted_again_counts_no_more(grid: Grid) -> None:
    """The array has one job for each index, the newest; the old one can be found by the label."""
    grid.resource()
    user = grid.user()
    made = outcomes(post(user, elements([1, 2, 3]), 3))
    for job_id, code in zip(made, (0, 7, 7), strict=True):
        grid.set_job(job_id, state="finished", exit_code=code)
    assert progress(user, made[0]) == {"succeeded": 1, "failed": 2}

    new = again(user, *made[1:])

    assert progress(user, made[0]) == {"succeeded": 1, "queued": 2}
    reply = user.post("interface_job_state", array_id=str(made[0]), show="array, labels")
    assert listed(reply) == [made[0], *new]
    assert [xml.value(job, "array_index") for job in reply.all("job")] == ["1", "2", "3"]
    assert f"resubmitted_from={made[1]}" in reply.all("job")[1]
    grid.set_job(new[0], state="finished", exit_code=0)
    assert progress(user, made[0]) == {"succeeded": 2, "queued": 1}


def test_an_old_element_is_a_job_but_no_line_beside_the_arrays(grid: Grid) -> None:
    """It has its number, output and history until it is deleted; nothing has two places."""
    grid.resource()
    user = grid.user()
    made = outcomes(post(user, elements([1, 2]), 2))
    grid.set_job(made[0], state="finished", exit_code=7)

    (new,) = again(user, made[0])

    assert listed(user.post("interface_job_state", single="1")) == []
    assert sorted(listed(user.post("interface_job_state"))) == sorted([*made, new])
    assert listed(user.post("interface_job_state", ended="failed")) == [made[0]]
    (second,) = again(user, made[0])
    assert listed(user.post("interface_job_state", array_id=str(made[0]))) == [new, made[1]]
    assert listed(user.post("interface_job_state", single="1")) == [second]


def test_an_element_of_another_owner_is_submitted_again_as_a_job_by_itself(grid: Grid) -> None:
    """All elements have the same readers."""
    grid.resource()
    user, other = grid.user(), grid.user("fritz@laptop")
    made = outcomes(post(user, elements([1, 2], read_access="fritz@laptop"), 2))
    grid.set_job(made[1], state="finished", exit_code=7)

    (new,) = again(other, made[1])

    assert progress(user, made[0]) == {"queued": 1, "failed": 1}
    assert listed(other.post("interface_job_state", single="1")) == [new]


def test_the_limit_of_an_array_holds_for_elements_that_are_submitted_again(grid: Grid) -> None:
    """They wait as the others do, and a call that is repeated makes no second ones."""
    grid.resource()
    user = grid.user()
    made = outcomes(post(user, elements([1, 2, 3, 4]), 4, at_most="1"))
    for job_id in made[:3]:
        grid.set_job(job_id, state="finished", exit_code=7)
    grid.run("UPDATE job_queue SET lock_state = 0 WHERE job_id = %s", made[3])
    grid.run("DELETE FROM job_holds")
    grid.set_job(made[3], state="running")

    new = again(user, *made[:3], request_id="again")
    repeated = again(user, *made[:3], request_id="again")

    assert states(grid, new) == [2, 2, 2]
    assert repeated == new
    user.delete(made[3])
    grid.set_job(made[3], state="aborted")
    assert progress(user, made[0]) == {"queued": 3, "failed": 1}


def test_two_calls_at_once_fill_a_place_once(grid: Grid) -> None:
    """The other new job is one by itself."""
    grid.resource()
    user = grid.user()
    made = outcomes(post(user, elements([1]), 1))
    grid.set_job(made[0], state="finished", exit_code=7)
    new: list[int] = []
    calls = [threading.Thread(target=lambda: new.extend(again(grid.user(), made[0]))) for _ in range(3)]

    for thread in calls:
        thread.start()
    for thread in calls:
        thread.join()

    assert len(set(new)) == 3
    (placed,) = listed(user.post("interface_job_state", array_id=str(made[0])))
    assert placed in new
    assert sorted(listed(user.post("interface_job_state", single="1"))) == sorted({*new} - {placed})
