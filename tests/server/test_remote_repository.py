"""Repositories on another host: a real sshd, and names that a shell must never see."""

import io
import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lgi_protocol import xml
from lgi_protocol.errors import ServerError
from lgi_protocol.reply import Reply
from lgi_server.storage import remote, repository
from lgi_server.storage.repository import Upload
from lgi_tools.certificates.ca import Authority
from tests.conftest import lacking
from tests.support import sshd
from tests.support.grid import SERVER_NAME, Grid, wait_for
from tests.support.pages import Browser
from tests.support.sshd import PrivateSshd

pytestmark = pytest.mark.slow

SUBMIT = {"application": "hello_world", "target_resources": "any"}
ACCESS = ".LGI_repository_write_access"
URL = "https://files.example.org/LGI/repository"
HOSTILE = [
    "a b",
    "$(touch pwned)",
    "`touch pwned`",
    ";touch pwned",
    "x|touch pwned",
    "& touch pwned &",
    "'; touch pwned; '",
    '"q"',
    "-rf",
    "--checkpoint-action=exec=touch pwned",
    "~",
    "*",
    "%s%n",
    "{}",
    "Übung ß",
    "日本語",
    "n" * 255,
]


@pytest.fixture(scope="module")
def host() -> Iterator[PrivateSshd]:
    """A repository host that lives as long as this file's tests."""
    if sshd.missing():
        lacking(sshd.missing())
    made = PrivateSshd()
    try:
        made.new_host_key()
        made.publish_host_key()
        yield made
    finally:
        made.remove()


@pytest.fixture(scope="module")
def far_grid(host: PrivateSshd, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grid]:
    """A project server that opens the repository host with the key of its own certificate."""
    authority = Authority.create(tmp_path_factory.mktemp("ca"))
    key = authority.issue_resource(SERVER_NAME).key
    settings = {
        "repository_host": host.address,
        "repository_directory": str(host.repository),
        "repository_url": URL,
        "repository_ssh_key": str(key),
        "repository_known_hosts": str(host.known_hosts),
        "workers": "1",
    }
    grid = Grid(settings=settings, authority=authority)
    host.authorize(key)
    try:
        grid.start()
        yield grid
    finally:
        grid.remove()


@pytest.fixture
def grid(host: PrivateSshd, far_grid: Grid) -> Iterator[Grid]:
    """The project server, its project empty and the repository host there."""
    host.start()
    far_grid.clear()
    far_grid.resource()
    # A host that was away is asked again after some seconds only.
    wait_for(lambda: works(far_grid))
    yield far_grid
    end_connection(far_grid)
    host.stop()


def works(grid: Grid) -> bool:
    """Whether a job can be submitted and deleted."""
    try:
        grid.user().delete(grid.user().submit())
    except ServerError:
        # Each refusal is a line of the log, which takes a hundred of a caller in ten seconds.
        time.sleep(0.5)
        return False
    return True


def end_connection(grid: Grid) -> None:
    """Close the kept connection, so that the next command opens a new one."""
    socket = grid.config.repository / ".ssh" / "ssh"
    if socket.exists():
        # It fails for a connection that has just ended by itself.
        command = ["ssh", "-F", "none", "-S", socket, "-O", "exit", "x"]
        subprocess.run(command, check=False, capture_output=True)
        wait_for(lambda: not socket.exists())


def directory_of(host: PrivateSshd, reply: Reply) -> Path:
    """Where the repository of an answered job is."""
    place = reply.value("job", "job_specifics", "repository")
    return Path(place.removeprefix(f"{host.user}@127.0.0.1:"))


def files_below(*directories: Path) -> list[Path]:
    """Every file below some directories."""
    return [path for directory in directories for path in directory.rglob("*") if path.is_file()]


def written(tmp_path: Path, names: list[str]) -> tuple[Path, ...]:
    """Files of these names, each with other bytes."""
    paths = tuple(tmp_path / name for name in names)
    for number, path in enumerate(paths):
        path.write_bytes(bytes([number, 0, 255, 10]) * number * 3000)
    return paths


def test_files_keep_time_and_permission(grid: Grid, host: PrivateSshd, tmp_path: Path) -> None:
    """The archive has whole seconds."""
    program, data = written(tmp_path, ["program", "data"])
    program.chmod(0o755)
    for path in (program, data):
        os.utime(path, (1234567890, 1234567890))

    directory = directory_of(host, grid.user().post("interface_submit_job", (program, data), **SUBMIT))

    there = {path.name: path.stat() for path in directory.iterdir()}
    assert {there[name].st_mtime for name in ("program", "data")} == {1234567890}
    assert (there["program"].st_mode & 0o777, there["data"].st_mode & 0o777) == (0o770, 0o660)


def refused(grid: Grid, files: tuple[Path, ...] = ()) -> ServerError:
    """How a submit is refused."""
    with pytest.raises(ServerError) as error:
        grid.user().post("interface_submit_job", files, **SUBMIT)
    return error.value


def test_the_server_says_where_the_files_are(grid: Grid, host: PrivateSshd) -> None:
    """scp's name for the directory, and the address at which the other host serves it."""
    reply = grid.user().post("interface_submit_job", **SUBMIT)

    directory = directory_of(host, reply)
    assert directory.parent.parent == host.repository
    below = f"{directory.name[-3:]}/{directory.name}"
    assert reply.value("job", "job_specifics", "repository_url") == f"{URL}/{below}"
    assert (directory / ACCESS).read_text() == "admin, mark@laptop"
    assert [oct(path.stat().st_mode & 0o777) for path in (directory, directory / ACCESS)] == [
        "0o770",
        "0o660",
    ]


def test_files_arrive_byte_for_byte_whatever_their_names(
    grid: Grid, host: PrivateSshd, tmp_path: Path
) -> None:
    """No shell reads a name that a user has chosen, here or there."""
    paths = written(tmp_path, HOSTILE)

    reply = grid.user().post("interface_submit_job", paths, **SUBMIT)

    directory = directory_of(host, reply)
    arrived = {path.name: path.read_bytes() for path in directory.iterdir() if path.name != ACCESS}
    assert arrived == {path.name: path.read_bytes() for path in paths}
    strays = [*host.directory.rglob("pwned"), *grid.directory.rglob("pwned"), *Path.cwd().glob("pwned")]
    assert strays == []
    assert list((grid.config.repository / ".incoming").iterdir()) == []


def test_the_files_of_many_jobs_arrive_too(grid: Grid, host: PrivateSshd, tmp_path: Path) -> None:
    """One repository after the other; when the last one finds no host nothing is left of the others."""
    jobs = [{**SUBMIT, "files": [["a", 2], ["b", number]]} for number in range(3)]
    contents = tmp_path / "contents"
    contents.write_bytes(b"".join(b"aa" + bytes([number]) * number for number in range(3)))

    reply = grid.user().post("interface_submit_jobs", (contents,), jobs=json.dumps(jobs))
    end_connection(grid)
    host.stop()
    with pytest.raises(ServerError) as error:
        grid.user().post("interface_submit_jobs", (contents,), jobs=json.dumps(jobs))

    below = [xml.value(job, "repository_url").removeprefix(f"{URL}/") for job in reply.all("job")]
    found = [(host.repository / place / name).read_bytes() for place in below for name in ("a", "b")]
    assert found == [b"aa", b"", b"aa", b"\1", b"aa", b"\2\2"]
    assert error.value.number == 68
    assert len(grid.rows("SELECT job_id FROM job_queue")) == 3


def test_a_job_that_is_submitted_again_gets_its_files_there(
    grid: Grid, host: PrivateSshd, tmp_path: Path
) -> None:
    """All but the streams, whatever their names; they do not come here; times are kept."""
    user = grid.user()
    old = user.post("interface_submit_job", written(tmp_path, HOSTILE), **SUBMIT)
    there = directory_of(host, old)
    (there / "joblog.txt").write_text("output")
    grid.set_job(old.number("job", "job_id"), state="finished")

    reply = user.post("interface_resubmit_jobs", job_ids=old.value("job", "job_id"))

    new = host.repository / reply.value("job", "repository_url").removeprefix(f"{URL}/")
    assert new != there
    kept = {path.name: (path.read_bytes(), path.stat().st_mtime) for path in new.iterdir()}
    before = {path.name: (path.read_bytes(), path.stat().st_mtime) for path in there.iterdir()}
    kept.pop(ACCESS), before.pop(ACCESS), before.pop("joblog.txt")
    assert kept == before
    assert len(kept) == len(HOSTILE)


def test_details_list_the_files_with_size_and_date(grid: Grid, host: PrivateSshd, tmp_path: Path) -> None:
    """The user and the resource that has the job get the same as for a local repository."""
    user = grid.user()
    reply = user.post("interface_submit_job", written(tmp_path, HOSTILE), **SUBMIT)
    job_id = reply.value("job", "job_id")

    details = user.post("interface_job_state", job_id=job_id)

    for content in (reply.value("job", "repository_content"), details.value("job", "repository_content")):
        assert f"<number_of_files> {len(HOSTILE) + 1} </number_of_files>" in content
        for number, name in enumerate(HOSTILE):
            assert f"<file_name> {xml.escape(name)} </file_name> <size> {number * 12000} </size>" in content
        date = content.partition("<date> ")[2].partition(" ")[0]
        assert abs(float(date) - time.time()) < 60


def test_a_deleted_job_takes_its_directory_with_it(grid: Grid, host: PrivateSshd, tmp_path: Path) -> None:
    """File names that look like options of rm are removed too."""
    user = grid.user()
    reply = user.post("interface_submit_job", written(tmp_path, ["-rf", "*", "a"]), **SUBMIT)
    other = directory_of(host, user.post("interface_submit_job", **SUBMIT))

    user.delete(reply.number("job", "job_id"))

    assert not directory_of(host, reply).exists()
    assert (other / ACCESS).exists()


def test_many_deleted_jobs_take_their_directories_with_them(
    grid: Grid, host: PrivateSshd, tmp_path: Path
) -> None:
    """With one command; a host that is away is tried once, and the log has all that may be left there."""
    user = grid.user()
    replies = [user.post("interface_submit_job", written(tmp_path, ["a"]), **SUBMIT) for _ in range(5)]
    places = [directory_of(host, reply) for reply in replies]
    jobs = [reply.number("job", "job_id") for reply in replies]

    user.post("interface_delete_jobs", job_ids=f"{jobs[0]}, {jobs[1]}")
    end_connection(grid)
    host.stop()
    user.post("interface_delete_jobs", job_ids=f"{jobs[2]}, {jobs[3]}")

    assert [place.exists() for place in places] == [False, False, True, True, True]
    assert grid.rows("SELECT job_id FROM job_queue") == [{"job_id": jobs[4]}]
    (line,) = [one for one in grid.log.read_text().splitlines() if "they may still be on" in one]
    assert all(places[number].name in line for number in (2, 3))
    host.start()
    wait_for(lambda: works(grid))


def test_a_job_whose_directory_is_gone_has_no_files(grid: Grid, host: PrivateSshd) -> None:
    """The same holds for a local repository."""
    user = grid.user()
    reply = user.post("interface_submit_job", **SUBMIT)
    directory = directory_of(host, reply)
    (directory / ACCESS).unlink()
    directory.rmdir()

    details = user.post("interface_job_state", job_id=reply.value("job", "job_id"))

    assert "<number_of_files> 0 </number_of_files>" in details.value("job", "repository_content")


def test_a_host_that_is_away_refuses_the_submit_and_leaves_nothing(
    grid: Grid, host: PrivateSshd, tmp_path: Path
) -> None:
    """Error 68, no job, no file on either side; once it is back everything works again."""
    before = files_below(host.home)
    end_connection(grid)
    host.stop()

    error = refused(grid, written(tmp_path, ["a", "b"]))

    assert error.number == 68
    assert str(host.repository) not in str(error)
    assert grid.rows("SELECT job_id FROM job_queue") == []
    assert grid.rows("SELECT job_id FROM job_access") == []
    assert files_below(host.home, grid.config.repository) == before
    host.start()
    wait_for(lambda: works(grid))


def test_a_job_can_be_deleted_but_not_shown_while_the_host_is_away(grid: Grid, host: PrivateSshd) -> None:
    """An answer without the files that are there would be a lie; a deletion is only a line in the log."""
    user = grid.user()
    job_id = user.submit()
    end_connection(grid)
    host.stop()

    shown = user.refusal("interface_job_state", job_id=str(job_id))
    user.delete(job_id)

    assert shown == 68
    assert grid.rows("SELECT job_id FROM job_queue") == []
    assert "it may still be on the repository host" in grid.log.read_text()
    host.start()
    wait_for(lambda: works(grid))


def test_a_page_submits_to_the_host_and_shows_what_is_there(grid: Grid, host: PrivateSshd) -> None:
    """Links lead to that host, which takes changes itself; while it is away the page says so."""
    browser = Browser(grid)

    page = browser.fill("submit", application="hello_world", files=[("files", ("a b", b"1"))])
    host.stop()
    end_connection(grid)
    away = browser.get(page.path)

    assert [row["Name"] for row in page.rows("file-list")] == ["a b"]
    assert [link for link in page.links() if link.startswith(URL) and link.endswith("/a%20b")]
    assert page.tree.xpath("//input[@type='file']") == []
    assert away.status == 200
    assert "They cannot be listed now." in away.text


def test_a_submit_that_is_refused_never_gets_to_the_host(
    grid: Grid, host: PrivateSshd, tmp_path: Path
) -> None:
    """A user who may not submit cannot fill the disk of the other host."""
    before = files_below(host.repository)
    # So a command would be seen as a new connection, whatever is still written of the last one.
    end_connection(grid)
    connected = host.log.read_text().count("Accepted publickey")

    with pytest.raises(ServerError) as error:
        grid.user().post(
            "interface_submit_job", written(tmp_path, ["a"]), **(SUBMIT | {"application": "vasp"})
        )

    assert error.value.number == 70
    assert files_below(host.repository) == before
    assert connected > 0
    assert host.log.read_text().count("Accepted publickey") == connected


def test_an_unknown_host_key_is_refused(grid: Grid, host: PrivateSshd, tmp_path: Path) -> None:
    """No file is sent to a host that has not proved its identity."""
    before = files_below(host.repository)
    end_connection(grid)
    host.stop()
    host.new_host_key()
    known = host.known_hosts.read_bytes()
    host.start()

    error = refused(grid, written(tmp_path, ["a"]))

    assert error.number == 68
    assert files_below(host.repository) == before
    assert host.known_hosts.read_bytes() == known
    assert "host key" in grid.log.read_text().lower()
    host.publish_host_key()
    wait_for(lambda: works(grid))


def test_a_file_that_finds_no_room_refuses_the_submit(grid: Grid, host: PrivateSshd, tmp_path: Path) -> None:
    """The files that were unpacked before it are removed."""
    before = files_below(host.repository)
    end_connection(grid)
    host.stop()
    host.start(largest_file=60_000)

    error = refused(grid, written(tmp_path, list("abcdefgh")))

    assert error.number == 68
    assert grid.rows("SELECT job_id FROM job_queue") == []
    assert files_below(host.repository) == before
    assert list(host.repository.glob("*/.new*")) == []


@pytest.mark.parametrize("blocks", range(9))
def test_a_stream_that_is_cut_leaves_all_or_nothing(tmp_path: Path, blocks: int) -> None:
    """A connection may end between any two blocks; tar takes the end of one file for the end of all."""
    repositories = tmp_path / "repositories"
    repositories.mkdir()
    stream = io.BytesIO()
    uploads = [Upload(path.name, path) for path in written(tmp_path, ["a", "-b"])]
    for upload in uploads:
        upload.arrived.write_bytes(b"content")
    remote.pack(stream, ["admin"], uploads)
    name = repository.new_name()
    text = remote.command(remote.create_steps(), str(repositories), name)

    done = subprocess.run(["sh", "-c", text], input=stream.getvalue()[: blocks * 512], capture_output=True)

    made = repositories / repository.relative_path(name)
    complete = [ACCESS, "-b", "a"] if blocks >= 6 else []
    assert sorted(path.name for path in made.glob("*")) == sorted(complete)
    assert (done.returncode == 0) == bool(complete)
    assert list(repositories.glob("*/.new*")) == []


def test_a_directory_that_is_not_there_refuses_the_submit(
    grid: Grid, host: PrivateSshd, tmp_path: Path
) -> None:
    """A disk that is not mounted; the reason is in the log and not in the answer."""
    moved = host.repository.with_name("moved")
    host.repository.rename(moved)
    try:
        error = refused(grid, written(tmp_path, ["a"]))
    finally:
        moved.rename(host.repository)

    assert error.number == 68
    assert str(host.home) not in str(error)
    assert grid.rows("SELECT job_id FROM job_queue") == []
    assert "status 1" in grid.log.read_text()
    assert works(grid)


def test_a_host_that_hangs_holds_up_nobody_else(grid: Grid, host: PrivateSshd) -> None:
    """Reading and changing go on in the same worker and the same database meanwhile."""
    resource = grid.resource("res2@cluster")
    end_connection(grid)
    host.pause()
    submit = threading.Thread(target=refused, args=[grid])
    submit.start()
    try:
        wait_for(lambda: any(str(grid.config.repository) in command for command in ssh_commands()))
        grid.user().post("interface_project_server_list")
        resource.sign_up("<other> </other>")
        waiting = submit.is_alive()
    finally:
        submit.join()
        host.resume()

    assert waiting


def test_the_commands_for_the_shell_hold_nothing_a_user_chose(grid: Grid, tmp_path: Path) -> None:
    """The process list shows constant text, the directory, and the repository's name."""
    ours: set[str] = set()
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            ours.update(command for command in ssh_commands() if str(grid.config.repository) in command)

    watcher = threading.Thread(target=watch)
    watcher.start()
    # A command may be over before it was seen.
    for _ in range(20):
        grid.user().post(
            "interface_submit_job", written(tmp_path, HOSTILE), **SUBMIT, write_access="$(touch pwned)"
        )
        if ours:
            break
    done.set()
    watcher.join()

    assert ours
    assert not [command for command in ours if "pwned" in command or "mark@laptop" in command]


def ssh_commands() -> Iterator[str]:
    """The command lines of all running ssh clients."""
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                line = (process / "cmdline").read_bytes()
            except OSError:
                continue
            if os.path.basename(line.partition(b"\0")[0]) == b"ssh":
                yield line.decode("utf-8", "replace")
