"""Uploads in progress leave space for the server's own work and for other accounts."""

import os
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from lgi_protocol.errors import LGIError
from lgi_server.storage.local import Repositories
from lgi_server.storage.pending_uploads import SWEEP_SECONDS, Disk, PendingUploads, StorageFullError
from lgi_server.storage.repository import NewRepository
from lgi_server.storage.upload_budget import STEP, UploadBudget
from tests.conftest import lacking
from tests.server.test_repository import ask, new_repository
from tests.support.grid import Grid, UserCalls, refusal, running, wait_for
from tests.support.running_jobs import repository_of, take

MB = 2**20
DISK_MB = 96


def disk(total: int, free: int) -> Callable[[Path], Disk]:
    """A disk that shrinks by what is in the incoming directory."""

    def look(directory: Path) -> Disk:
        return Disk(total, free - sum(path.stat().st_size for path in directory.iterdir()))

    return look


def size_of(directory: Path) -> int:
    """How many bytes the files of a directory have, of which some may be removed meanwhile."""
    sizes = 0
    for path in directory.iterdir():
        with suppress(FileNotFoundError):
            sizes += path.stat().st_size
    return sizes


def upload(budget: UploadBudget, size: int) -> int:
    """How many bytes of so many an upload that never ends may write."""
    with budget.new_file() as opened:
        for written in range(0, size, STEP // 4):
            try:
                budget.spend(STEP // 4)
            except LGIError:
                return written
            opened.write(bytes(STEP // 4))
            opened.flush()
    return size


def test_uploads_of_all_together_leave_the_reserve(tmp_path: Path) -> None:
    """The number of accounts does not matter."""
    pending = PendingUploads(tmp_path, 10 * MB, disk(100 * MB, 60 * MB))

    for number in range(20):
        upload(UploadBudget(pending, f"name user{number}"), 60 * MB)

    assert 0 <= pending.free() < 2 * MB


def test_one_account_leaves_a_quarter_of_the_room_to_others(tmp_path: Path) -> None:
    """The quarter stays free for one request or many; the next account gets its part of the rest."""
    pending = PendingUploads(tmp_path, 0, disk(100 * MB, 80 * MB))

    of_eve = [upload(UploadBudget(pending, "name eve"), 10 * MB) for _ in range(12)]
    of_mark = upload(UploadBudget(pending, "name mark"), 12 * MB)

    assert 59 * MB <= sum(of_eve) <= 60 * MB + STEP
    assert of_mark == 12 * MB


def test_the_reserve_is_an_eighth_of_a_small_disk(tmp_path: Path) -> None:
    """A setting for large disks makes no small one useless."""
    pending = PendingUploads(tmp_path, 2**30, disk(80 * MB, 80 * MB))

    assert pending.free() == 70 * MB


def test_a_file_system_that_tells_no_size_has_no_reserve(tmp_path: Path) -> None:
    """Then only a write shows that it is full."""
    pending = PendingUploads(tmp_path, 2**30, disk(0, 0))

    assert upload(UploadBudget(pending, "name eve"), 5 * MB) == 5 * MB


def test_an_announced_upload_is_refused_before_it_comes(tmp_path: Path) -> None:
    """When it cannot be stored as the disk is now."""
    pending = PendingUploads(tmp_path, 0, disk(100 * MB, 40 * MB))
    budget = UploadBudget(pending, "name eve")

    budget.announce(30 * MB)
    for size in (31 * MB, 41 * MB):
        with pytest.raises(StorageFullError):
            budget.announce(size)


def test_uploads_into_one_repository_count_against_what_it_may_hold(tmp_path: Path) -> None:
    """Those of other requests too, before any of them is stored."""
    store = Repositories(tmp_path, 10 * MB, 10 * MB)
    name = store.new_name()
    store.create(name, NewRepository(("eve",), ()))
    written = 0
    for number in range(4):
        budget = store.budget("name eve", name)
        budget.limit(store.quota(name), f"file{number}")
        written += upload(budget, 4 * MB)

    assert 9 * MB < written <= 10 * MB + 4 * STEP


def test_a_process_that_was_killed_holds_nothing(tmp_path: Path) -> None:
    """Another process removes its partial files, but not those of another host."""
    pending = PendingUploads(tmp_path, 0, disk(100 * MB, 80 * MB))
    gone = subprocess.Popen(["true"])
    gone.wait()
    with pending.new_file("name eve") as own:
        mine = Path(own.name)
    account, repository, host, process, ending = mine.name.split(".")
    of_killed = tmp_path / f"{account}.{repository}.{host}.{gone.pid}.{ending}"
    elsewhere = tmp_path / f"{account}.{repository}.{'0' * len(host)}.{gone.pid}.{ending}"
    of_killed.write_bytes(bytes(1000))
    elsewhere.write_bytes(bytes(1000))
    now = mine.stat().st_mtime

    pending.sweep(now)
    before = sorted(tmp_path.iterdir())
    pending.sweep(now + SWEEP_SECONDS + 1)

    assert before == sorted((mine, of_killed, elsewhere))
    assert sorted(tmp_path.iterdir()) == sorted((mine, elsewhere))
    assert process == str(os.getpid())


@pytest.fixture(params=["sqlite", "mariadb"])
def small_disk(request: pytest.FixtureRequest) -> Iterator[Grid]:
    """A server whose directory is a file system of 96 MB."""
    address = ""
    if request.param == "mariadb":
        address = request.getfixturevalue("private_mariadb").create_database("small_disk")

    class OnSmallDisk(Grid):
        def set_up(self, database: str, *words: str) -> None:
            place = self.directory / "server"
            place.mkdir()
            mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=0755", "none", str(place)]
            if subprocess.run(mount, capture_output=True, check=False).returncode:
                lacking("the right to mount file systems")
            super().set_up(database, *words)

        def remove(self) -> None:
            self.stop()
            subprocess.run(["umount", "-l", str(self.directory / "server")], check=True)
            super().remove()

    with running(OnSmallDisk(address)) as made:
        yield made


def unfinished_put(user: UserCalls, url: str, size: int, stack: ExitStack) -> ssl.SSLSocket:
    """A PUT of which all but the last byte comes, as far as it is taken."""
    port = int(url.split(":")[2].split("/")[0])
    plain = stack.enter_context(socket.create_connection(("127.0.0.1", port), 60))
    context = user.client.credentials.context()
    connection = stack.enter_context(context.wrap_socket(plain, server_hostname="localhost"))
    path = url.partition(f":{port}")[2]
    connection.sendall(f"PUT {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n".encode())
    try:
        for _ in range(size // MB):
            connection.sendall(bytes(MB))
    except OSError:
        pass  # it was refused on the way
    return connection


@pytest.mark.slow
def test_uploads_that_stop_half_way_keep_nobody_else_from_work(small_disk: Grid, tmp_path: Path) -> None:
    """Seven PUTs as large as the disk takes; another user submits with files, and a daemon reports."""
    daemon = small_disk.resource()
    eve, mark = small_disk.user("eve@desk", ("chem",)), small_disk.user()
    mark.submit()
    running_job = take(small_disk, daemon)
    repositories = [repository_of(small_disk, eve.submit()) for _ in range(7)]
    incoming = small_disk.config.repository / ".incoming"
    file = tmp_path / "file"
    file.write_bytes(bytes(5 * MB))

    with ExitStack() as stack:
        for url in repositories:
            unfinished_put(eve, f"{url}/large", 13 * MB + 1, stack)
        wait_for(lambda: size_of(incoming) > 50 * MB)

        submitted = mark.post(
            "interface_submit_job", (file,), application="hello_world", target_resources="any"
        )
        daemon.lock(running_job)
        reported = daemon.update(running_job, state="finished", output=b"x" * 60_000)

        assert submitted.value("job", "state") == "queued"
        assert reported.state == "finished"
        assert "the disk of the database is full" not in small_disk.log.read_text()
    wait_for(lambda: list(incoming.iterdir()) == [])


@pytest.mark.slow
def test_a_put_that_finds_no_room_is_told_to_come_later(small_disk: Grid) -> None:
    """507, by which LGI_stage tries again; nothing is left of it."""
    url, directory = new_repository(small_disk)
    before = sorted(directory.iterdir())

    answers = [
        ask(small_disk.user(), "PUT", f"{url}/file", body)
        for body in (bytes(90 * MB), iter([bytes(MB)] * 90), b"fits")
    ]

    assert [answer.status_code for answer in answers] == [507, 507, 200]
    assert "no space" in answers[0].text
    assert [path.name for path in sorted(directory.iterdir()) if path not in before] == ["file"]
    assert list((small_disk.config.repository / ".incoming").iterdir()) == []


@pytest.mark.slow
def test_a_disk_without_room_for_another_name_is_a_full_disk(small_disk: Grid) -> None:
    """A file system with room and no inode left: error 68 or 1 and no job, until there are some."""
    small_disk.resource()
    user = small_disk.user()
    place = small_disk.directory / "server"
    before = user.submit()
    names = place / "names"
    names.mkdir()
    remount = ["mount", "-o", f"remount,nr_inodes={used_entries(place) + 1}", str(place)]
    subprocess.run(remount, check=True)
    (names / "last").touch()

    assert refusal(user.submit) in {1, 68}
    assert [row["job_id"] for row in small_disk.rows("SELECT job_id FROM job_queue")] == [before]

    subprocess.run(["mount", "-o", "remount,nr_inodes=100k", str(place)], check=True)
    assert user.submit() > before


def used_entries(place: Path) -> int:
    """How many files and directories a file system has."""
    known = os.statvfs(place)
    return known.f_files - known.f_ffree
