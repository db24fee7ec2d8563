"""Repositories in an object store: programs see what they see of repositories on the server's disk.

The store is one in this process; tests/object_store runs the same tests with a real one.
"""

import io
import json
import time
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from lgi_protocol import xml
from lgi_protocol.s3_bucket import S3Bucket
from lgi_protocol.s3_signature import S3Credentials
from lgi_server.services.project import orphans
from lgi_server.storage import stores
from tests.server.test_many_files import listed, post, statuses
from tests.server.test_repository import ACCESS, ask
from tests.support import object_grid
from tests.support.grid import Grid, UserCalls
from tests.support.object_grid import PREFIX
from tests.support.object_server import ObjectServer
from tests.support.pages import Browser

pytestmark = pytest.mark.one_database

SUBMIT = {"application": "hello_world", "target_resources": "any"}
NAMES = [
    "a b",
    "$(x)",
    "-rf",
    "%s%20",
    "+",
    "&<>\"'",
    "line\nend\t",
    "ü ß",
    "日本語",
    "?a=b#c",
    "~",
    "n" * 255,
]


@pytest.fixture(scope="module")
def store_url() -> Iterator[str]:
    """The address of an object store."""
    store = ObjectServer(S3Credentials(object_grid.ACCESS, object_grid.SECRET))
    yield store.url
    store.close()


@pytest.fixture(scope="module")
def bucket(store_url: str) -> S3Bucket:
    """The bucket of the grid."""
    return object_grid.make_bucket(store_url)


@pytest.fixture(scope="module")
def far_grid(store_url: str, bucket: S3Bucket, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grid]:
    """A project server with its repositories in that bucket."""
    made = object_grid.grid_at(store_url, tmp_path_factory.mktemp("keys"), max_file_size="1M")
    try:
        made.start()
        yield made
    finally:
        made.remove()


@pytest.fixture
def grid(far_grid: Grid, bucket: S3Bucket) -> Grid:
    """The server, its project and its bucket empty."""
    far_grid.clear()
    bucket.remove([one.key for one in bucket.objects("")])
    far_grid.resource()
    return far_grid


def submitted(grid: Grid, *files: Path) -> tuple[int, str]:
    """Submit a job with files; return its number and the address of its repository."""
    reply = grid.user().post("interface_submit_job", files, **SUBMIT)
    return reply.number("job", "job_id"), reply.value("job", "job_specifics", "repository_url")


def objects(bucket: S3Bucket, url: str) -> dict[str, bytes]:
    """The objects of a repository, but for the access file."""
    begin = f"{PREFIX}{url[-36:]}/"
    names = (one.key.removeprefix(begin) for one in bucket.objects(begin))
    return {name: content(bucket, begin + name) for name in names if name != ACCESS}


def content(bucket: S3Bucket, key: str) -> bytes:
    """The bytes of an object."""
    answer = bucket.get(key)
    try:
        return answer.read()
    finally:
        answer.release_conn()


def names_listed(user: UserCalls, grid: Grid, url: str) -> list[str]:
    """The names in the list of a repository."""
    text = ask(user, "GET", f"{grid.url}/repository/repository_content.php?repository={url[-36:]}").text
    files = xml.find(text, "repository_content")
    assert files is not None
    return [
        xml.unescape(name.inside[1:-1])
        for one in xml.find_all(files.inside, "file")
        for name in [xml.find(one.inside, "file_name")]
        if name is not None
    ]


def test_a_file_goes_into_the_store_and_comes_back(grid: Grid, bucket: S3Bucket) -> None:
    """It is put, listed, read, read in part, and deleted at the address of the server, as before."""
    _job, url = submitted(grid)
    user, place = grid.user(), f"{url}/a%20b"

    put = ask(
        user, "PUT", place, b"0123456789", **{"LGI-File-Modified": "1234567890.5", "LGI-File-Executable": "1"}
    )
    stored, names = objects(bucket, url), names_listed(user, grid, url)
    got, part = ask(user, "GET", place), ask(user, "GET", place, None, Range="bytes=7-")
    unchanged = ask(user, "GET", place, None, **{"If-None-Match": got.headers["ETag"]})
    beyond = ask(user, "GET", place, None, Range="bytes=10-")
    deleted, gone = ask(user, "DELETE", place), ask(user, "GET", place)

    assert url.startswith(f"{grid.url}/repository/")
    assert xml.value(put.text, "status", "message") == "Uploaded a b (10 bytes)"
    assert (stored, names) == ({"a b": b"0123456789"}, [ACCESS, "a b"])
    assert (got.content, got.headers["LGI-File-Modified"]) == (b"0123456789", "1234567890.500000000")
    assert got.headers["LGI-File-Executable"] == "1"
    assert (part.status_code, part.content) == (206, b"789")
    assert [one.status_code for one in (unchanged, beyond, deleted, gone)] == [304, 416, 200, 404]
    assert objects(bucket, url) == {}


def test_a_replaced_file_has_another_version(grid: Grid) -> None:
    """A download that is resumed does not join two versions."""
    _job, url = submitted(grid)
    user = grid.user()

    versions = []
    for data in (b"first", b"second"):
        ask(user, "PUT", f"{url}/x", data)
        versions.append(ask(user, "GET", f"{url}/x").headers["ETag"])
    resumed = ask(user, "GET", f"{url}/x", None, **{"Range": "bytes=3-", "If-Range": versions[0]})

    assert versions[0] != versions[1]
    assert (resumed.status_code, resumed.content) == (200, b"second")


def test_files_of_a_submit_keep_their_names_bytes_and_times(
    grid: Grid, bucket: S3Bucket, tmp_path: Path
) -> None:
    """Whatever is in a name, in the store, in the lists, and in many files that are posted as one."""
    paths = tuple(tmp_path / name for name in NAMES)
    for number, path in enumerate(paths):
        path.write_bytes(b"\0%d" % number * number)
    files = {path.name: path.read_bytes() for path in paths}

    job, url = submitted(grid, *paths)
    _other, second = submitted(grid)
    answer = post(grid.user(), second, listed(files), b"".join(files.values()))
    details = grid.user().post("interface_job_state", job_id=str(job)).value("job", "repository_content")

    assert objects(bucket, url) == objects(bucket, second) == files
    assert statuses(answer) == [200] * len(NAMES)
    assert sorted(names_listed(grid.user(), grid, second)) == sorted([ACCESS, *NAMES])
    assert f"<number_of_files> {len(NAMES) + 1} </number_of_files>" in details
    assert list((grid.config.repository / ".incoming").iterdir()) == []


def test_a_key_that_xml_has_no_place_for_is_removed_and_no_other(bucket: S3Bucket) -> None:
    """Where several objects are removed by one document a question mark would be in its place."""
    for key in ("keys/?", "keys/\ufffe"):
        bucket.put_bytes(key, b"x")

    bucket.remove(["keys/\ufffe"])

    assert [one.key for one in bucket.objects("keys/")] == ["keys/?"]
    bucket.remove(["keys/?"])


def test_many_jobs_have_their_files_and_lose_them_when_they_are_deleted(
    grid: Grid, bucket: S3Bucket, tmp_path: Path
) -> None:
    """Those of one submit, each with its own files; the objects go with the jobs."""
    contents = tmp_path / "contents"
    contents.write_bytes(b"".join(b"aa%d" % number for number in range(5)))
    jobs = [{**SUBMIT, "files": [["a", 2], ["b", 1]]} for _ in range(5)]

    reply = grid.user().post("interface_submit_jobs", (contents,), jobs=json.dumps(jobs))
    urls = [xml.value(job, "repository_url") for job in reply.all("job")]
    stored = [objects(bucket, url) for url in urls]
    numbers = [str(row["job_id"]) for row in grid.rows("SELECT job_id FROM job_queue")]
    grid.user().post("interface_delete_jobs", job_ids=", ".join(numbers))

    assert stored == [{"a": b"aa", "b": b"%d" % number} for number in range(5)]
    assert [list(bucket.objects(f"{PREFIX}{url[-36:]}/")) for url in urls] == [[]] * 5


def test_a_job_that_is_submitted_again_has_copies_of_its_files(grid: Grid, bucket: S3Bucket) -> None:
    """All but the streams; the store copies them, with their times."""
    job, url = submitted(grid)
    for name in ("data & more", "joblog.txt"):
        ask(grid.user(), "PUT", f"{url}/{name}", b"x", **{"LGI-File-Modified": "1234567890"})
    grid.set_job(job, state="finished")

    reply = grid.user().post("interface_resubmit_jobs", job_ids=str(job))

    new = reply.value("job", "repository_url")
    assert objects(bucket, new) == {"data & more": b"x"}
    got = ask(grid.user(), "GET", f"{new}/data%20&%20more")
    assert got.headers["LGI-File-Modified"] == "1234567890.000000000"


def test_the_limits_of_files_hold(grid: Grid, bucket: S3Bucket) -> None:
    """A file that is too large for the repository is refused before it is sent anywhere."""
    _job, url = submitted(grid)

    refused = ask(grid.user(), "PUT", f"{url}/x", bytes(2**20 + 1))
    reserved = ask(grid.user(), "PUT", f"{url}/{ACCESS}", b"any")

    assert (refused.status_code, reserved.status_code) == (413, 400)
    assert objects(bucket, url) == {}


def test_the_rights_of_others_are_those_of_a_local_repository(grid: Grid, bucket: S3Bucket) -> None:
    """Another user does not learn that it exists; without its access file it cannot be written to."""
    _job, url = submitted(grid)
    ask(grid.user(), "PUT", f"{url}/x", b"secret")
    other = grid.user("eve@laptop", ("others",))

    answers = [ask(other, method, f"{url}/x", b"") for method in ("GET", "PUT", "DELETE")]
    bucket.remove([f"{PREFIX}{url[-36:]}/{ACCESS}"])
    frozen = ask(grid.user(), "PUT", f"{url}/x", b"new")

    assert names_listed(other, grid, url) == []
    assert [one.status_code for one in answers] == [404, 404, 404]
    assert frozen.status_code == 404
    assert objects(bucket, url) == {"x": b"secret"}


def test_the_pages_show_add_and_delete_files(grid: Grid, bucket: S3Bucket) -> None:
    """As for a job whose files are on the disk; all of them are one archive."""
    job, url = submitted(grid)
    ask(grid.user(), "PUT", f"{url}/table.csv", b"a,b\n1,2\n")
    browser = Browser(grid)

    page = browser.fill(f"jobs/{job}", "/files", files=[("files", ("more", b"more bytes"))])
    shown = browser.get(f"jobs/{job}/files/view?name=table.csv")
    archive = zipfile.ZipFile(io.BytesIO(browser.get(f"jobs/{job}/files.zip").answer.content))
    stored = objects(bucket, url)
    browser.fill(f"jobs/{job}/files/delete?name=more")

    assert "table.csv" in page.text
    assert shown.status == 200
    assert [archive.read(name) for name in sorted(stored)] == [b"more bytes", b"a,b\n1,2\n"]
    assert list(objects(bucket, url)) == ["table.csv"]


def test_repositories_of_no_job_are_removed_when_they_are_old(grid: Grid, bucket: S3Bucket) -> None:
    """Of each sixteenth in turn; those of jobs stay, and whatever else the bucket has."""
    _job, url = submitted(grid)
    lost, others = "JOB_" + "a" * 32, [f"{PREFIX}notes", f"{PREFIX}JOB_a/x", "JOB_" + "a" * 32 + "/x"]
    for key in (f"{PREFIX}{lost}/x", *others):
        bucket.put(key, io.BytesIO(b"x"), 1, {})
    remove = partial(orphans.remove_orphans, stores.server_store(grid.config), [grid.database])
    now = int(time.time())

    young = [remove(3600, part, now) for part in range(orphans.PARTS)]
    old = [remove(3600, part, now + 7200) for part in range(orphans.PARTS)]

    assert (sum(young), old) == (0, [0] * 10 + [1] + [0] * 5)
    assert [one.key for one in bucket.objects(f"{PREFIX}{url[-36:]}/")] != []
    assert [content(bucket, key) for key in others] == [b"x"] * 3


def test_a_large_file_goes_in_parts(bucket: S3Bucket) -> None:
    """It appears when the last part is there; a part that fails ends the upload, and leaves nothing."""
    data = bytes(range(256)) * 4096 * 3
    small = S3Bucket(object_grid.requests(bucket.place.url), part=2**20)

    small.put("large", io.BytesIO(data), len(data), {"x-amz-meta-mark": "1"})

    assert content(bucket, "large") == data
    assert bucket.head("large").headers["x-amz-meta-mark"] == "1"
    bucket.remove(["large"])
