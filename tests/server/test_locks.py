"""Abandoned locks: of an administrator, an older server, or a session that does not exist."""

import threading
import time
from collections.abc import Callable

import pytest

from lgi_protocol.errors import ServerError
from lgi_protocol.resource_api import ResourceCalls
from lgi_server.background.retry import OLD_LOCK_TIMEOUT
from tests.server.test_resource_calls import INVARIANT, refusal
from tests.support.grid import PROJECT, Grid, UserCalls

INTERFACE, NO_SESSION = -1, 0
YOUNG, OLD = 0, 1801


def put_lock(
    grid: Grid,
    job_id: int,
    lock_state: int = 1,
    age: int = YOUNG,
    resource_id: int = INTERFACE,
    session_id: int = NO_SESSION,
) -> None:
    """The row of a lock; an interface's unless another's is wanted."""
    grid.run("UPDATE job_queue SET lock_state = %s WHERE job_id = %s", lock_state, job_id)
    grid.run(
        "INSERT INTO running_locks (job_id, resource_id, lock_time, session_id) VALUES (%s, %s, %s, %s)",
        *(job_id, resource_id, int(time.time()) - age, session_id),
    )


def offered(resource: ResourceCalls) -> list[int]:
    """The numbers of the jobs a resource is offered."""
    return [int(job.job_id) for job in resource.request_work("hello_world", 0, 10).jobs]


@pytest.mark.parametrize("lock_state", [1, 0])
def test_a_lock_of_an_interface_keeps_resources_away(grid: Grid, lock_state: int) -> None:
    """(-1, session 0) is a lock like any other, be lock_state raised or not; other jobs are offered."""
    resource = grid.resource()
    locked, free = grid.user().submit(), grid.user().submit()
    put_lock(grid, locked, lock_state)

    assert refusal(resource.lock, str(locked)) == 22
    assert refusal(resource.unlock, str(locked)) == 14
    assert refusal(resource.update, str(locked), state="running") == 14
    assert refusal(resource.details, str(locked)) == 20
    assert resource.count_work("hello_world") == 1
    assert offered(resource) == [free]


CALLS: dict[str, Callable[[UserCalls, int], str]] = {
    "details": lambda user, job_id: user.state(job_id),
    "delete": lambda user, job_id: user.delete(job_id).value("job", "state"),
}


@pytest.mark.slow
@pytest.mark.parametrize("lock_state", [1, 0])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_a_lock_of_an_interface_keeps_users_waiting(
    grid: Grid, call: Callable[[UserCalls, int], str], lock_state: int
) -> None:
    """Details and delete are answered after it is released."""
    grid.resource()
    user = grid.user()
    job_id = user.submit()
    put_lock(grid, job_id, lock_state)
    answers: list[str] = []
    waiting = threading.Thread(target=lambda: answers.append(call(user, job_id)))

    waiting.start()
    time.sleep(0.7)
    early = list(answers)
    grid.run("DELETE FROM running_locks")
    grid.run("UPDATE job_queue SET lock_state = 0")
    # Less than the half minute after which it would be told to come back.
    waiting.join(20)

    assert early == []
    assert answers in (["queued"], ["deleted"])


def test_a_user_who_may_not_read_a_locked_job_is_told_at_once(grid: Grid) -> None:
    """34 and 35 say nothing of the lock and wait for nothing."""
    grid.resource()
    job_id = str(grid.user().submit())
    put_lock(grid, int(job_id))
    stranger = grid.user("frank@desk", ("chem",))
    start = time.monotonic()

    assert stranger.refusal("interface_job_state", job_id=job_id) == 34
    assert stranger.refusal("interface_delete_job", job_id=job_id) == 35
    assert time.monotonic() - start < 20


@pytest.mark.slow
def test_a_user_of_a_job_that_stays_locked_is_told_who_holds_it(grid: Grid) -> None:
    """At once, with the time: such a lock is one of a daemon that was killed. Commands waited for 77 s."""
    resource = grid.resource("res1@cluster")
    user = grid.user()
    job_id = user.submit()
    resource.lock(str(job_id))
    grid.run("UPDATE running_locks SET lock_time = %s", 1_000_000_000)
    start = time.monotonic()

    with pytest.raises(ServerError) as busy:
        user.state(job_id)

    assert time.monotonic() - start < 20
    assert (busy.value.number, busy.value.timeout) == (1, OLD_LOCK_TIMEOUT)
    assert busy.value.message.endswith(
        "the job is locked by resource res1@cluster since 2001-09-09 01:46:40 UTC"
    )


@pytest.mark.parametrize("lock_state", [1, 0])
@pytest.mark.parametrize("owner", [(INTERFACE, NO_SESSION), (1, 999999)], ids=["interface", "lost session"])
def test_an_old_lock_of_no_session_is_cleared_by_any_sign_up(
    grid: Grid, lock_state: int, owner: tuple[int, int]
) -> None:
    """After the half hour of a session; younger ones stay, and so do old ones of a session in use."""
    holder = grid.resource("res1@cluster")
    user = grid.user()
    old, young, used = user.submit(), user.submit(), user.submit()
    put_lock(grid, old, lock_state, OLD, *owner)
    put_lock(grid, young, lock_state, YOUNG, *owner)
    holder.lock(str(used))
    grid.run("UPDATE running_locks SET lock_time = lock_time - %s WHERE job_id = %s", OLD, used)

    other = grid.resource("res2@cluster")

    assert offered(other) == [old]
    holder.unlock(str(used))
    assert [row["job_id"] for row in grid.rows("SELECT job_id FROM running_locks ORDER BY job_id")] == [
        old,
        young,
    ]


def test_a_lock_that_is_cleared_leaves_both_tables_agreeing(grid: Grid) -> None:
    """Ruling 7: lock_state > 0 exactly when there is a row, also after others have broken it."""
    user = grid.user()
    resource = grid.resource()
    for lock_state in (1, 0):
        put_lock(grid, user.submit(), lock_state, OLD)

    resource.sign_up()

    assert grid.rows("SELECT job_id FROM running_locks") == []
    assert grid.rows(INVARIANT) == []


def test_a_row_without_its_lock_state_costs_no_other_job_its_offer(grid: Grid) -> None:
    """The locked job is skipped and all others are offered, also when the session of the row exists."""
    one, two = grid.resource("res1@cluster"), grid.resource("res2@cluster")
    jobs = [grid.user().submit() for _ in range(4)]
    put_lock(grid, jobs[0], 0, YOUNG, 7, int(one.session_id))
    put_lock(grid, jobs[2], 0, OLD, 7, 999999)

    assert offered(two) == [jobs[1], jobs[3]]


def test_a_second_session_is_offered_nothing_the_first_one_has(grid: Grid) -> None:
    """Locks are a session's; the same resource in another session is another."""
    first = grid.resource()
    second = ResourceCalls(first.client, PROJECT)
    second.sign_up()
    job_id = grid.user().submit()

    assert offered(first) == [job_id]
    assert offered(second) == []
    assert refusal(second.unlock, str(job_id)) == 14
    assert refusal(second.details, str(job_id)) == 20
