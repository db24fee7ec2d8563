"""interface_submit_jobs: many jobs with their files in one call."""

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from lgi_protocol import xml
from lgi_protocol.errors import ServerError
from lgi_protocol.reply import Reply
from tests.server.test_submit import stored_files
from tests.support.grid import Grid, UserCalls

JOB = {"application": "hello_world", "target_resources": "any"}


@pytest.fixture
def contents(tmp_path: Path) -> Path:
    """Where the files of all jobs are put together."""
    return tmp_path / "contents"


def post(user: UserCalls, jobs: Sequence[Any], contents: Path, data: bytes = b"") -> Reply:
    """One call; ``data`` is what all files hold, one after the other."""
    contents.write_bytes(data)
    return user.post("interface_submit_jobs", (contents,) if data else (), jobs=json.dumps(jobs))


def outcomes(reply: Reply) -> list[int]:
    """The job's number, or the number of the error below 0, for each job."""
    jobs = reply.all("job")
    assert reply.number("number_of_jobs") == len(jobs)
    return [
        int(xml.value(job, "job_id") or 0) or -int(xml.value(job, "error", "number") or 0) for job in jobs
    ]


def refusal(user: UserCalls, jobs: object, contents: Path, data: bytes = b"") -> ServerError:
    """Why a whole call is refused."""
    with pytest.raises(ServerError) as refused:
        post(user, jobs, contents, data)  # type: ignore[arg-type]
    return refused.value


def test_many_jobs_are_queued_with_their_files(grid: Grid, contents: Path) -> None:
    """Each as if it were submitted alone; the answer says number, state and repository, in their order."""
    grid.resource()
    user = grid.user()
    user.groups = "theor, cyttron"
    jobs = [
        JOB | {"request_id": f"r{number}", "input": "41", "files": [["one", 3], ["zwei ü", number]]}
        for number in range(5)
    ]

    reply = post(user, jobs, contents, b"".join(b"one" + b"x" * number for number in range(5)))

    numbers = outcomes(reply)
    stored = grid.rows("SELECT * FROM job_queue ORDER BY job_id")
    assert [row["job_id"] for row in stored] == numbers
    for number, (job, row) in enumerate(zip(reply.all("job"), stored, strict=True)):
        directory = grid.config.repository / str(row["repository"])[-3:] / str(row["repository"])
        assert xml.value(job, "request_id") == f"r{number}"
        assert xml.value(job, "state") == row["state"] == "queued"
        assert xml.value(job, "repository_url").endswith(
            f"/repository/{row['repository'][-3:]}/{row['repository']}"
        )  # type: ignore[index]
        assert (row["owners"], row["input"]) == ("mark@laptop, theor, cyttron", b"A")
        assert sorted(path.name for path in directory.iterdir()) == [
            ".LGI_repository_write_access",
            "one",
            "zwei ü",
        ]
        assert (directory / "one").read_bytes() == b"one"
        assert (directory / "zwei ü").read_bytes() == b"x" * number
        assert (directory / ".LGI_repository_write_access").read_text() == "admin, mark@laptop"
    assert list((grid.config.repository / ".incoming").iterdir()) == []


def test_jobs_of_one_call_are_jobs_like_others(grid: Grid, contents: Path) -> None:
    """They are listed, offered, repeated one by one and deleted."""
    resource = grid.resource()
    user = grid.user()
    (first, second) = outcomes(post(user, [JOB | {"request_id": "a"}, JOB], contents))

    assert user.post("interface_job_state").number("number_of_jobs") == 2
    assert [job.job_id for job in resource.request_work("hello_world", 0, 10).jobs] == [
        str(first),
        str(second),
    ]
    resource.sign_off()
    assert user.submit(request_id="a") == first
    user.delete(second)
    # Other events of a test before may be stored up to a second later.
    assert "schedule_cycle" in {row["event"] for row in grid.rows("SELECT event FROM event_queue")}


BAD: dict[str, tuple[dict[str, Any], int]] = {
    "no application": ({"application": ""}, 18),
    "no targets": ({"target_resources": " , "}, 27),
    "nobody offers it": ({"application": "vasp"}, 70),
    "unknown target": ({"target_resources": "no@where"}, 28),
    "bad specifics": ({"job_specifics": "<job> </job>"}, 72),
    "a daemon's tag": ({"job_specifics": "<daemon_reference> 1 </daemon_reference>"}, 72),
    "input too big": ({"input": "41" * 65356}, 54),
    "bad request_id": ({"request_id": "a b\n"}, 33),
    "file name with a path out": ({"files": [["..", 1]]}, 68),
    "a reserved file name": ({"files": [[".LGI_x", 1]]}, 68),
    "two files of one name": ({"files": [["a", 1], ["a", 0]]}, 68),
}


@pytest.mark.parametrize(("fields", "number"), BAD.values(), ids=BAD.keys())
def test_a_job_that_is_refused_refuses_no_other(
    grid: Grid, contents: Path, fields: dict[str, Any], number: int
) -> None:
    """It is answered with the error of a submit of its own, and leaves nothing."""
    grid.resource()
    before = len(stored_files(grid))
    size = 1 if "files" in fields else 0

    reply = post(grid.user(), [JOB, JOB | fields, JOB], contents, b"x" * size)

    first, refused, last = outcomes(reply)
    assert (first > 0, refused, last) == (True, -number, first + 1)
    assert len(stored_files(grid)) == before + 2


MALFORMED: dict[str, tuple[Any, bytes, str]] = {
    "no list": ({}, b"", "it is not an array"),
    "no object": ([JOB, "x"], b"", "job 2 is not an object"),
    "unknown field": ([JOB | {"owners": "x"}], b"", "job 1 has a field 'owners'"),
    "no text": ([JOB | {"input": 41}], b"", "input of job 1 is not a string"),
    "no files": ([JOB | {"files": "a"}], b"", "files of job 1 is not an array of names"),
    "negative size": ([JOB | {"files": [["a", -1]]}], b"", "files of job 1 is not an array"),
    "sizes with more digits than fit into a message": (
        [JOB | {"files": [["a", 10**4299 * 9], ["b", 10**4299 * 9]]}],
        b"",
        "files of job 1 is not an array",
    ),
    "bytes that belong to nobody": ([JOB], b"x", "the files have 0 bytes together, 1 were posted"),
    "too few bytes": ([JOB | {"files": [["a", 2]]}], b"x", "the files have 2 bytes together, 1 were posted"),
    "no bytes": ([JOB | {"files": [["a", 2]]}], b"", "the files have 2 bytes together, 0 were posted"),
    "the same id twice": ([JOB | {"request_id": "a"}] * 2, b"", "two jobs have the request_id 'a'"),
}


@pytest.mark.parametrize(("jobs", "data", "why"), MALFORMED.values(), ids=MALFORMED.keys())
def test_a_list_that_cannot_be_understood_makes_no_job(
    grid: Grid, contents: Path, jobs: Any, data: bytes, why: str
) -> None:
    """Error 68 for the whole call, with what is wrong where."""
    grid.resource()

    refused = refusal(grid.user(), jobs, contents, data)

    assert (refused.number, why in refused.message) == (68, True), refused.message
    assert grid.rows("SELECT job_id FROM job_queue") == []


def test_a_list_that_is_not_json_is_refused(grid: Grid) -> None:
    """Error 68, also without a list, or with one nested too deep to parse."""
    user = grid.user()

    assert user.refusal("interface_submit_jobs", jobs="<jobs>") == 68
    assert user.refusal("interface_submit_jobs", jobs="[" * 100_000) == 68
    assert user.refusal("interface_submit_jobs") == 68


def test_an_empty_list_asks_how_many_jobs_there_may_be(grid: Grid, contents: Path) -> None:
    """A client learns it without submitting anything; one more is error 65."""
    grid.resource()
    user = grid.user()

    most = post(user, [], contents).number("most_jobs")

    assert most == 256
    assert refusal(user, [JOB] * (most + 1), contents).number == 65
    assert grid.rows("SELECT job_id FROM job_queue") == []


@pytest.mark.parametrize(("limit", "fitting"), [(3, 3), (-2, 2), (0, 5)])
def test_a_limit_counts_the_jobs_of_the_same_call(
    grid: Grid, contents: Path, limit: int, fitting: int
) -> None:
    """The first ones fit, the others are error 33, whatever stands between them."""
    grid.resource(capabilities="<hello_world> </hello_world> <vasp> </vasp>")
    grid.run("DELETE FROM users_allowed")
    grid.run("INSERT INTO groups_allowed VALUES ('theor', 'hello_world', %s)", limit)
    grid.run("INSERT INTO groups_allowed VALUES ('theor', 'vasp', 1)")
    user = grid.user()
    vasp = JOB | {"application": "vasp"}

    numbers = outcomes(post(user, [JOB, vasp, JOB, JOB, vasp, JOB, JOB], contents))

    ours = [number for index, number in enumerate(numbers) if index not in {1, 4}]
    assert [number > 0 for number in ours] == [True] * fitting + [False] * (5 - fitting)
    assert (numbers[1] > 0, numbers[4]) == (True, -33)
    assert set(ours[fitting:]) <= {-33}


def test_a_repeated_call_makes_no_second_jobs(grid: Grid, contents: Path) -> None:
    """Stored jobs are returned, missing ones are stored now, and other contents are error 33."""
    grid.resource()
    user = grid.user()
    jobs = [JOB | {"request_id": f"r{number}", "files": [["f", 1]]} for number in range(4)]
    first = outcomes(post(user, jobs[:2], contents, b"ab"))

    again = outcomes(post(user, jobs, contents, b"abcd"))
    other = outcomes(post(user, jobs, contents, b"aBcd"))

    assert again[:2] == first
    assert again[2:] == [first[1] + 1, first[1] + 2]
    assert other == [again[0], -33, again[2], again[3]]
    assert len(grid.rows("SELECT job_id FROM job_queue")) == 4


def test_equal_calls_at_once_make_each_job_once(grid: Grid, tmp_path: Path) -> None:
    """This holds for any order of the jobs in the calls."""
    grid.resource()
    users = [grid.user() for _ in range(4)]
    jobs = [JOB | {"request_id": f"r{number}"} for number in range(20)]

    def call(turn: int) -> list[int]:
        turned = jobs[5 * turn :] + jobs[: 5 * turn]
        made = outcomes(post(users[turn], turned, tmp_path / str(turn)))
        return made[20 - 5 * turn :] + made[: 20 - 5 * turn]

    with ThreadPoolExecutor(len(users)) as pool:
        made = list(pool.map(call, range(len(users))))

    assert all(one == made[0] for one in made)
    assert sorted(made[0]) == [
        row["job_id"] for row in grid.rows("SELECT job_id FROM job_queue ORDER BY job_id")
    ]


def test_only_a_user_who_may_submit_a_job_may_submit_many(grid: Grid, contents: Path) -> None:
    """The caller is judged as for one job: for the call, and then for each application."""
    grid.resource()
    user = grid.user()
    user.groups = "strangers"
    assert refusal(user, [JOB], contents).number == 38

    user.groups = "theor"
    grid.run("INSERT INTO users_denied VALUES ('mark@laptop', 'hello_world')")
    assert outcomes(post(user, [JOB, JOB], contents)) == [-33, -33]


@pytest.fixture(scope="module")
def small() -> Iterator[Grid]:
    """A server that takes little."""
    sizes = {"max_file_size": "1000", "max_post_size": "20000", "max_repository_size": "1500"}
    made = Grid(settings=sizes | {"max_jobs_at_once": "3"})
    try:
        made.start()
        yield made
    finally:
        made.remove()


def test_the_configured_sizes_hold_for_each_job(small: Grid, contents: Path) -> None:
    """64 for a file, 68 for a repository, of that job alone; the files of all may be more than one may be."""
    small.clear()
    small.resource()
    sizes = ([1000, 500], [1001], [1000, 501])
    jobs = [JOB | {"files": [[f"f{index}", size] for index, size in enumerate(one)]} for one in sizes]

    numbers = outcomes(post(small.user(), jobs, contents, b"x" * sum(map(sum, sizes))))

    assert (numbers[0] > 0, numbers[1:]) == (True, [-64, -68])
    assert sorted(path.stat().st_size for path in stored_files(small) if path.name[0] == "f") == [500, 1000]


@pytest.mark.slow
def test_the_configured_bounds_hold_for_the_call(small: Grid, contents: Path) -> None:
    """65 for too many jobs and for too many bytes; nothing is left of either."""
    small.clear()
    small.resource()
    user = small.user()

    assert post(user, [], contents).number("most_jobs") == 3
    assert refusal(user, [JOB] * 4, contents).number == 65
    assert refusal(user, [JOB | {"files": [["f", 30_000]]}], contents, b"x" * 30_000).number == 65
    assert small.rows("SELECT job_id FROM job_queue") == []
    assert list((small.config.repository / ".incoming").iterdir()) == []
