"""Many jobs in few calls: what is sent, and what is made of the answers."""

import itertools
import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lgi_protocol.client import Client
from lgi_protocol.credentials import Credentials
from lgi_tools.certificates.ca import Authority, Issued
from lgi_tools.client import bulk_submit
from lgi_tools.client.bulk_submit import NewJob
from tests.support.canned_server import Answer, CannedServer, lgi
from tests.support.grid import Grid

from .test_safe_submit import LOST, of_today

CALLER = {"project": "LGI", "user": "mark@laptop", "groups": "theor"}
FIELDS = {"application": "hello_world", "target_resources": "any"}
MANY = "interfaces/interface_submit_jobs"
LIST = "interfaces/interface_project_server_list"


@pytest.fixture
def client(server: CannedServer, mark: Issued, authority: Authority) -> Client:
    """A user's connection to the canned server."""
    return Client(server.url, Credentials(mark.key, mark.certificate, authority.ca_file))


def made(*numbers: int) -> Answer:
    """An answer that says that jobs were made."""
    return of_today("".join(f"<job> <job_id> {number} </job_id> </job>" for number in numbers))


@pytest.mark.slow
def test_many_jobs_of_one_folder_each_are_submitted(grid: Grid, tmp_path: Path) -> None:
    """The number of calls follows the server's limit; a refused job does not stop the others."""
    grid.resource()
    jobs = []
    for number in range(300):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "input").write_text(f"input {number}")
        (folder / "empty").touch()
        fields = FIELDS if number != 7 else FIELDS | {"application": "vasp"}
        jobs.append(NewJob(fields, (folder / "input", folder / "empty")))
    client = grid.user().client

    outcomes = list(bulk_submit.submit(client, CALLER, iter(jobs)))
    again = list(bulk_submit.submit(client, CALLER, jobs[:3]))

    assert [outcome.job for outcome in outcomes] == jobs
    assert [outcome.job_id for outcome in again] == [outcome.job_id for outcome in outcomes[:3]]
    assert [outcome.refused.number for outcome in outcomes if outcome.refused] == [70]
    assert outcomes[7].refused is not None
    assert len(grid.rows("SELECT job_id FROM job_queue")) == 299
    place = outcomes[299].repository_url.partition("/repository/")[2]
    assert (grid.config.repository / place / "input").read_text() == "input 299"


def test_the_jobs_that_go_in_one_request_are_bounded(tmp_path: Path) -> None:
    """The limits are the number of jobs, their text and their bytes; a job above them is sent alone."""
    big = tmp_path / "big"
    big.touch()
    with big.open("r+b") as opened:
        opened.truncate(bulk_submit.MOST_BYTES + 1)
    long = {"input": "41" * 200_000}
    jobs = [NewJob({})] * 5 + [NewJob({}, (big,))] + [NewJob({})] + [NewJob(long)] * 3

    sizes = [len(batch) for batch in bulk_submit.batches(jobs, 4)]

    assert sizes == [4, 1, 1, 3, 1]
    assert list(bulk_submit.batches([], 4)) == []


def test_a_batch_whose_answer_was_lost_is_sent_again(
    client: Client, server: CannedServer, tmp_path: Path
) -> None:
    """The same ids, the same files."""
    server.will_answer_call(LIST, of_today())
    server.will_answer_call(MANY, of_today("<most_jobs> 10 </most_jobs>"), LOST, made(7))
    (tmp_path / "f").write_text("abc")

    (outcome,) = bulk_submit.submit(client, CALLER, [NewJob(FIELDS, (tmp_path / "f",), "id1")])

    first, second = (
        request.fields
        for request in server.requests
        if request.path.endswith("jobs.php") and b"id1" in request.body
    )
    assert outcome.job_id == "7"
    assert first == second
    assert json.loads(first["jobs"]) == [FIELDS | {"request_id": "id1", "files": [["f", 3]]}]
    assert (first["uploaded_file_1"], first["number_of_uploaded_files"]) == ("abc", "1")


def test_a_server_that_is_restarted_between_two_calls_is_awaited(grid: Grid) -> None:
    """It has answered before, and the user has gone: a refused connection ended the rest of the batch."""
    grid.resource()
    first_call = grid.config.max_jobs_at_once
    jobs = [NewJob(FIELDS) for _ in range(first_call + 1)]
    outcomes = bulk_submit.submit(grid.user().client, CALLER, jobs)

    def start() -> None:
        time.sleep(1)
        grid.start()

    with ThreadPoolExecutor(1) as pool:
        before = list(itertools.islice(outcomes, first_call))
        grid.stop()
        started = pool.submit(start)
        try:
            after = list(outcomes)
        finally:
            started.result()

    assert len(after) == 1
    assert len({one.job_id for one in (*before, *after)}) == first_call + 1


def test_an_old_server_gets_one_job_after_the_other(client: Client, server: CannedServer) -> None:
    """Each with the call for one job, which every server has."""
    server.will_answer_call(LIST, lgi(""))
    server.will_answer_call(
        "interfaces/interface_submit_job", made(1), lgi("<error> <number> 33 </number> </error>")
    )

    first, second = bulk_submit.submit(client, CALLER, [NewJob(FIELDS), NewJob(FIELDS)])

    assert first.job_id == "1"
    assert second.refused is not None
    assert second.refused.number == 33
