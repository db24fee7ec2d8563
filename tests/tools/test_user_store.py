"""Files of a job in an object store of its user: what the client stores, what LGI_stage does with URLs."""

import json
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from lgi_protocol.errors import ServerError
from lgi_protocol.s3_signature import S3Credentials
from lgi_tools.client.job import Job
from lgi_tools.client.job_request import JobRequest
from lgi_tools.client.project import Project
from lgi_tools.client.repository import Repository
from lgi_tools.client.result_patterns import ResultPatterns
from lgi_tools.client.transfer_error import TransferError
from lgi_tools.client.user_store import access, place, results, submission, url_file
from lgi_tools.commands import run as run_command
from lgi_tools.staging.outcome import PERMANENT, RETRY
from lgi_tools.staging.store import store as store_results
from lgi_tools.staging.store_transfer import StoreTransfer
from lgi_tools.staging.user_store import UserStore
from tests.support.object_server import Fault, ObjectServer, StoredObject

pytestmark = pytest.mark.one_database

ACCESS, SECRET, BUCKET = "mark", "the-secret-of-mark", "marks-files"
SCRIPT = b"#!/bin/sh\nexec wc -w data\n"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def server_of_user() -> Iterator[ObjectServer]:
    """A store that knows the keys of the user."""
    made = ObjectServer(S3Credentials(ACCESS, SECRET))
    made.buckets.add(BUCKET)
    yield made
    made.close()


@pytest.fixture
def store(server_of_user: ObjectServer, monkeypatch: pytest.MonkeyPatch) -> ObjectServer:
    """The store, empty, without a fault, and allowed to jobs of this resource."""
    server_of_user.objects.clear()
    server_of_user.requests.clear()
    server_of_user.fault = Fault.NONE
    own = {"SERVER": server_of_user.url, "ACCESS": ACCESS, "SECRET": SECRET}
    for name, value in own.items():
        monkeypatch.setenv(f"LGI_S3_{name}", value)
    monkeypatch.setenv("LGI_OBJECT_STORES", f"https://other.example.org {server_of_user.url}")
    return server_of_user


class Submits:
    """In place of a project: keeps what is submitted, or refuses it."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    def submit_request(self, request: JobRequest) -> None:
        if self.error:
            raise self.error
        self.fields = request.fields()
        self.files = {path.name: path.read_bytes() for path in request.paths()}


def submitted(output: tuple[str, ...] = ()) -> Submits:
    """A job with the file `data`, submitted through the store; its directory is the current one."""
    Path("data").write_text("one two three")
    seen = Submits()
    request = JobRequest("command", input=SCRIPT, files=["data"], results=ResultPatterns(output))
    submission.submit(cast(Project, seen), request, f"s3://{BUCKET}/lgi")
    Path("data").unlink()
    Path(url_file.NAME).write_bytes(seen.files[url_file.NAME])
    return seen


def job_of(seen: Submits) -> Job:
    """The job as LGI_get sees it."""
    return cast(Job, SimpleNamespace(specifics=seen.fields["job_specifics"]))


def archive(file: Path) -> dict[str, str]:
    """The files of an archive."""
    with tarfile.open(file) as opened:
        return {one.name: opened.extractfile(one).read().decode() for one in opened}  # type: ignore[union-attr]


def test_the_project_gets_urls_and_neither_files_nor_keys(store: ObjectServer) -> None:
    """Inputs are below a prefix of 128 random bits, another one for each job."""
    first, second = submitted(), submitted()

    assert set(first.files) == {url_file.NAME}
    assert SECRET not in f"{first.fields} {first.files}"
    assert {key.partition("/in/")[2] for key in store.objects} == {"data"}
    prefixes = {key.removeprefix(f"{BUCKET}/lgi/JOB_").partition("/")[0] for key in store.objects}
    assert [len(bytes.fromhex(one)) for one in prefixes] == [16, 16]
    assert place.read(first.fields["job_specifics"]) != place.read(second.fields["job_specifics"])


def test_inputs_are_fetched_and_results_stored_without_keys(
    store: ObjectServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The archive has what the job has made or changed; it is stored once, and fetched once."""
    seen = submitted()
    for name in ("ACCESS", "SECRET"):
        monkeypatch.delenv(f"LGI_S3_{name}")
    own = UserStore(Path(), ResultPatterns())
    code, fetched = own.fetch()
    Path(".LGI_job", "staged").parent.mkdir(exist_ok=True)
    Path(".LGI_job", "staged").write_text(json.dumps(fetched))
    made = Path("data").read_text()
    Path("count").write_text("3")
    Path("folder").mkdir()
    codes = [own.store(), own.store()]
    puts = [one for one in store.requests if one.startswith("PUT") and "results" in one]

    monkeypatch.setenv("LGI_S3_ACCESS", ACCESS)
    monkeypatch.setenv("LGI_S3_SECRET", SECRET)
    found = results.find(job_of(seen))
    assert found is not None
    target = tmp_path / "results.tar.gz"
    found.fetch(target)

    assert (code, made, codes, len(puts)) == (0, "one two three", [0, 0], 1)
    assert archive(target) == {"count": "3"}
    assert found.is_at(target)
    assert Path(url_file.MARK).exists()


def test_patterns_choose_the_results_in_directories(store: ObjectServer, tmp_path: Path) -> None:
    """They keep their paths in the archive; a link is not followed."""
    seen = submitted(("out/**",))
    Path("out").mkdir()
    Path("out", "energy").write_text("-1.5")
    Path("out", "link").symlink_to("/etc/passwd")
    Path("other").touch()

    assert UserStore(Path(), ResultPatterns(("out/**",))).store() == 0
    found = results.find(job_of(seen))
    assert found is not None
    found.fetch(tmp_path / "got")

    assert archive(tmp_path / "got") == {"out/energy": "-1.5"}


@pytest.mark.parametrize(
    ("fault", "fetches", "stores"),
    [
        (Fault.AWAY, RETRY, RETRY),
        (Fault.BUSY, RETRY, RETRY),
        (Fault.FULL, 0, RETRY),
        (Fault.SHORT, RETRY, 0),
    ],
)
def test_a_store_in_trouble_is_tried_again(
    store: ObjectServer, capfd: pytest.CaptureFixture[str], fault: Fault, fetches: int, stores: int
) -> None:
    """No part of a file stays, and no message has a URL."""
    submitted()
    store.fault = fault
    own = UserStore(Path(), ResultPatterns())

    codes = own.fetch()[0], own.store()

    assert codes == (fetches, stores)
    assert Path("data").exists() == (fetches == 0)
    text = capfd.readouterr().err
    assert "X-Amz" not in text
    assert "JOB_" not in text
    assert [path.name for path in Path().iterdir() if path.name.endswith(".part")] == []


def test_streams_of_a_job_are_stored_though_its_store_takes_no_results(
    store: ObjectServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The project has it once; the results are tried again."""
    submitted()
    store.fault = Fault.BUSY
    sent = list[str]()
    monkeypatch.setattr("lgi_tools.staging.store.upload", lambda _there, name, *_: sent.append(name))
    Path(".LGI_job").mkdir(exist_ok=True)
    Path(".LGI_job", "stdout").write_text("printed")
    project = cast(Repository, object())

    codes = [store_results(Path(), project, own=UserStore(Path(), ResultPatterns())) for _ in range(2)]
    early = list(sent)
    store.fault = Fault.NONE
    codes.append(store_results(Path(), project, own=UserStore(Path(), ResultPatterns())))

    assert codes == [RETRY, RETRY, 0]
    assert early == sent == ["joblog.txt"]


class Slow:
    """The answer of a store that sends a byte each half minute."""

    now = 1000.0
    status = 200

    def read1(self, size: int, decode_content: bool = True) -> bytes:
        """Return the next byte."""
        self.now += 30.0
        return b"x"[:size]

    def read(self, size: int, decode_content: bool = True) -> bytes:
        """Return ``size`` bytes, when they have come."""
        return b"".join(self.read1(1, decode_content) for _ in range(size))

    def close(self) -> None:
        """End."""


def test_an_input_that_comes_byte_by_byte_is_given_up_in_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte is in time, and all of them would take days, in which the job keeps its slot."""
    answer = Slow()
    monkeypatch.setattr(time, "monotonic", lambda: answer.now)
    connection = SimpleNamespace(urlopen=lambda *_, **__: answer)
    monkeypatch.setattr("urllib3.connection_from_url", lambda *_, **__: connection)
    there = "https://s3.example.org"

    with pytest.raises(TransferError, match="bytes early"):
        StoreTransfer([there]).fetch(
            url_file.StoreInput("data", 10_000, "0" * 64, f"{there}/bucket/data?signature"), Path("data")
        )

    assert answer.now - 1000.0 < 300


def test_a_file_that_becomes_shorter_is_stored_later(
    store: ObjectServer, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Something that the job has left writes it; the message says so."""
    submitted()
    Path("count").write_text("3")

    def cut(*_: object, **_more: object) -> None:
        raise OSError("unexpected end of data")

    monkeypatch.setattr("tarfile.copyfileobj", cut)

    assert UserStore(Path(), ResultPatterns()).store() == RETRY
    assert "results.tar.gz: unexpected end of data" in capfd.readouterr().err


def test_two_inputs_of_one_name_are_refused(store: ObjectServer) -> None:
    """One would take the place of the other in the store."""
    for name in ("a", "b"):
        Path(name).mkdir()
        Path(name, "data").write_text(name)
    request = JobRequest("command", input=SCRIPT, files=["a/data", "b/data"])

    with pytest.raises(ValueError, match="two files have the same name"):
        submission.submit(cast(Project, Submits()), request, f"s3://{BUCKET}")
    assert store.objects == {}


def changed(name: str, value: object) -> Callable[[dict[str, object]], None]:
    """A change of the first input in the file of URLs."""

    def change(urls: dict[str, object]) -> None:
        cast(list[dict[str, object]], urls["inputs"])[0][name] = value

    return change


def expired(urls: dict[str, object]) -> None:
    one = cast(list[dict[str, str]], urls["inputs"])[0]
    one["url"] = one["url"].replace("X-Amz-Expires=604800", "X-Amz-Expires=1")


def at_another_key(urls: dict[str, object]) -> None:
    one = cast(list[dict[str, str]], urls["inputs"])[0]
    one["url"] = one["url"].replace("/in/data?", "/in/other?")


def twice(urls: dict[str, object]) -> None:
    urls["inputs"] = cast(list[object], urls["inputs"]) * 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (expired, "refuses the URL of the job (HTTP 403): after 7 days it has expired"),
        (at_another_key, "refuses the URL of the job (HTTP 403)"),
        (changed("sha256", "0" * 64), "gives other bytes than were stored"),
        (changed("size", 12), "gives more than 12 bytes"),
        (changed("size", 14), "has 1 of 14 bytes less"),
        (changed("size", "13"), "the size or digest of 'data' is not valid"),
        (changed("name", "../data"), "a name that is not allowed"),
        (changed("name", ".LGI_job"), "a name that is not allowed"),
        (changed("url", "https://169.254.169.254/latest"), "the owner of this resource does not allow"),
        (changed("url", "https://other.example.org@evil.org/x"), "the owner of this resource does not allow"),
        (changed("url", "https://other.example.org\\@evil.org/x"), "a URL is not valid"),
        (changed("url", "file:///etc/passwd"), "the owner of this resource does not allow"),
        (changed("url", "x" * 5000), "a URL is not valid"),
        (twice, "too many inputs, or one twice"),
    ],
)
def test_a_url_that_is_not_the_jobs_is_refused(
    store: ObjectServer,
    capfd: pytest.CaptureFixture[str],
    change: Callable[[dict[str, object]], None],
    message: str,
) -> None:
    """That needs no retry; nothing is written, and the job does not start."""
    submitted()
    urls = json.loads(Path(url_file.NAME).read_text())
    change(urls)
    Path(url_file.NAME).write_text(json.dumps(urls))

    code, _files = UserStore(Path(), ResultPatterns()).fetch()

    text = capfd.readouterr().err
    assert code == PERMANENT
    assert message in text
    assert "X-Amz" not in text
    assert {path.name for path in Path().iterdir()} == {url_file.NAME}


@pytest.mark.parametrize("text", ["", "[]", "{}", "[" * 100_000, '{"inputs": [1], "results": ""}', "\udc80"])
def test_a_file_of_urls_that_is_none_is_refused(
    store: ObjectServer, capfd: pytest.CaptureFixture[str], text: str
) -> None:
    """With its name."""
    Path(url_file.NAME).write_bytes(text.encode("utf-8", "surrogateescape"))

    assert UserStore(Path(), ResultPatterns()).fetch()[0] == PERMANENT
    assert f"{url_file.NAME} is not valid" in capfd.readouterr().err


def test_a_resource_whose_owner_allows_no_store_asks_none(
    store: ObjectServer, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """That is so unless the owner says otherwise."""
    submitted()
    store.requests.clear()
    monkeypatch.delenv("LGI_OBJECT_STORES")

    assert UserStore(Path(), ResultPatterns()).fetch()[0] == PERMANENT
    assert "the owner of this resource does not allow" in capfd.readouterr().err
    assert store.requests == []


def test_the_script_of_the_job_ends_on_a_resource_that_knows_no_stores(store: ObjectServer) -> None:
    """Its results would go to the project there."""
    script = bytes.fromhex(submitted().fields["input"])

    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (125, "")
    assert "uses no object stores of users" in done.stderr


def test_inputs_of_a_refused_job_are_removed(store: ObjectServer) -> None:
    """The error of the server is that of the submit."""
    Path("data").touch()
    refusal = ServerError(22, "no")
    request = JobRequest("command", input=SCRIPT, files=["data"])

    with pytest.raises(ServerError):
        submission.submit(cast(Project, Submits(refusal)), request, f"s3://{BUCKET}")

    assert store.objects == {}


def test_results_are_asked_for_at_the_users_own_store_alone(
    store: ObjectServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A project could otherwise send requests with the user's keys elsewhere."""
    seen = submitted()
    monkeypatch.setenv("LGI_S3_SERVER", "https://other.example.org")

    with pytest.raises(TransferError, match="is not LGI_S3_SERVER"):
        results.find(job_of(seen))


def test_an_archive_that_ends_early_is_not_kept(store: ObjectServer, tmp_path: Path) -> None:
    """Nor is there one before the job has stored it."""
    seen = submitted()
    with pytest.raises(TransferError, match="has no results"):
        results.find(job_of(seen))
    own = place.read(seen.fields["job_specifics"])
    assert own is not None
    store.objects[f"{BUCKET}/{own.key(place.RESULTS)}"] = StoredObject(b"archive", {})
    found = results.find(job_of(seen))
    assert found is not None
    store.fault = Fault.SHORT

    with pytest.raises(TransferError, match="the object store"):
        found.fetch(tmp_path / "got")
    assert not list(tmp_path.glob("*got*"))


def test_keys_are_read_from_a_file_that_is_the_users_alone(
    store: ObjectServer, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    """It is ~/.LGI/s3_credentials, or that of Amazon's tools; a message has no word of it."""
    for name in ("ACCESS", "SECRET"):
        monkeypatch.delenv(f"LGI_S3_{name}")
    with pytest.raises(ValueError, match="no keys of the object store are known"):
        access.credentials()
    file = home / ".aws" / "credentials"
    file.parent.mkdir()
    file.write_text(f"[default]\naws_access_key_id = {ACCESS}\naws_secret_access_key = {SECRET}\n")
    file.chmod(0o644)
    with pytest.raises(ValueError, match="chmod 600") as caught:
        access.credentials()
    file.chmod(0o600)

    assert SECRET not in str(caught.value)
    assert access.credentials() == S3Credentials(ACCESS, SECRET)
    monkeypatch.setenv("LERULI_S3_ACCESS", "leruli")
    monkeypatch.setenv("LERULI_S3_SECRET", "secret")
    assert access.credentials() == S3Credentials("leruli", "secret")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--store", "marks-files", "true"), "no place in a store: write s3://BUCKET"),
        (("--store", "s3://Marks/x", "true"), "write the name of a bucket"),
        (("--store", "s3://marks-files/a b", "true"), "write a prefix such as"),
        (("--store", "s3://marks-files", "--array", "1-2", "true"), "--store is for one job"),
        (("--store", "s3://marks-files", "--here", "true"), "--store is for one job"),
        (("--store", "s3://nowhere", "true"), "nothing was submitted: the object store"),
    ],
)
def test_a_store_that_cannot_be_used_is_named_before_a_submit(
    store: ObjectServer, run: Run, words: tuple[str, ...], message: str
) -> None:
    """The project server, which is not there, is never asked."""
    Path("true").write_text("x")
    code, _out, err = run(run_command.main, *(("-f", "true") if "nowhere" in str(words) else ()), *words)

    assert code == 1
    assert message in err


def test_lines_of_a_batch_have_no_store(store: ObjectServer, run: Run) -> None:
    """Their files would otherwise go to the project."""
    Path("jobs").write_text("--store s3://marks-files echo one\n")

    code, _out, err = run(run_command.main, "--batch", "jobs")

    assert code == 1
    assert "--store is for one job" in err
