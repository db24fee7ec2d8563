"""Jobs that follow ranges of numbers and arrays: thousands, in few statements (wire.md 7, ours)."""

import json
import time

import pytest

from lgi_protocol import xml
from lgi_protocol.errors import ServerError
from lgi_server.services.jobs.predecessors import MOST
from tests.server.test_arrays import elements, post
from tests.server.test_bulk_submit import outcomes
from tests.server.test_dependencies import WAITING, end_by_cycle, fate
from tests.support.grid import Grid, UserCalls

USUAL = {"application": "hello_world", "target_resources": "any"}
COPIED = (
    "state, application, owners, read_access, write_access, target_resources, job_specifics, lock_state,"
    " state_time_stamp, daemon_pulse, priority, repository, input, output, array_id"
)


def make_array(user: UserCalls, size: int) -> tuple[int, list[int]]:
    """A new array, and the numbers of its elements."""
    reply = post(user, elements(range(1, size + 1)), size)
    return reply.number("array_id"), outcomes(reply)


def followed(grid: Grid, job_id: int) -> list[int]:
    """The jobs that one waits for."""
    rows = grid.rows("SELECT after_id FROM job_dependencies WHERE job_id = %s ORDER BY after_id", job_id)
    return [int(str(row["after_id"])) for row in rows]


def refusal(user: UserCalls, **fields: str) -> int:
    """The number of the error of a submit."""
    return user.refusal("interface_submit_job", **USUAL, **fields)


def test_a_job_follows_a_range_and_the_elements_of_an_array(grid: Grid) -> None:
    """All of the array, or some indexes; what has ended well is not waited for, and counts in a failure."""
    grid.resource()
    user = grid.user()
    made, jobs = make_array(user, 4)
    alone = [user.submit() for _ in range(3)]
    end_by_cycle(grid, jobs[0])

    whole = user.submit(after=f"{made}[]", after_any=f"{alone[0]}-{alone[2]}")
    some = user.submit(after_any=f"{made}[1-2, 4],{alone[1]}")

    assert followed(grid, whole) == [*jobs[1:], *alone]
    assert followed(grid, some) == [jobs[1], jobs[3], alone[1]]
    end_by_cycle(grid, jobs[1], 3)
    assert fate(grid, whole)[0] == "aborted"
    late, kept = user.submit(after=f"{made}[]"), user.submit(after=f"{made}[]", keep_after_failure="1")
    assert fate(grid, late) == (
        "aborted",
        0,
        f"job {jobs[1]}, which it was to follow, ended with exit code 3",
    )
    assert (fate(grid, kept)[1], followed(grid, kept)) == (2, jobs[2:])
    for job_id in (jobs[3], alone[1]):
        end_by_cycle(grid, job_id)
    assert fate(grid, some) == ("queued", 0, "")


def test_a_job_that_follows_what_has_succeeded_is_free_at_once(grid: Grid) -> None:
    """Nothing is stored of that."""
    grid.resource()
    user = grid.user()
    made, jobs = make_array(user, 2)
    for job_id in jobs:
        end_by_cycle(grid, job_id)

    assert fate(grid, user.submit(after=f"{made}[1-2]")) == ("queued", 0, "")
    assert grid.rows(WAITING) == grid.rows("SELECT * FROM job_holds") == []


WRONG = {
    "an unknown array": ("999[]", 15),
    "no array": ("ALONE[]", 15),
    "an index that is not there": ("ARRAY[1-6]", 15),
    "a range with a job that is gone": ("1-99", 15),
    "an element that may not be read": ("OTHER[]", 34),
    "an empty range": ("9-7", 19),
    "two brackets": ("ARRAY[][1]", 19),
    "an open bracket": ("ARRAY[1", 19),
    "many arrays": (",".join(f"{number}[]" for number in range(1, 102)), 47),
    "many indexes": (f"ARRAY[{','.join(['1'] * 501)}]", 47),
    "all numbers": ("1-999999999999999999", 47),
}


@pytest.mark.parametrize(("text", "number"), WRONG.values(), ids=WRONG.keys())
def test_jobs_that_cannot_be_followed_are_refused(grid: Grid, text: str, number: int) -> None:
    """Whatever of it there is, nothing is submitted."""
    grid.resource()
    user = grid.user()
    alone, (made, _) = user.submit(), make_array(user, 3)
    other, _ = make_array(grid.user("eve@laptop", ("x",)), 1)
    before = grid.rows("SELECT job_id FROM job_queue")

    posted = text.replace("ARRAY", str(made)).replace("ALONE", str(alone)).replace("OTHER", str(other))

    assert refusal(user, after=posted) == number
    assert grid.rows("SELECT job_id FROM job_queue") == before


def test_an_array_that_lacks_elements_is_not_followed_as_a_whole(grid: Grid) -> None:
    """The rest may still be submitted, or was deleted: the caller has to say which elements are meant."""
    grid.resource()
    user = grid.user()
    made, jobs = make_array(user, 3)

    user.delete(jobs[1])

    assert refusal(user, after=f"{made}[]") == refusal(user, after_any=f"{made}[1-3]") == 15
    assert followed(grid, user.submit(after=f"{made}[1, 3]")) == [jobs[0], jobs[2]]


def test_a_repeated_submit_makes_one_job_also_when_the_array_has_ended(grid: Grid) -> None:
    """What is compared is the text that was posted, not what it meant then."""
    grid.resource()
    user = grid.user()
    made, jobs = make_array(user, 2)
    first = user.submit(after=f"{made}[]", request_id="r")

    end_by_cycle(grid, jobs[0])

    assert user.submit(after=f"{made}[]", request_id="r") == first
    assert refusal(user, after=f"{made}[1]", request_id="r") == 33


def test_thousands_are_followed_and_settled_in_little_time(grid: Grid) -> None:
    """Each end costs the same, however many are left; an explanation counts them and names some."""
    grid.resource()
    user = grid.user()
    made, jobs = make_array(user, 2)
    size = 2
    while size < MOST:
        grid.run(
            f"INSERT INTO job_queue (job_id, array_index, {COPIED}) SELECT job_id + %s, array_index + %s,"
            f" {COPIED} FROM job_queue WHERE array_id = %s AND array_index <= %s",
            *(size, size, made, MOST - size),
        )
        size = min(2 * size, MOST)
    grid.run("UPDATE job_arrays SET size = %s", MOST)
    began = time.monotonic()

    last = user.submit(after_any=f"{made}[]")
    for job_id in jobs:
        user.delete(job_id)

    assert time.monotonic() - began < 60
    reply = user.post("interface_explain_job", job_id=str(last)).all("explanation")[0]
    assert xml.value(reply, "number_of_after") == str(MOST - 2)
    assert len(xml.find_all(reply, "after")) == 100
    assert xml.value(reply, "hold", "held_by") == f"jobs {made}-{made + MOST - 1}"
    flood_of_jobs = json.dumps([USUAL | {"after_any": f"{made}[3-{MOST}]"}] * 11)
    with pytest.raises(ServerError) as flood:
        user.post("interface_submit_jobs", jobs=flood_of_jobs)
    assert "let one job follow these" in str(flood.value)
    assert grid.rows("SELECT MAX(job_id) AS n FROM job_queue") == [{"n": last}]
