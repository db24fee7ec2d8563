"""The memory of a worker does not grow with the requests and data that it handles."""

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from lgi_protocol.reply import Reply
from lgi_protocol.resource_api import ResourceCalls
from tests.conftest import lacking
from tests.support.grid import Grid, UserCalls, running
from tests.support.mariadb import PrivateMariaDB

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

MEGABYTE = 2**20
# The limit of a worker's memory, which usually uses half of that.
MOST = 120 * MEGABYTE
MOST_GROWTH = 6 * MEGABYTE
# More than 2 GiB, the limit of sizes with 32 bits.
BIG = 2049 * MEGABYTE
BLOCK = 256 * 1024
CLIENTS, WARM_UP, ROUNDS = 8, 12, 34


def memory(grid: Grid, what: str) -> int:
    """Return bytes of the only worker: its present memory (VmRSS) or its peak (VmHWM)."""
    assert grid.process is not None
    (worker,) = Path(f"/proc/{grid.process.pid}/task/{grid.process.pid}/children").read_text().split()
    lines = Path(f"/proc/{worker}/status").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith(f"{what}:")]
    return int(line.split()[1]) * 1024


@contextmanager
def started(database: str, **settings: str) -> Iterator[Grid]:
    """Run a server with one worker, so that it handles every request."""
    with running(Grid(database, {"workers": "1"} | settings)) as made:
        yield made


def submit(user: UserCalls, files: tuple[Path, ...] = (), **fields: str) -> Reply:
    """Submit a job and return the answer."""
    usual = {"application": "hello_world", "target_resources": "any"}
    return user.post("interface_submit_job", files, **(usual | fields))


def address(job: Reply) -> str:
    """Return the URL of a job's repository."""
    return job.value("job", "job_specifics", "repository_url")


def use(grid: Grid, number: int, rounds: int) -> None:
    """Make the usual calls of users and daemons, in rounds of 19 calls on new connections; no job is left."""
    for _ in range(rounds):
        user, resource = grid.user(f"user{number}@desk"), grid.resource(f"res{number}@cluster")
        job_id = store(user, grid.directory / "small", f"res{number}@cluster")
        work(resource, job_id)
        look(user, job_id)
        user.delete(int(job_id))
        for calls in (user, resource):
            calls.client.close()


def store(user: UserCalls, file: Path, target: str) -> str:
    """Submit a job, store and delete a file in its repository, and return the job's id."""
    job = submit(user, (file,), target_resources=target, input="41" * 20_000)
    session, url = user.client.session, f"{address(job)}/result"
    session.put(url, data=b"x" * 50_000, verify=session.verify)
    assert len(session.get(url, verify=session.verify).content) == 50_000
    session.delete(url, verify=session.verify)
    return job.value("job", "job_id")


def work(resource: ResourceCalls, job_id: str) -> None:
    """Run a job from its offer to its end."""
    assert [job.job_id for job in resource.request_work("hello_world", 0, 10).jobs] == [job_id]
    resource.details(job_id)
    resource.update(job_id, state="running", output=b"A" * 20_000)
    resource.unlock(job_id)
    resource.job_state(job_id)
    resource.lock(job_id)
    resource.update(job_id, state="finished")
    resource.sign_off()


def look(user: UserCalls, job_id: str) -> None:
    """Request lists and details, and make two invalid calls."""
    user.post("interface_job_state")
    assert user.state(int(job_id)) == "finished"
    user.post("interface_project_resource_list")
    assert user.refusal("interface_job_state", job_id="999999999") == 15
    assert user.refusal("interface_job_state", state="s" * 300) == 45


def use_by_many(grid: Grid, rounds: int) -> None:
    """Run `use` in all clients at the same time."""
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(lambda number: use(grid, number, rounds), range(CLIENTS)))
    assert grid.rows("SELECT job_id FROM job_queue") == []


def test_a_worker_does_not_grow_with_its_requests(private_mariadb: PrivateMariaDB) -> None:
    """After a warm-up, 5,000 calls of all kinds, new connections and errors leave no memory allocated."""
    with started(private_mariadb.create_database("memory")) as grid:
        (grid.directory / "small").write_bytes(b"y" * 100_000)
        use_by_many(grid, WARM_UP)
        warm = memory(grid, "VmRSS")

        use_by_many(grid, ROUNDS)

        assert memory(grid, "VmRSS") - warm < MOST_GROWTH
        assert memory(grid, "VmHWM") < MOST


def test_files_of_more_than_2_gib_pass_through_a_small_worker(tmp_path: Path) -> None:
    """Submits, PUT and GET stream the files: memory does not grow, and sizes are exact."""
    if shutil.disk_usage(tempfile.gettempdir()).free < 3 * BIG:
        lacking("6 GiB of free disk space")
    big = tmp_path / "big"
    with big.open("wb") as opened:
        opened.truncate(BIG)
    sizes = {"max_file_size": "3G", "max_post_size": "3G", "max_repository_size": "3G"}
    with started("sqlite:LGI.sqlite", **sizes) as grid:
        grid.resource()
        user = grid.user()

        submitted = submit(user, (big,))
        content = submitted.value("job", "repository_content")
        came = fetched(user, submitted, "big")
        user.delete(submitted.number("job", "job_id"))
        other = submit(user)
        with big.open("rb") as opened:
            session = user.client.session
            put = session.put(f"{address(other)}/put", data=opened, verify=session.verify)

        assert f"<file_name> big </file_name> <size> {BIG} </size>" in content
        assert (came, put.status_code, stored(grid, other, "put")) == (BIG, 200, BIG)
        assert memory(grid, "VmHWM") < MOST


def fetched(user: UserCalls, job: Reply, name: str) -> int:
    """Fetch a file of zeros and return its size."""
    session = user.client.session
    with session.get(f"{address(job)}/{name}", stream=True, verify=session.verify) as answer:
        return size_of_zeros(answer.iter_content(BLOCK))


def stored(grid: Grid, job: Reply, name: str) -> int:
    """Return the size of a file of zeros on the disk of the server."""
    room, repository = address(job).split("/")[-2:]
    with (grid.config.repository / room / repository / name).open("rb") as file:
        return size_of_zeros(iter(partial(file.read, BLOCK), b""))


def size_of_zeros(blocks: Iterable[bytes]) -> int:
    """Return how many bytes these are, all of them zeros."""
    nothing = bytes(BLOCK)
    size = 0
    for block in blocks:
        assert block == nothing[: len(block)]
        size += len(block)
    return size
