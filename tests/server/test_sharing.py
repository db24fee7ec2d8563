"""Access to jobs that exist: who gives and takes it, and what follows from it (wire.md 7, ours)."""

import pytest

from lgi_protocol import xml
from lgi_protocol.errors import ErrorNumber, ServerError
from tests.server.test_arrays import elements, numbers, outcomes, post
from tests.server.test_repository import ask, new_repository
from tests.support.grid import Grid, UserCalls

BOB = "bob@desk"


def share(user: UserCalls, *job_ids: int, **fields: str) -> list[str]:
    """Change the access to jobs: who may read each and, behind a bar, change it; or the error number."""
    reply = user.post("interface_share_jobs", job_ids=", ".join(map(str, job_ids)), **fields)
    found = [xml.values(job, "read_access", "write_access") for job in reply.all("job")]
    errors = [xml.value(job, "error", "number") for job in reply.all("job")]
    return [
        error or f"{one['read_access']} | {one['write_access']}"
        for one, error in zip(found, errors, strict=True)
    ]


def may_read(user: UserCalls, job_id: int) -> bool:
    """Whether somebody is shown a job."""
    try:
        user.post("interface_job_state", job_id=str(job_id))
    except ServerError as error:
        if error.number != ErrorNumber.READ_REFUSED:
            raise
        return False
    return True


def test_a_shared_job_is_read_and_listed_by_another_user_until_it_is_no_more(grid: Grid) -> None:
    """By name and label too; the history says who has shared it with whom."""
    grid.resource()
    user, bob = grid.user(), grid.user(BOB, ("science",))
    job_id, other = user.submit(job_name="sweep", labels="kind=md"), user.submit()
    assert not may_read(bob, job_id)

    assert share(user, job_id, read_access=BOB) == ["admin, mark@laptop, bob@desk | admin, mark@laptop"]
    listed = [
        numbers(bob.post("interface_job_state", **fields))
        for fields in ({}, {"job_name": "sweep"}, {"labels": "kind=md"}, {"state": "queued"})
    ]
    with pytest.raises(ServerError) as refused:
        bob.delete(job_id)
    history = bob.post("interface_job_history", job_id=str(job_id)).content
    assert share(user, job_id, no_access=BOB) == ["admin, mark@laptop | admin, mark@laptop"]

    assert listed == [[job_id]] * 4
    assert refused.value.number == ErrorNumber.MODIFY_REFUSED
    assert "shared for reading with bob@desk" in history
    assert not may_read(bob, job_id)
    assert numbers(bob.post("interface_job_state", job_name="sweep")) == []
    assert numbers(user.post("interface_job_state")) == [job_id, other]


def test_a_user_who_may_change_a_job_may_read_and_delete_it(grid: Grid) -> None:
    """A group as well as a user."""
    grid.resource()
    user, bob = grid.user(), grid.user(BOB, ("science",))
    job_id = user.submit()

    (lists,) = share(user, job_id, write_access="science")

    assert lists == "admin, mark@laptop, science | admin, mark@laptop, science"
    assert may_read(bob, job_id)
    bob.delete(job_id)
    assert not grid.rows("SELECT job_id FROM job_queue") + grid.rows("SELECT job_id FROM job_access")


def test_a_reader_of_a_job_cannot_share_it(grid: Grid) -> None:
    """Each job is judged by itself; a reader cannot make itself a writer."""
    grid.resource()
    user, bob = grid.user(), grid.user(BOB, ("science",))
    own, read, hidden = bob.submit(), user.submit(read_access=BOB), user.submit()
    before = grid.rows("SELECT read_access, write_access FROM job_queue WHERE job_id > %s", own)

    assert share(bob, own, read, hidden, hidden + 1, write_access=BOB)[1:] == ["35", "35", "15"]
    assert grid.rows("SELECT read_access, write_access FROM job_queue WHERE job_id > %s", own) == before


@pytest.mark.parametrize("name", ["mark@laptop", "admin"])
def test_owners_and_administrators_keep_their_access(grid: Grid, name: str) -> None:
    """A user cannot lose its own job, nor hide it from those who look after the project."""
    grid.resource()
    user = grid.user()
    job_id = user.submit()

    assert share(user, job_id, no_access=f"{BOB}, {name}") == ["35"]
    assert may_read(user, job_id)


def test_a_list_that_does_not_fit_its_column_is_refused_whole(grid: Grid) -> None:
    """A list that is cut would give access to others."""
    grid.resource()
    user = grid.user()
    job_id = user.submit()

    assert share(user, job_id, read_access="x" * 250) == ["51"]
    assert share(user, job_id, write_access="x" * 250) == ["51"]
    assert "xxx" not in user.post("interface_job_state", job_id=str(job_id)).content


def test_files_of_a_shared_job_follow_its_access(grid: Grid) -> None:
    """They are read by its readers and written by its writers, from that moment on."""
    url, _directory = new_repository(grid)
    user, bob = grid.user(), grid.user(BOB, ("science",))
    (row,) = grid.rows("SELECT job_id FROM job_queue")
    ask(user, "PUT", f"{url}/data", b"content")
    job_id = int(str(row["job_id"]))

    statuses = [ask(bob, "GET", f"{url}/data").status_code]
    for given in ({"read_access": BOB}, {"write_access": BOB}, {"no_access": BOB}):
        share(user, job_id, **given)
        statuses += [ask(bob, method, f"{url}/data", b"other").status_code for method in ("GET", "PUT")]

    assert statuses == [404, 200, 403, 200, 200, 404, 404]


def test_an_element_that_was_replaced_is_listed_beside_no_array_when_it_is_shared(grid: Grid) -> None:
    """Its place has the job that was submitted again."""
    grid.resource()
    user = grid.user()
    first, _second = outcomes(post(user, elements([1, 2]), 2))
    grid.set_job(first, state="finished", exit_code=1)
    user.post("interface_resubmit_jobs", job_ids=str(first))

    share(user, first, read_access=BOB)

    assert numbers(user.post("interface_job_state", single="1")) == []
    assert may_read(grid.user(BOB, ("science",)), first)


def test_an_array_is_listed_by_who_may_read_all_of_it(grid: Grid) -> None:
    """Not by who may read a part of it, whose numbers would tell of the others."""
    grid.resource()
    user, bob = grid.user(), grid.user(BOB, ("science",))
    made = outcomes(post(user, elements([1, 2, 3]), 3))

    def arrays() -> int:
        return bob.post("interface_job_arrays").number("number_of_arrays")

    share(user, *made[:2], read_access=BOB)
    some = arrays(), may_read(bob, made[0]), may_read(bob, made[2])
    share(user, made[2], read_access=BOB)
    everything = arrays(), numbers(bob.post("interface_job_state", array_id=str(made[0])))
    share(user, made[1], no_access=BOB)

    assert some == (0, True, False)
    assert everything == (1, made)
    assert arrays() == 0


def test_the_history_is_in_order_of_time_where_changes_are_in_the_same_second(grid: Grid) -> None:
    """A job that has changed several times within a second has a time that lies ahead."""
    grid.resource()
    user = grid.user()
    job_id = user.submit()
    grid.set_job(job_id, state_time_stamp=4_000_000_000, state="finished")

    share(user, job_id, read_access=BOB)
    user.delete(job_id)

    changes = user.post("interface_job_history", job_id=str(job_id)).all("change")
    times = [int(xml.value(one, "time")) for one in changes]
    assert len(times) == 3
    assert times == sorted(times)
