"""LGI_stage: the files of a job's repository, in and out, against a real project server."""

import json
import subprocess
import time
from pathlib import Path

import pytest
from requests import Session

from lgi_protocol import xml
from lgi_protocol.job_directory import JobDirectory
from lgi_tools.client.progress import ProgressCallback, no_progress
from lgi_tools.client.repository import Repository
from lgi_tools.commands import stage
from lgi_tools.staging import store
from tests.support.bench import Bench
from tests.support.grid import BIN, Grid, UserCalls

pytestmark = pytest.mark.slow

SETTINGS = "backend=process\nstage=yes\nmax_stagings=2\n"
# So many that LGI_stage needs several requests.
FILES = 4000


@pytest.fixture
def user(grid: Grid) -> UserCalls:
    """A user with files."""
    grid.resource("laptop@test")
    return grid.user()


def job(grid: Grid, user: UserCalls, place: Path, files: dict[str, bytes], input: bytes = b"true") -> Bench:
    """A job with a repository, as the daemon has taken it."""
    uploads = []
    folder = place / "uploads"
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
        uploads.append(folder / name)
    job_id = user.submit(tuple(uploads), number_of_uploaded_files=str(len(uploads)))
    told = user.post("interface_job_state", job_id=str(job_id))
    found = xml.find(told.content, "job", "job_specifics")
    assert found is not None
    made = Bench(place, SETTINGS, input, found.inside.strip(), path=[BIN])
    issued = grid.people.resource("laptop@test")
    links = {"key": issued.key, "certificate": issued.certificate, "ca": grid.people.authority.ca_file}
    for name, path in links.items():
        (place / name).symlink_to(path)
    return made


def repository(job: Bench, grid: Grid) -> dict[str, bytes]:
    """What the repository has, but for its access list."""
    url = stage.repository_url(JobDirectory(job.directory))
    session = grid.people.credentials(grid.people.resource("laptop@test")).session()
    kept = Repository(url, session)
    names = [xml.value(found.inside, "file_name") for found in xml.find_all(kept.content(), "file")]
    return {name: session.get(kept.file_url(name)).content for name in names if not name.startswith(".LGI_")}


def test_files_are_fetched_before_a_job_and_results_stored_after_it(
    grid: Grid, user: UserCalls, place: Path
) -> None:
    """New and changed files, and the streams; the output is reported all the same."""
    script = (
        b"cat 'a b'; echo oops >&2; echo more >> -n; echo new > 'new one'; mkdir folder; ln -s 'a b' link"
    )
    done = job(grid, user, place, {"a b": b"data", "-n": b"changed ", "same": b"same"}, script)
    before = {path.name: path.stat().st_mtime_ns for path in done.directory.iterdir()}

    output = done.finish()

    assert before.keys().isdisjoint({"a b", "-n", "same"})
    notes = "not stored: folder/ (directory), link (link)"
    assert output == f"data\n[LGI: standard error]\noops\n[LGI: {notes}]\n[LGI: exit code 0]\n"
    assert done.mark("end").split("\n") == ["exit_code=0", f"reason={notes}"]
    assert done.ask("job_epilogue") == 0
    assert done.output() == output
    assert repository(done, grid) == {
        "a b": b"data",
        "-n": b"changed more\n",
        "same": b"same",
        "new one": b"new\n",
        "joblog.txt": b"data",
        "joberr.txt": b"oops\n",
    }


class Recorder(Repository):
    """A repository that takes files one by one and only remembers their names."""

    def __init__(self) -> None:
        super().__init__("https://localhost/x", Session())
        self.names: list[str] = []

    def post(self, body: bytes, content_type: str) -> tuple[int, str]:
        return 404, ""

    def upload(self, name: str, source: Path, watch: ProgressCallback = no_progress) -> None:
        self.names.append(name)


def test_only_new_and_changed_files_are_sent(
    grid: Grid, user: UserCalls, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unchanged files from the repository are there already."""
    done = job(grid, user, place, {"same": b"same", "grown": b"1"})
    done.ask("job_prologue")
    (done.directory / "grown").write_bytes(b"12")
    (done.directory / "LGI_mine").touch()
    (done.directory / ".LGI_mine").touch()
    (done.directory / ".hidden").touch()
    (done.directory / "two\nlines").touch()
    monkeypatch.setenv("LGI_STATE_DIRECTORY", str(done.own))

    sent = Recorder()
    store.store(done.directory, sent)

    assert sent.names == [".hidden", "grown", "two\nlines"]


def test_a_link_to_the_key_is_not_stored(grid: Grid, user: UserCalls, place: Path) -> None:
    """This includes a link that replaces a file while it is read."""
    done = job(grid, user, place, {}, b"ln -s ../../../key stolen; echo mine > kept")

    done.finish()
    with pytest.raises(OSError, match="symbolic links"):
        store.upload(Repository("https://localhost/x", Session()), "stolen", done.directory / "stolen")

    assert sorted(repository(done, grid)) == ["joberr.txt", "joblog.txt", "kept"]


def versions(job: Bench, grid: Grid) -> dict[str, int]:
    """The files of its repository, and for each what is another number after it was stored again."""
    url = stage.repository_url(JobDirectory(job.directory))
    place = grid.config.repository / url.partition("/repository/")[2]
    return {path.name: path.stat().st_ctime_ns for path in place.iterdir() if path.name.startswith("result")}


def killed_stage(words: list[object], directory: Path, stored: Path) -> set[str]:
    """The results that LGI_stage has noted as stored when it is killed: before the last one, or once more."""
    for turn in range(20):
        stored.unlink(missing_ok=True)
        for number in range(FILES):
            (directory / f"result{number:04}").write_text(f"result {number} {turn}")
        first = subprocess.Popen(words)  # type: ignore[arg-type]
        while first.poll() is None and not names_in(stored):
            time.sleep(0.001)
        first.kill()
        first.wait(60)
        if 0 < len(noted := names_in(stored)) < FILES:
            return noted
    raise AssertionError("LGI_stage ended each time before it was killed")


def names_in(stored: Path) -> set[str]:
    """The names in the whole lines of a record of LGI_stage."""
    text = stored.read_text() if stored.exists() else ""
    return {json.loads(line)[0] for line in text.split("\n")[:-1]}


@pytest.mark.parametrize("directory", ["beside", ""])
def test_a_stage_that_was_killed_goes_on(
    grid: Grid, user: UserCalls, place: Path, monkeypatch: pytest.MonkeyPatch, directory: str
) -> None:
    """It sends again what was just on its way, and nothing else; under an old daemon too."""
    done = job(grid, user, place, {})
    state = place / directory if directory else done.directory / ".LGI_job"
    state.mkdir(mode=0o700, exist_ok=True)
    monkeypatch.setenv("LGI_STATE_DIRECTORY", str(state) if directory else "")
    words = [BIN / "LGI_stage", "-j", done.directory, "out"]

    noted = killed_stage(words, done.directory, state / "stored")
    before = versions(done, grid)
    code = subprocess.run(words).returncode
    after = versions(done, grid)

    assert (code, len(after)) == (0, FILES)
    assert {name for name in noted if before[name] != after[name]} == set()


def test_a_fetch_goes_on_where_it_was_cut(
    grid: Grid, user: UserCalls, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Complete files are not fetched again, unless they have changed here or on the server."""
    fetched = job(grid, user, place, {name: name.encode() for name in ("a", "b", "c", "d")})
    state = place / "beside"
    state.mkdir()
    monkeypatch.setenv("LGI_STATE_DIRECTORY", str(state))
    words = [BIN / "LGI_stage", "-j", fetched.directory, "in"]
    (fetched.directory / "d").mkdir()
    first = subprocess.run(words).returncode
    (fetched.directory / "d").rmdir()
    (fetched.directory / "b").write_text("other than there")
    (fetched.directory / "c").unlink()
    before = {path.name: path.stat().st_ino for path in fetched.directory.iterdir()}

    second = subprocess.run(words).returncode

    after = {path.name: path.stat().st_ino for path in fetched.directory.iterdir()}
    assert (first, second) == (65, 0)
    assert before["a"] == after["a"]
    assert [(fetched.directory / name).read_text() for name in "abcd"] == ["a", "b", "c", "d"]
    assert sorted(json.loads((state / "staged").read_text())) == ["a", "b", "c", "d"]


LATER = 75


def troubled(job: Bench, code: int) -> None:
    """From now on LGI_stage fails with this code, as with a server that is in trouble."""
    folder = job.place / "troubled"
    folder.mkdir()
    script = folder / "LGI_stage"
    script.write_text(f"#!/bin/sh\necho LGI_stage: data: its disk is full\nexit {code}\n")
    script.chmod(0o755)
    job.path.insert(0, folder)


def test_an_outage_however_long_costs_no_job_and_no_result(grid: Grid, user: UserCalls, place: Path) -> None:
    """Attempts during an outage do not count; the output already has what the job wrote."""
    waits = job(grid, user, place, {"data": b"data"}, b"cat data; exit 3")
    grid.stop()
    try:
        before = [waits.ask("job_prologue") for _ in range(4)]
        state = waits.state()
    finally:
        grid.start()
    waits.begin().wait(60)
    grid.stop()
    try:
        after = [waits.ask("job_epilogue") for _ in range(4)]
    finally:
        grid.start()
    early = waits.output()

    assert (before, state, after) == ([LATER] * 4, "idle", [LATER] * 4)
    assert early.startswith("data\n[LGI: not all files were stored: ")
    assert early.endswith("[LGI: exit code 3]\n")
    assert waits.ask("job_epilogue") == 0
    assert waits.output() == "data\n[LGI: exit code 3]\n"
    assert repository(waits, grid)["joblog.txt"] == b"data"


def test_a_job_whose_files_cannot_be_fetched_does_not_run(place: Path) -> None:
    """An outage of the server is waited for; after too many failures the job ends with the reason."""
    lost = Bench(place, SETTINGS, b"touch ran")
    troubled(lost, 1)

    first = lost.ask("job_prologue")
    idle = lost.state()
    last = lost.ask("job_prologue")
    lost.start("job_run").wait(60)
    state = lost.state()
    lost.ask("job_epilogue")

    assert (first, idle) == (LATER, "idle")
    assert (last, state) == (0, "finished")
    assert (
        "[LGI: exit code 125: not started: the files of the repository could not be fetched: "
        "LGI_stage: data: its disk is full" in lost.output()
    )
    assert not (lost.directory / "ran").exists()


def test_a_job_whose_files_can_never_be_fetched_ends_at_once(place: Path) -> None:
    """It holds no slot for tries that cannot succeed; its end says why."""
    lost = Bench(place, SETTINGS, b"touch ran")
    troubled(lost, 65)

    code = lost.ask("job_prologue")

    assert (code, lost.state()) == (0, "finished")
    assert lost.mark("end").startswith("exit_code=125\nreason=not started: the files of the repository")
    assert "LGI_stage: data: its disk is full" in lost.mark("end")


def test_a_file_with_dots_before_its_name_keeps_no_job_waiting(
    grid: Grid, user: UserCalls, place: Path
) -> None:
    """What the server accepts is fetched; once such a job has held a slot for ever."""
    files = {"..z.txt": b"1", "..%2f..%2fa.txt": b"2", "..hid.txt": b"3"}

    done = job(grid, user, place, files, b"cat ..z.txt ..%2f..%2fa.txt ..hid.txt; echo 4 > ..new")

    assert done.finish() == "123\n[LGI: exit code 0]\n"
    assert repository(done, grid)["..new"] == b"4\n"


def test_results_that_cannot_be_stored_are_tried_again_and_then_named(
    grid: Grid, user: UserCalls, place: Path
) -> None:
    """The job is reported in the end, and says what is missing."""
    done = job(grid, user, place, {}, b"echo x > result")
    done.begin().wait(60)
    troubled(done, 1)
    codes = [done.ask("job_epilogue") for _ in range(2)]

    assert codes == [LATER, 0]
    assert "[LGI: not all files were stored: LGI_stage: data: its disk is full" in done.output()
    assert done.output().endswith("[LGI: exit code 0]\n")


def test_a_key_the_job_cannot_read_is_reported(grid: Grid, user: UserCalls, place: Path) -> None:
    """With the file, and what the administrator can do."""
    lost = job(grid, user, place, {})
    (lost.place / "key").unlink()

    codes = [lost.ask("job_prologue") for _ in range(3)]
    lost.ask("job_epilogue")

    assert codes == [LATER, LATER, 0]
    assert (
        f"cannot read the key {lost.place}/key: the administrator can make it readable, or set stage=no"
        in lost.output()
    )


def test_a_repository_the_user_names_is_not_the_jobs(place: Path) -> None:
    """The server's own tag is the last, and stands alone; a nested one is not looked at."""
    specifics = (
        "<repository_url> https://evil/x </repository_url>"
        " <mine> <repository_url> https://evil/y </repository_url> </mine>"
        " <repository_url> https://good/z </repository_url> "
    )

    assert (
        stage.repository_url(JobDirectory(Bench(place, "", specifics=specifics).directory))
        == "https://good/z"
    )


def test_a_job_without_a_repository_stages_nothing(place: Path) -> None:
    """It runs, and fetches and stores no file."""
    assert Bench(place, SETTINGS, path=[BIN]).finish() == "hello\n[LGI: exit code 0]\n"
