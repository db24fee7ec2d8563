"""A database that is lost while it commits: whether it did is not known."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from lgi_protocol.errors import ErrorNumber
from tests.support.grid import Grid, running, wait_for
from tests.support.lost_commits import LostCommits
from tests.support.mariadb import PrivateMariaDB


@pytest.fixture
def commits(private_mariadb: PrivateMariaDB, tmp_path: Path) -> Iterator[LostCommits]:
    """The way to the database."""
    with closing(LostCommits(tmp_path / "socket", Path(private_mariadb.socket))) as made:
        yield made


@pytest.fixture
def grid(commits: LostCommits, private_mariadb: PrivateMariaDB, tmp_path: Path) -> Iterator[Grid]:
    """A server whose database is reached by that way."""
    address = private_mariadb.create_database("lost_commits")
    address = address.replace(str(private_mariadb.socket), str(tmp_path / "socket"))
    with running(Grid(address, settings={"workers": "1"})) as made:
        made.resource()
        yield made


@pytest.mark.parametrize("call", ["interface_submit_job", "interface_submit_jobs"])
def test_a_submit_that_can_be_repeated_is_told_to_come_back(
    grid: Grid, commits: LostCommits, call: str
) -> None:
    """With a request id the same request is answered with the first one's job, so that there is one."""
    job = {"application": "hello_world", "target_resources": "any", "request_id": "x" * 32}
    fields = job if call.endswith("job") else {"jobs": f"[{job}]".replace("'", '"')}

    commits.number = 1
    refusal = grid.user().refusal(call, **fields)
    again = grid.user().refusal(call, **fields)

    assert (commits.lost, refusal, again) == (1, ErrorNumber.BACK_OFF, 0)
    assert len(grid.rows("SELECT job_id FROM job_queue")) == 1


def test_a_submit_that_would_make_a_second_job_is_told_of_the_database(
    grid: Grid, commits: LostCommits
) -> None:
    """Programs of LGI 1.31 have no request ids; their users look whether the job is there."""
    commits.number = 1

    refusal = grid.user().refusal("interface_submit_job", application="hello_world", target_resources="any")

    assert (commits.lost, refusal) == (1, ErrorNumber.DATABASE)
    # The database may still be at it.
    wait_for(lambda: len(grid.rows("SELECT job_id FROM job_queue")) == 1)
