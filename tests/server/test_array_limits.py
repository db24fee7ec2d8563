"""``at_most`` of an array: no more elements are given out at once (wire.md 7, ours)."""

import threading
import time
from collections.abc import Sequence

from lgi_protocol import xml
from lgi_server.db import open_database
from lgi_server.services.jobs import array_limits
from tests.server.test_arrays import elements, outcomes, post
from tests.support.exchanges import daemon, end_of
from tests.support.grid import Grid


def states(grid: Grid, made: Sequence[int]) -> list[int]:
    """The lock state of each element: 2 for one that is held."""
    rows = {row["job_id"]: row["lock_state"] for row in grid.rows("SELECT job_id, lock_state FROM job_queue")}
    return [int(str(rows[job_id])) for job_id in made]


def test_elements_above_the_limit_are_held(grid: Grid) -> None:
    """In all parts of the submit together; the next ones are released in the order of their indexes."""
    resource = grid.resource()
    user = grid.user()
    made = outcomes(post(user, elements([1, 2, 3]), 6, at_most="2"))
    made += outcomes(post(user, elements([4, 6, 5]), 6, at_most="2"))

    offered = [job.job_id for job in resource.request_work("hello_world", 0, 10).jobs]
    (held,) = user.post("interface_job_state", job_ids=str(made[2]), show="holds").all("job")
    before = states(grid, made)
    grid.set_job(made[1], state="finished", exit_code=1)
    grid.set_job(made[0], state="running")
    first = array_limits.release_due(grid.database, int(time.time()))
    after = states(grid, made)
    user.delete(made[3])
    grid.set_job(made[0], state="aborted")
    grid.set_job(made[2], state="finished")
    second = array_limits.release_due(grid.database, int(time.time()))

    assert offered == [str(made[0]), str(made[1])]
    assert xml.value(held, "hold", "reason") == "array"
    assert before[2:] == [2, 2, 2, 2]
    assert (first, after[2:]) == (1, [0, 2, 2, 2])
    assert (second, states(grid, made[4:])) == (2, [0, 0])
    assert array_limits.release_due(grid.database, int(time.time())) == 0


def test_the_end_of_an_element_releases_the_next_one_at_once(grid: Grid) -> None:
    """In its transaction: by an exchange, by an update of an old daemon, and by a delete of its user."""
    one, resource, user = daemon(grid), grid.resource("res1@cluster"), grid.user()
    made = outcomes(post(user, elements(range(1, 7)), 6, at_most="2"))

    given = one.want(2)
    one.report(*map(end_of, given))
    after_exchange = states(grid, made)
    resource.lock(str(made[2]))
    resource.update(str(made[2]), state="running", target_resources="res1@cluster")
    resource.update(str(made[2]), state="finished", exit_code=1)
    after_update = states(grid, made)
    user.delete(made[3])

    assert after_exchange == [0, 0, 0, 0, 2, 2]
    assert after_update[3:] == [0, 0, 2]
    assert [row["job_id"] for row in grid.rows("SELECT job_id FROM job_queue WHERE lock_state = 2")] == []


def test_two_exchanges_at_once_release_one_element_each(grid: Grid) -> None:
    """They wait for each other at the row of the array: two have ended, two take their places."""
    first, second, user = daemon(grid), daemon(grid, "other@cluster"), grid.user()
    made = outcomes(post(user, elements(range(1, 9)), 8, at_most="2"))
    given = first.want(1), second.want(1)
    ends = [
        threading.Thread(target=lambda: first.report(end_of(given[0][0]))),
        threading.Thread(target=lambda: second.report(end_of(given[1][0]))),
    ]

    for thread in ends:
        thread.start()
    for thread in ends:
        thread.join()

    assert states(grid, made) == [0, 0, 0, 0, 2, 2, 2, 2]


def test_an_array_without_a_limit_holds_nothing(grid: Grid) -> None:
    """As all arrays without the field."""
    grid.resource()
    made = outcomes(post(grid.user(), elements([1, 2, 3]), 3))

    assert states(grid, made) == [0, 0, 0]
    assert grid.rows("SELECT * FROM job_holds") == []


def test_a_released_element_that_is_held_by_its_user_keeps_its_place(grid: Grid) -> None:
    """The limit holds also when the user releases it later."""
    grid.resource()
    user = grid.user()
    made = outcomes(post(user, elements([1, 2, 3]), 3, at_most="1"))
    user.post("interface_hold_jobs", job_ids=str(made[0]))

    released = array_limits.release_due(grid.database, int(time.time()))

    assert released == 0
    assert states(grid, made) == [2, 2, 2]


def test_two_schedulers_give_no_place_twice(grid: Grid) -> None:
    """They release at the same time, again and again, while elements end."""
    grid.resource()
    made = outcomes(post(grid.user(), elements(range(40)), 40, at_most="4"))
    most, stop = list[int](), threading.Event()
    count = (
        "SELECT COUNT(*) AS n FROM job_queue WHERE lock_state = 0 AND element_state IN ('queued', 'running')"
    )

    def release() -> None:
        database = open_database(grid.config.projects["LGI"].database)
        while not stop.is_set():
            array_limits.release_due(database, int(time.time()))
            # Elements end meanwhile, for which the database has to be free now and then.
            stop.wait(0.005)
        database.close()

    threads = [threading.Thread(target=release) for _ in range(2)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        (row,) = grid.rows(count)
        most.append(int(str(row["n"])))
        free = grid.rows("SELECT job_id FROM job_queue WHERE lock_state = 0 AND element_state = 'queued'")
        if not grid.rows("SELECT job_id FROM job_queue WHERE element_state = 'queued'"):
            break
        for one in free[:3]:
            grid.set_job(int(str(one["job_id"])), state="finished", exit_code=0)
    stop.set()
    for thread in threads:
        thread.join()

    assert max(most) <= 4
    (row,) = grid.rows("SELECT COUNT(*) AS n FROM job_queue WHERE element_state = 'succeeded'")
    assert row["n"] == len(made)
