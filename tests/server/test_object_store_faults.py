"""Object stores that are away, full, slow to answer or that lie: clear errors, and nothing is lost."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from lgi_protocol import s3_answers
from lgi_protocol.errors import ServerError
from lgi_protocol.s3_bucket import S3Bucket
from lgi_protocol.s3_errors import S3Error
from lgi_protocol.s3_signature import S3Credentials
from lgi_server.cli.setup.check import store as check_store
from lgi_server.config.parser import ConfigError, load
from lgi_server.storage import stores
from tests.server.test_many_files import listed, post, statuses
from tests.server.test_object_store import SUBMIT, names_listed, objects, submitted
from tests.server.test_repository import ACCESS, ask
from tests.support import object_grid
from tests.support.grid import Grid, running
from tests.support.object_server import Fault, ObjectServer

pytestmark = pytest.mark.one_database


@pytest.fixture(scope="module")
def made_store() -> Iterator[ObjectServer]:
    """A store that lives as long as this file's tests."""
    made = ObjectServer(S3Credentials(object_grid.ACCESS, object_grid.SECRET))
    yield made
    made.close()


@pytest.fixture
def store(made_store: ObjectServer) -> Iterator[ObjectServer]:
    """The store, which is honest at the begin of a test, and at its end."""
    made_store.fault = Fault.NONE
    yield made_store
    made_store.fault = Fault.NONE


@pytest.fixture(scope="module")
def bucket(made_store: ObjectServer) -> S3Bucket:
    """The bucket of the grid."""
    return object_grid.make_bucket(made_store.url)


@pytest.fixture(scope="module")
def far_grid(made_store: ObjectServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grid]:
    """A project server with its repositories in that store."""
    with running(object_grid.grid_at(made_store.url, tmp_path_factory.mktemp("keys"))) as made:
        yield made


@pytest.fixture
def grid(far_grid: Grid, bucket: S3Bucket, store: ObjectServer) -> Grid:
    """The server, its project and its bucket empty."""
    far_grid.clear()
    far_grid.resource()
    store.objects.clear()
    return far_grid


def refused(grid: Grid, *files: Path) -> ServerError:
    """Return how a submit is refused."""
    with pytest.raises(ServerError) as error:
        grid.user().post("interface_submit_job", files, **SUBMIT)
    return error.value


@pytest.mark.parametrize("fault", [Fault.AWAY, Fault.BUSY, Fault.FULL])
def test_a_submit_that_the_store_does_not_take_leaves_nothing(
    grid: Grid, store: ObjectServer, tmp_path: Path, fault: Fault
) -> None:
    """Error 68 and no job; the same submit succeeds when the store is there again."""
    (tmp_path / "data").write_bytes(b"data")
    store.fault = fault

    error = refused(grid, tmp_path / "data")
    store.fault = Fault.NONE

    assert error.number == 68
    assert (grid.rows("SELECT job_id FROM job_queue"), store.objects) == ([], {})
    assert submitted(grid, tmp_path / "data")[0] > 0


@pytest.mark.parametrize(("fault", "status"), [(Fault.AWAY, 503), (Fault.BUSY, 503), (Fault.FULL, 507)])
def test_a_file_that_the_store_does_not_take_can_be_sent_again(
    grid: Grid, store: ObjectServer, bucket: S3Bucket, fault: Fault, status: int
) -> None:
    """An older file of that name stays; the statuses are those that programs try again."""
    _job, url = submitted(grid)
    user = grid.user()
    ask(user, "PUT", f"{url}/x", b"old")
    store.fault = fault

    answer = ask(user, "PUT", f"{url}/x", b"new")
    store.fault = Fault.NONE
    kept = objects(bucket, url)
    again = ask(user, "PUT", f"{url}/x", b"new")

    assert (answer.status_code, kept) == (status, {"x": b"old"})
    assert (again.status_code, objects(bucket, url)) == (200, {"x": b"new"})


def test_many_files_of_which_none_is_taken_say_so(grid: Grid, store: ObjectServer) -> None:
    """Each has its status, and the incoming directory is empty again."""
    _job, url = submitted(grid)
    store.fault = Fault.FULL

    answer = post(grid.user(), url, listed({"a": b"1", "b": b"2"}), b"12")

    assert statuses(answer) == [507, 507]
    assert list((grid.config.repository / ".incoming").iterdir()) == []


def test_a_file_that_ends_early_is_a_broken_download(grid: Grid, store: ObjectServer) -> None:
    """The connection ends before the promised size: no program takes it for the whole file."""
    _job, url = submitted(grid)
    ask(grid.user(), "PUT", f"{url}/x", bytes(200_000))
    store.fault = Fault.SHORT

    with pytest.raises(OSError, match=r"IncompleteRead|Connection broken|closed"):
        ask(grid.user(), "GET", f"{url}/x")


def test_a_file_that_is_replaced_while_it_is_read_is_the_old_one_or_an_error(
    store: ObjectServer, far_grid: Grid, bucket: S3Bucket
) -> None:
    """What is fetched again, from another place, is of the same version."""
    key = f"{object_grid.PREFIX}JOB_{'b' * 32}/x"
    bucket.put_bytes(key, b"old bytes")
    opened = stores.server_store(far_grid.config).open("JOB_" + "b" * 32, "x")
    bucket.put_bytes(key, b"new bytes")

    whole = opened.read()
    opened.seek(4)

    assert whole == b"old bytes"
    with pytest.raises(OSError, match="does not give the whole file"):
        opened.detach().read(5)  # type: ignore[attr-defined]


def test_a_part_of_a_file_is_that_part_or_an_error(store: ObjectServer, bucket: S3Bucket) -> None:
    """A store that ignores the range, or the version, would give bytes of another place or file."""
    bucket.put_bytes("x", b"0123456789")
    tag = bucket.head("x").tag

    part = bucket.get("x", 7, tag).read()
    store.fault = Fault.NO_RANGE

    assert part == b"789"
    with pytest.raises(S3Error, match="sends all of it in the place of a part"):
        bucket.get("x", 7)
    store.fault = Fault.ODD_TAG
    with pytest.raises(S3Error, match="sends another version"):
        bucket.get("x", 7, tag)


def test_an_odd_version_of_a_file_is_no_error(grid: Grid, store: ObjectServer) -> None:
    """Whatever a store has for an ETag, the server's is one."""
    _job, url = submitted(grid)
    ask(grid.user(), "PUT", f"{url}/x", b"12345")
    store.fault = Fault.ODD_TAG

    got = ask(grid.user(), "GET", f"{url}/x")

    assert (got.content, got.headers["ETag"]) == (b"12345", '"Wab"')


def test_objects_of_others_in_a_list_are_neither_shown_nor_removed(grid: Grid, store: ObjectServer) -> None:
    """A list is of one repository, whatever the store says."""
    job, url = submitted(grid)
    _other, second = submitted(grid)
    ask(grid.user(), "PUT", f"{second}/x", b"12345")
    own = f"{object_grid.BUCKET}/{object_grid.PREFIX}{url[-36:]}"
    store.objects[f"{own}/.."] = store.objects[f"{own}/{ACCESS}"]
    store.fault = Fault.FOREIGN

    listed_names = names_listed(grid.user(), grid, url)
    grid.user().delete(job)
    store.fault = Fault.NONE

    assert listed_names == [ACCESS]
    assert names_listed(grid.user(), grid, second) == [ACCESS, "x"]


@pytest.mark.parametrize("fault", [Fault.ENDLESS, Fault.NO_XML, Fault.DTD])
def test_a_list_that_cannot_be_read_is_an_error(grid: Grid, store: ObjectServer, fault: Fault) -> None:
    """The server answers that the store is not available, and the log has the reason."""
    job, url = submitted(grid)
    store.fault = fault

    answer = ask(grid.user(), "GET", f"{grid.url}/repository/repository_content.php?repository={url[-36:]}")
    state = grid.user().refusal("interface_job_state", job_id=str(job))

    assert (answer.status_code, state) == (503, 68)
    assert "The object store is not available" in answer.text
    assert "list objects: " in grid.log.read_text()


def test_keys_and_addresses_of_the_store_are_in_no_answer_and_no_log(grid: Grid, store: ObjectServer) -> None:
    """Nor in the job, which others may read."""
    job, url = submitted(grid)
    answers = [ask(grid.user(), "PUT", f"{url}/x", b"x"), ask(grid.user(), "GET", f"{url}/x")]
    store.fault = Fault.BUSY
    answers.append(ask(grid.user(), "GET", f"{url}/x"))
    store.fault = Fault.NONE
    reply = grid.user().post("interface_job_state", job_id=str(job))
    details = reply.value("job", "job_specifics") + reply.value("job", "repository_content")

    texts = [details, grid.log.read_text(), *(f"{one.headers} {one.text}" for one in answers)]

    secrets = (object_grid.SECRET, object_grid.BUCKET, "X-Amz", "Signature", store.url)
    assert [secret for secret in secrets for text in texts if secret in text] == []


def test_an_upload_of_which_a_part_fails_is_ended(store: ObjectServer, bucket: S3Bucket) -> None:
    """Neither an object nor parts are left; the error says what failed."""

    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() >= 2**20:
                store.fault = Fault.FULL
            return super().read(size)

    small = S3Bucket(object_grid.requests(store.url), part=2**20)
    with pytest.raises(S3Error, match="store a part: HTTP 507 InsufficientStorage"):
        small.put("large", Broken(bytes(3 * 2**20)), 3 * 2**20, {})

    assert store.uploads == {}
    assert "lgi-files/large" not in store.objects


def test_a_body_that_is_not_the_signed_one_is_refused(store: ObjectServer, bucket: S3Bucket) -> None:
    """A file that changes while it is sent does not arrive as another one."""
    lying = S3Bucket(object_grid.requests(store.url), digest=lambda _file, _size: "0" * 64)

    with pytest.raises(S3Error, match="HTTP 403"):
        lying.put("x", io.BytesIO(b"data"), 4, {})


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"<a",
        b"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
        b"<ListBucketResult><Contents><Key>x</Key></Contents></ListBucketResult>",
        b"<ListBucketResult><Contents><Key>x</Key><Size>-1</Size></Contents></ListBucketResult>",
        b"<ListBucketResult><Contents><Key>x</Key><Size>1</Size></Contents></ListBucketResult>",
        b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
    ],
)
def test_a_list_of_objects_that_is_none_is_an_error(text: bytes) -> None:
    """Of XML only what a list has is taken: a DTD is refused."""
    with pytest.raises(ValueError):  # noqa: PT011
        s3_answers.page(text)


def test_a_check_of_the_server_tries_the_store(grid: Grid, store: ObjectServer) -> None:
    """It stores, lists and removes an object; what the store does not do is an error with advice."""
    config = load(grid.config_file)

    good = list(check_store.check(config))
    left = dict(store.objects)
    store.fault = Fault.BUSY
    (bad,) = check_store.check(config)

    assert (good, left) == ([], {})
    assert bad.text.endswith("bucket lgi-files: store an object: HTTP 503 SlowDown")
    assert "docs/storage.md" in bad.remedy


GOOD = "[default]\naws_access_key_id = a\naws_secret_access_key = very-secret\n"
BAD_KEYS = {
    "others": (GOOD, 0o640, "others than its owner can read it: chmod 600"),
    "no section": (GOOD.replace("default", "other"), 0o600, r"write the section \[default\]"),
    "no key": (GOOD.replace("aws_secret_access_key", "key"), 0o600, r"write the section \[default\]"),
    "not an INI file": ("very-secret", 0o600, r"write the section \[default\]"),
    "empty": (GOOD.replace("very-secret", ""), 0o600, "a key in it is empty"),
}


@pytest.mark.parametrize(("text", "mode", "message"), BAD_KEYS.values(), ids=BAD_KEYS.keys())
def test_a_file_of_keys_that_cannot_be_used_is_named(
    far_grid: Grid, tmp_path: Path, text: str, mode: int, message: str
) -> None:
    """The message says what is wrong with it, and has no word of it."""
    file = tmp_path / "keys"
    file.write_text(text)
    file.chmod(mode)
    known = str(far_grid.config.object_store.credentials) if far_grid.config.object_store else ""
    configuration = far_grid.config_file.with_name("other.cfg")
    configuration.write_text(far_grid.config_file.read_text().replace(known, str(file)))

    with pytest.raises(ConfigError, match=message) as refusal:
        load(configuration)

    assert "very-secret" not in str(refusal.value)


BAD_SETTINGS = {
    "path": ("object_store_url = http", "object_store_url = http://x/bucket #", "without the bucket"),
    "scheme": ("object_store_url = http", "object_store_url = ftp", "without the bucket"),
    "account": ("object_store_url = http://", "object_store_url = http://me:pass@", "without the bucket"),
    "bucket": ("object_store_bucket = ", "object_store_bucket = ../", "write the name of a bucket"),
    "prefix": ("object_store_prefix = ", "object_store_prefix = ../", "write a prefix"),
}


@pytest.mark.parametrize(("old", "new", "message"), BAD_SETTINGS.values(), ids=BAD_SETTINGS.keys())
def test_a_setting_of_the_store_that_is_invalid_is_refused(
    far_grid: Grid, old: str, new: str, message: str
) -> None:
    """With what to write instead."""
    configuration = far_grid.config_file.with_name("other.cfg")
    configuration.write_text(far_grid.config_file.read_text().replace(old, new))

    with pytest.raises(ConfigError, match=message):
        load(configuration)
