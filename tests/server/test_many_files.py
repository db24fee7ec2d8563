"""Many files of a repository in one request: each is stored as by PUT, or refused (wire.md 8)."""

import json
import os
import resource
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import urllib3

from lgi_protocol import xml
from lgi_server.storage import local
from tests.server.test_limits import full_disk  # noqa: F401
from tests.server.test_repository import ACCESS, ask, new_repository
from tests.support.grid import Grid, UserCalls, running, wait_for
from tests.support.running_jobs import started

pytestmark = [pytest.mark.slow, pytest.mark.one_database]

Listed = list[dict[str, Any]]


def listed(files: dict[str, bytes], **more: object) -> Listed:
    """Files as a request lists them."""
    return [{"name": name, "size": len(data)} | more for name, data in files.items()]


def form(files: Listed | str, contents: bytes) -> tuple[bytes, str]:
    """A form and its type, with the contents last; without any when there are none."""
    parts: dict[str, Any] = {"files": files if isinstance(files, str) else json.dumps(files)}
    if contents:
        parts["uploaded_file_1"] = ("contents", contents, "application/octet-stream")
    return urllib3.encode_multipart_formdata(parts)


def post(
    user: UserCalls, url: str, files: Listed | str, contents: bytes = b"", **headers: str
) -> requests.Response:
    """One request that brings files."""
    body, kind = form(files, contents)
    return ask(user, "POST", url, body, **{"Content-Type": kind}, **headers)


def statuses(answer: requests.Response) -> list[int]:
    """The number of each file."""
    assert answer.status_code == 200, answer.text
    found = xml.find(answer.text, "repository_files")
    assert found is not None
    return [int(xml.value(one.inside, "number")) for one in xml.find_all(found.inside, "status")]


def stored(directory: Path) -> dict[str, bytes]:
    """The files of a repository, but for the access file."""
    return {one.name: one.read_bytes() for one in directory.iterdir() if one.name != ACCESS}


def left_over(grid: Grid) -> list[str]:
    """What lies in the directory of arrivals."""
    return os.listdir(grid.config.repository / ".incoming")


def test_many_files_are_stored_with_one_request(grid: Grid) -> None:
    """The largest number of one request, with empty files and unusual names, is stored byte for byte."""
    url, directory = new_repository(grid)
    files = {f"file {number} &<>'\"ä\n.dat": b"\0%d" % number * (number % 50) for number in range(512)}

    answer = post(grid.user(), url, listed(files), b"".join(files.values()))

    assert statuses(answer) == [200] * 512
    assert xml.value(answer.text, "repository_files", "repository_name") == directory.name
    assert xml.value(answer.text, "repository_files", "number_of_files") == "512"
    assert stored(directory) == files
    assert left_over(grid) == []


def test_an_empty_list_tells_what_one_request_may_bring(grid: Grid) -> None:
    """It answers the limits of files and bytes, and stores nothing."""
    url, directory = new_repository(grid)

    answer = post(grid.user(), url, [])

    assert statuses(answer) == []
    assert xml.value(answer.text, "repository_files", "most_files") == "512"
    assert int(xml.value(answer.text, "repository_files", "most_bytes")) > 10**9
    assert stored(directory) == {}


def test_files_keep_their_time_and_permission_to_be_executed(grid: Grid) -> None:
    """The time is a text or a number, as with PUT; without properties a file is new and not executable."""
    url, directory = new_repository(grid)
    files: Listed = [
        {"name": "text", "size": 1, "date": "1700000000.123456789", "executable": True},
        {"name": "number", "size": 1, "date": 1600000000, "executable": False},
        {"name": "none", "size": 1, "date": "yesterday"},
    ]
    before = time.time() - 2

    assert statuses(post(grid.user(), url, files, b"abc")) == [200] * 3

    found = {name: (directory / name).stat() for name in ("text", "number", "none")}
    assert found["text"].st_mtime_ns == 1700000000123456789
    assert found["number"].st_mtime == 1600000000
    assert found["none"].st_mtime > before
    executable = {name for name, one in found.items() if one.st_mode & stat.S_IXUSR}
    assert executable == {"text"}


def test_a_file_that_may_not_be_stored_keeps_none_of_the_others_out(grid: Grid) -> None:
    """Each file gets the status that PUT gives; an existing file of a refused name stays."""
    url, directory = new_repository(grid)
    user = grid.user()
    ask(user, "PUT", f"{url}/old", b"old")
    ask(user, "PUT", f"{url}/kept", b"kept")
    (directory / "directory").mkdir()
    bad = [
        "",
        ".",
        "..",
        "../x",
        "a/b",
        "/etc/passwd",
        "a\0b",
        "a\rb",
        "\ud800",
        "\ufffe",
        ".LGI_x",
        ACCESS,
        "n" * 256,
    ]
    names = ["old", "first", *bad, "directory", "kept", "kept", "last"]
    files: Listed = [{"name": name, "size": 1} for name in names]
    writers = (directory / ACCESS).read_bytes()

    answer = post(user, url, files, b"x" * len(files))

    assert statuses(answer) == [200, 200, *[400] * len(bad), 400, 200, 400, 200]
    (directory / "directory").rmdir()
    assert stored(directory) == {"old": b"x", "first": b"x", "kept": b"x", "last": b"x"}
    assert (directory / ACCESS).read_bytes() == writers
    assert left_over(grid) == []


MALFORMED = {
    "no JSON": "[",
    "nothing": "",
    "deep": "[" * 100_000,
    "no list": "{}",
    "no object": '["a"]',
    "no name": '[{"size": 1}]',
    "a number as name": '[{"name": 1, "size": 1}]',
    "no size": '[{"name": "a"}]',
    "negative": '[{"name": "a", "size": -1}, {"name": "b", "size": 2}]',
    "true": '[{"name": "a", "size": true}]',
    "a fraction": '[{"name": "a", "size": 1.0}]',
    "too few bytes": '[{"name": "a", "size": 2}]',
    "too many bytes": '[{"name": "a", "size": 0}]',
    "too huge together for a message": json.dumps([{"name": name, "size": 10**4299 * 9} for name in "ab"]),
    "huge": '[{"name": "a", "size": 1%s}]' % ("0" * 4000),
}


@pytest.mark.parametrize("files", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_list_that_cannot_be_understood_stores_nothing(grid: Grid, files: str) -> None:
    """400, with what is wrong with it."""
    url, directory = new_repository(grid)

    answer = post(grid.user(), url, files, b"x")

    assert answer.status_code == 400
    assert "The list of files is malformed" in xml.value(answer.text, "status", "message")
    assert stored(directory) == {}
    assert left_over(grid) == []


def test_more_files_than_one_request_may_bring_are_refused(grid: Grid) -> None:
    """413, and none is stored."""
    url, directory = new_repository(grid)
    files = {f"f{number}": b"" for number in range(513)}

    answer = post(grid.user(), url, listed(files))

    assert answer.status_code == 413
    assert stored(directory) == {}


@pytest.fixture(scope="module")
def small() -> Iterator[Grid]:
    """A server that takes little."""
    settings = {"max_file_size": "1000", "max_post_size": "5000", "max_repository_size": "1500"}
    with running(Grid(settings=settings), cleared=False) as made:
        yield made


def test_the_limits_of_files_and_repositories_hold_for_each_file_in_its_turn(small: Grid) -> None:
    """413 for a file that is too big, 400 for what has no room behind the ones before; 413 for the whole."""
    url, directory = new_repository(small)
    user = small.user()
    files = {"big": b"b" * 1001, "one": b"1" * 900, "two": b"2" * 900, "three": b"3" * 300}

    first = statuses(post(user, url, listed(files), b"".join(files.values())))
    again = statuses(post(user, url, listed({"one": b"x" * 1000}), b"x" * 1000))
    whole = post(user, url, listed({"one": b"y" * 6000}), b"y" * 6000)

    assert first == [413, 200, 400, 200]
    assert again == [200]
    assert whole.status_code == 413
    assert stored(directory) == {"one": b"x" * 1000, "three": b"3" * 300}
    assert left_over(small) == []


def test_a_repository_takes_no_more_files_than_it_may_hold(grid: Grid) -> None:
    """A file that is there already may still be replaced."""
    url, directory = new_repository(grid)
    for number in range(local.MOST_FILES - 2):
        (directory / f"f{number}").touch()

    found = statuses(post(grid.user(), url, listed({"new": b"a", "newer": b"b", "f0": b"c"}), b"abc"))

    assert found == [200, 400, 200]


def test_only_a_user_who_may_write_stores_files(grid: Grid) -> None:
    """403 for browsers, 404 for others as for no repository; the body need not be understood for that."""
    url, directory = new_repository(grid)
    files = listed({"a": b"a"})

    answers = [
        post(grid.user("other@laptop", ("else",)), url, files, b"a"),
        post(grid.user(), url, files, b"a", Origin="https://elsewhere.example"),
        post(grid.user(), url, files, b"a", Cookie="__Host-LGI_session=x"),
        post(grid.user(), f"{url[:-3]}000", files, b"a"),
    ]

    assert [one.status_code for one in answers] == [404, 403, 403, 404]
    assert stored(directory) == {}


def test_a_job_stores_its_own_files_at_once(grid: Grid, tmp_path: Path) -> None:
    """It can do so with its certificate, for its own repository, while it runs."""
    url, _directory = new_repository(grid)
    grid.run("UPDATE job_queue SET state = 'finished'")
    job = started(grid, tmp_path)
    body, kind = form(listed({"a": b"a", "b": b""}), b"a")

    def send(address: str) -> requests.Response:
        session = job.client.session
        return session.post(address, data=body, headers={"Content-Type": kind}, verify=session.verify)

    assert statuses(send(job.repository)) == [200, 200]
    assert send(url).status_code == 403
    grid.set_job(int(job.job_id), state="finished")
    assert send(job.repository).status_code == 403


def test_other_requests_at_the_address_of_a_repository_find_nothing(grid: Grid) -> None:
    """It is no page, and no file."""
    url, _directory = new_repository(grid)

    found = [
        ask(grid.user(), method, url, b"x" if method == "PUT" else None)
        for method in ("GET", "PUT", "DELETE")
    ]

    assert [one.status_code for one in found] == [404] * 3
    assert ask(grid.user(), "POST", f"{url}/file", b"x").status_code == 405


def test_files_that_find_no_room_on_the_disk_are_a_fault_of_the_server(full_disk: Grid) -> None:  # noqa: F811
    """The status is 500, since a retry may succeed. No file is stored or left in the incoming directory."""
    url, directory = new_repository(full_disk)
    contents = b"x" * (3 * 2**20)

    answer = post(full_disk.user(), url, [{"name": "a", "size": len(contents)}], contents)

    assert answer.status_code == 500
    assert stored(directory) == {}
    wait_for(lambda: left_over(full_disk) == [])


def test_many_files_need_few_descriptors() -> None:
    """A worker that may open few files stores as many as one request brings."""
    with running(Grid(settings={"workers": "1"})) as made:
        url, directory = new_repository(made)
        assert made.process is not None
        pid = made.process.pid
        (worker,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        most = len(os.listdir(f"/proc/{worker}/fd")) + 30
        resource.prlimit(int(worker), resource.RLIMIT_NOFILE, (most, most))
        files = {f"f{number}": b"x" for number in range(512)}

        assert statuses(post(made.user(), url, listed(files), b"x" * 512)) == [200] * 512
        assert len(stored(directory)) == 512


def test_three_thousand_small_files_take_seconds(grid: Grid) -> None:
    """One PUT for each took 69 s."""
    url, directory = new_repository(grid)
    user = grid.user()
    begin = time.monotonic()

    for batch in range(6):
        files = {f"f{batch}-{number}": b"%04d" % number * 256 for number in range(500)}
        assert set(statuses(post(user, url, listed(files), b"".join(files.values())))) == {200}

    seconds = time.monotonic() - begin
    assert len(stored(directory)) == 3000
    assert seconds < 50
    print(f"3,000 files took {seconds:.1f} s")
