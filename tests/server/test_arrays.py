"""Arrays: jobs submitted together, listed as one line, selected by their indexes (wire.md 7, ours)."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from lgi_protocol import xml
from lgi_protocol.errors import ErrorNumber, ServerError
from lgi_protocol.reply import Reply
from lgi_server.db.transaction import Transaction
from lgi_server.tables import job_arrays
from tests.server.test_bulk_submit import JOB, outcomes
from tests.support.grid import Grid, UserCalls


def elements(indexes: Sequence[int], array: str = "sweep", **fields: object) -> list[dict[str, object]]:
    """The elements of an array with these indexes, as they are posted."""
    return [JOB | {"request_id": f"{array}.{index}", "array_index": str(index)} | fields for index in indexes]


def post(
    user: UserCalls,
    jobs: Sequence[dict[str, object]],
    size: int,
    files: tuple[Path, ...] = (),
    array: str = "sweep",
    **fields: str,
) -> Reply:
    """One call with elements of an array."""
    return user.post(
        "interface_submit_jobs", files, jobs=json.dumps(jobs), array=array, array_size=str(size), **fields
    )


def refusal(user: UserCalls, jobs: Sequence[dict[str, object]], size: int, **fields: str) -> ServerError:
    """Why a call is refused as a whole."""
    with pytest.raises(ServerError) as refused:
        post(user, jobs, size, **fields)
    return refused.value


def counts(text: str) -> dict[str, int]:
    """The numbers of jobs by state in an array or progress."""
    return {
        xml.value(one.inside, "state"): int(xml.value(one.inside, "number_of_jobs"))
        for one in xml.find_all(text, "count")
    }


def numbers(reply: Reply) -> list[int]:
    """The numbers of the jobs of a list."""
    return [int(xml.value(job, "job_id")) for job in reply.all("job")]


def test_elements_are_jobs_of_one_array(grid: Grid) -> None:
    """The number of the first is that of the array, in whatever calls and order they come, with holes."""
    grid.resource()
    user = grid.user()

    first = post(user, elements([3, 1]), 3, job_name="", at_most="2")
    second = post(user, elements([70]), 3, at_most="2")

    (three, one), (seventy,) = outcomes(first), outcomes(second)
    assert first.number("array_id") == second.number("array_id") == three
    shown = user.post("interface_job_state", array_id=str(three), show="array")
    assert numbers(shown) == [one, three, seventy]
    assert [xml.value(job, "array_index") for job in shown.all("job")] == ["1", "3", "70"]
    (array,) = user.post("interface_job_arrays").all("array")
    assert (xml.value(array, "array_size"), xml.value(array, "at_most")) == ("3", "2")
    assert counts(array) == {"queued": 3}


def test_a_list_of_an_old_program_has_the_elements_as_jobs(grid: Grid) -> None:
    """Nothing in it tells them from others; a new program can leave them out."""
    grid.resource()
    user = grid.user()
    alone = user.submit()
    made = outcomes(post(user, elements([1, 2]), 2))

    everything, single = user.post("interface_job_state"), user.post("interface_job_state", single="1")

    assert numbers(everything) == [alone, *made]
    assert "array" not in everything.content
    assert numbers(single) == [alone]
    for fields, number in (({}, 3), ({"single": "1"}, 1), ({"array_id": str(made[0])}, 2)):
        assert user.post("interface_job_state", limit="0", **fields).number("number_of_jobs") == number


def test_elements_are_selected_by_index_and_other_filters(grid: Grid) -> None:
    """An array and ranges of its indexes, together with state, result, label and number."""
    grid.resource()
    user = grid.user()
    made = outcomes(post(user, elements([1, 2, 3, 4, 9], labels="k=v"), 5))
    grid.set_job(made[1], state="finished", exit_code=3)
    grid.set_job(made[2], state="finished", exit_code=0)
    grid.set_job(made[3], state="aborted")
    array = str(made[0])

    def found(**fields: str) -> list[int]:
        return numbers(user.post("interface_job_state", **fields))

    assert found(array_id=f"{array}[2-3, 9]") == [made[1], made[2], made[4]]
    assert found(array_id=f"{array}[5-8]") == []
    assert found(array_id=array, ended="failed") == [made[1], made[3]]
    assert found(array_id=f"{array}[3-9]", ended="failed") == [made[3]]
    assert found(array_id=array, ended="succeeded", labels="k=v") == [made[2]]
    assert found(array_id=array, labels="k=w") == []
    assert found(array_id=array, state="!queued") == made[1:4]
    assert found(array_id=array, state="queued", owner="mark@laptop") == [made[0], made[4]]
    assert (
        found(array_id=array, job_ids=f"{made[1]}-{made[3]}", since="1", application="hello_world")
        == made[1:4]
    )
    assert found(array_id=array, start="1", limit="2") == made[1:3]
    assert found(array_id=str(made[1])) == []


@pytest.mark.parametrize("text", ["x", "7[", "7[1", "0", "7[a]", "7[1-]", "7]", "-1", "[1]", "1234567890"])
def test_an_array_that_cannot_be_read_is_refused(grid: Grid, text: str) -> None:
    """It is no list of all jobs."""
    assert grid.user().refusal("interface_job_state", array_id=text) in {
        ErrorNumber.JOB_ID,
        ErrorNumber.JOB_ID_TOO_BIG,
    }


def test_progress_says_how_many_ended_how(grid: Grid) -> None:
    """By state; of ended elements by result. The list of arrays has the same numbers."""
    grid.resource()
    user = grid.user()
    made = outcomes(post(user, elements(range(6)), 6))
    grid.set_job(made[0], state="finished", exit_code=3)
    grid.set_job(made[1], state="finished", exit_code=0)
    grid.set_job(made[2], state="aborted")
    grid.set_job(made[3], state="finished")
    grid.set_job(made[4], state="running")

    expected = {"failed": 2, "succeeded": 1, "unknown": 1, "running": 1, "queued": 1}
    everything = user.post("interface_job_progress")
    of_array = user.post("interface_job_progress", array_id=str(made[0]))
    (listed,) = user.post("interface_job_arrays").all("array")

    for text in (*everything.all("progress"), *of_array.all("progress"), listed):
        assert counts(text) == expected
    assert of_array.number("progress", "array_size") == 6
    (some,) = user.post("interface_job_progress", array_id=f"{made[0]}[1-2]").all("progress")
    assert counts(some) == {"succeeded": 1, "failed": 1}


def test_the_remaining_time_follows_from_elements_that_succeeded(grid: Grid) -> None:
    """Four queued elements at two at a time, 100 seconds each."""
    grid.resource()
    user = grid.user()
    made = outcomes(post(user, elements(range(7)), 7))
    array = str(made[0])
    assert "remaining" not in user.post("interface_job_progress", array_id=array).content
    grid.set_job(made[0], state="finished", exit_code=0, started=1000, state_time_stamp=1100)

    queued = user.post("interface_job_progress", array_id=array)
    (now,) = grid.rows("SELECT MAX(submitted) AS time FROM job_queue")
    for job_id in made[1:3]:
        grid.set_job(job_id, state="running", started=now["time"])
    running = user.post("interface_job_progress", array_id=array)

    assert queued.number("progress", "mean_run_seconds") == 100
    assert "remaining" not in queued.content
    assert 270 <= running.number("progress", "remaining_seconds") <= 300


def test_another_user_sees_no_array(grid: Grid) -> None:
    """Neither its line, nor an element, nor numbers."""
    grid.resource()
    (first, _) = outcomes(post(grid.user(), elements([1, 2]), 2))
    other = grid.user("eve@desk", ("evil",))

    assert other.post("interface_job_arrays").number("number_of_arrays") == 0
    assert numbers(other.post("interface_job_state", array_id=str(first))) == []
    progress = other.post("interface_job_progress", array_id=str(first))
    assert progress.number("progress", "number_of_jobs") == 0
    assert "hello_world" not in progress.content


def test_a_reader_of_all_elements_sees_the_array(grid: Grid) -> None:
    """The elements have the same readers; one with others is refused."""
    grid.resource()
    user = grid.user()
    (first,) = outcomes(post(user, elements([1], read_access="eve@desk"), 3))

    refused = refusal(user, elements([2], read_access="eve@desk, any"), 3)

    other = grid.user("eve@desk", ("evil",))
    assert numbers(other.post("interface_job_state", array_id=str(first))) == [first]
    assert other.post("interface_job_arrays").number("number_of_arrays") == 1
    assert refused.number == ErrorNumber.SUBMIT_REFUSED
    assert "read_access" in refused.message


def test_a_repeated_submit_makes_no_element_twice(grid: Grid) -> None:
    """Also when one was deleted meanwhile: it is not made again, and the others are."""
    grid.resource()
    user = grid.user()
    made = outcomes(post(user, elements([1, 2]), 4))
    user.delete(made[0])

    again = outcomes(post(user, elements([1, 2, 3]), 4))

    assert again[:2] == [-ErrorNumber.NO_JOB, made[1]]
    stored = grid.rows("SELECT job_id, array_id, array_index FROM job_queue ORDER BY array_index")
    assert [(row["job_id"], row["array_id"], row["array_index"]) for row in stored] == [
        (made[1], made[0], 2),
        (again[2], made[0], 3),
    ]


@pytest.mark.parametrize(
    ("indexes", "size", "fields", "text"),
    [
        ([5, 5], 9, {}, "element 5 is given twice"),
        ([1], 9, {}, "element 1 is given twice"),
        ([5], 8, {}, "has 9 elements"),
        ([5], 9, {"at_most": "3"}, "9 elements, any number at once"),
        (range(10, 18), 9, {}, "more than the 9 elements"),
        ([5], 0, {}, "1 to 100000 elements"),
        ([5], 1_000_000, {}, "1 to 100000 elements"),
    ],
)
def test_elements_that_do_not_fit_are_refused_together(
    grid: Grid, indexes: Sequence[int], size: int, fields: dict[str, str], text: str
) -> None:
    """The message says why; nothing is stored."""
    grid.resource()
    user = grid.user()
    post(user, elements([1, 2]), 9)

    jobs = [one | {"request_id": f"x{number}"} for number, one in enumerate(elements(indexes))]
    refused = refusal(user, jobs, size, **fields)

    assert (refused.number, text in refused.message) == (ErrorNumber.SUBMIT_REFUSED, True)
    assert grid.rows("SELECT COUNT(*) AS n FROM job_queue")[0]["n"] == 2


def test_a_limit_that_is_reached_refuses_the_whole_part(grid: Grid) -> None:
    """The parts before it stay; the message names the element and the limit."""
    grid.resource()
    user = grid.user()
    grid.run("DELETE FROM users_allowed")
    grid.run("INSERT INTO groups_allowed VALUES ('theor', 'any', 5)")
    post(user, elements([1, 2, 3]), 6)

    refused = refusal(user, elements([4, 5, 6]), 6)

    assert refused.number == ErrorNumber.SUBMIT_REFUSED
    assert refused.message.startswith(
        "No element of this part of the array is submitted, because of element 6"
    )
    assert "which is the limit" in refused.message
    assert grid.rows("SELECT COUNT(*) AS n FROM job_queue")[0]["n"] == 3


def test_a_file_of_many_elements_is_posted_and_stored_once(grid: Grid, tmp_path: Path) -> None:
    """Each has it under its name, as a link; one that replaces it changes no other's."""
    grid.resource()
    user = grid.user()
    contents = tmp_path / "contents"
    contents.write_bytes(b"shared" + b"one" + b"two")
    jobs = elements([1, 2])
    jobs[0]["files"] = [["data", 6], ["own", 3]]
    jobs[1]["files"] = [0, ["own", 3]]

    made = outcomes(post(user, jobs, 2, (contents,)))

    found = []
    for job_id in made:
        (row,) = grid.rows("SELECT repository FROM job_queue WHERE job_id = %s", job_id)
        found.append(grid.config.repository / str(row["repository"])[-3:] / str(row["repository"]))
    assert [(one / "data").read_bytes() for one in found] == [b"shared", b"shared"]
    assert [(one / "own").read_bytes() for one in found] == [b"one", b"two"]
    assert (found[0] / "data").stat().st_nlink == 2
    assert (found[0] / "data").samefile(found[1] / "data")


@pytest.mark.parametrize("number", [0, 1, -1, 10**12])
def test_a_file_that_was_not_posted_before_is_refused(grid: Grid, number: int) -> None:
    """A number names one of the files before it."""
    grid.resource()
    jobs = elements([1])
    jobs[0]["files"] = [number]

    assert "there is no file" in refusal(grid.user(), jobs, 1).message


def test_an_array_ends_with_its_last_element(grid: Grid) -> None:
    """It is not listed any more, and the upkeep removes it."""
    grid.resource()
    user = grid.user()
    made = outcomes(post(user, elements([1, 2]), 2))
    kept = outcomes(post(user, elements([1], "other"), 1, array="other"))
    user.delete(made[0])
    listed = user.post("interface_job_arrays")
    assert [xml.value(one, "array_id") for one in listed.all("array")] == [str(kept[0]), str(made[0])]
    user.delete(made[1])

    def work(transaction: Transaction) -> int:
        return job_arrays.remove_empty(transaction)

    assert grid.database.run(work) == 1
    (left,) = grid.rows("SELECT DISTINCT array_id FROM array_access")
    assert left["array_id"] == kept[0]
    assert [xml.value(one, "array_id") for one in user.post("interface_job_arrays").all("array")] == [
        str(kept[0])
    ]


def test_arrays_are_listed_page_by_page(grid: Grid) -> None:
    """The newest first; the next page goes on before the last one."""
    grid.resource()
    user = grid.user()
    made = [outcomes(post(user, elements([1], f"a{n}"), 1, array=f"a{n}"))[0] for n in range(5)]
    found: list[str] = []
    while True:
        before = {"before": found[-1]} if found else {}
        page = user.post("interface_job_arrays", limit="2", **before).all("array")
        if not page:
            break
        found += [xml.value(one, "array_id") for one in page]

    assert found == [str(one) for one in reversed(made)]
