"""The readers of a job's files: those who may read the job, and the resources that need the files."""

from collections.abc import Iterator

import pytest

from tests.server.test_repository import ask, listing, new_repository
from tests.support.grid import Grid, UserCalls, running
from tests.support.mariadb import PrivateMariaDB
from tests.support.running_jobs import take

FILE = b"0123456789"


@pytest.fixture(params=["sqlite", "mariadb"])
def open_grid(request: pytest.FixtureRequest) -> Iterator[Grid]:
    """A server on which the address of a repository is all that its readers need."""
    database = ""
    if request.param == "mariadb":
        mariadb: PrivateMariaDB = request.getfixturevalue("private_mariadb")
        database = mariadb.create_database("open_repositories")
    with running(Grid(database, {"open_repositories": "true"})) as made:
        yield made


def repository(grid: Grid, **fields: str) -> str:
    """The address of a new job's repository with a file in it."""
    url, directory = new_repository(grid, **fields)
    (directory / "file").write_bytes(FILE)
    return url


def resource(grid: Grid, name: str) -> UserCalls:
    """The holder of a resource's certificate, registered or not."""
    return UserCalls(grid.client(grid.people.resource(name)), name, "")


def reads(grid: Grid, who: UserCalls, url: str) -> bool:
    """Whether the caller gets the file and sees it in the list; never one without the other."""
    got = ask(who, "GET", f"{url}/file")
    seen = "<file_name> file </file_name>" in listing(who, grid, url[-36:])
    assert seen == (got.content == FILE)
    return seen


def test_the_address_alone_gives_nothing_to_read(grid: Grid) -> None:
    """Neither to another user nor to a resource without a job of a reader: as if there were no repository."""
    url = repository(grid, target_resources="res1@cluster")
    grid.resource("res2@cluster")
    unknown = f"{grid.url}/repository/000/JOB_{'0' * 32}"
    strangers = [
        grid.user("eve@desk", ("chem",)),
        *(resource(grid, name) for name in ("res2@cluster", "unregistered@cluster")),
    ]

    for stranger in strangers:
        assert not reads(grid, stranger, url)
        refused, missing = (ask(stranger, "GET", f"{place}/file") for place in (url, unknown))
        assert (refused.status_code, refused.text) == (missing.status_code, missing.text)
        assert ask(stranger, "GET", f"{url}/file", Range="bytes=2-4").status_code == 404
        assert ask(stranger, "HEAD", f"{url}/file").status_code == 404


def test_readers_of_a_job_read_its_files(grid: Grid) -> None:
    """The user, those in read_access, a group of the certificate, and administrators; no group is posted."""
    url = repository(grid, read_access="chem, gina@desk")

    assert reads(grid, grid.user(), url)
    assert reads(grid, grid.user("gina@desk", ("phys",)), url)
    assert reads(grid, grid.user("frank@desk", ("chem",)), url)
    assert reads(grid, grid.user("boss@desk", ("admin",)), url)
    assert not reads(grid, grid.user("eve@desk", ("phys",)), url)


def test_files_of_a_job_for_anybody_are_for_anybody(grid: Grid) -> None:
    """``any`` in read_access, as everywhere."""
    assert reads(grid, grid.user("eve@desk", ("phys",)), repository(grid, read_access="any"))


def test_a_certificate_for_any_group_reads_what_its_calls_may_read(grid: Grid) -> None:
    """It may post the name of any group but the administrators', and a GET posts none (ruling 1)."""
    holder = grid.user("hans@desk", ("any",))
    url = repository(grid, read_access="chem")
    of_administrators = repository(grid)
    grid.run("UPDATE job_queue SET read_access = 'admin' WHERE repository = %s", of_administrators[-36:])

    assert reads(grid, holder, url)
    assert not reads(grid, holder, of_administrators)


def test_a_resource_reads_the_files_of_its_jobs(grid: Grid) -> None:
    """Scripts of LGI 1.31 do so with the resource's certificate, also after the end of the job."""
    url = repository(grid, target_resources="res1@cluster")

    assert reads(grid, resource(grid, "res1@cluster"), url)


def test_a_resource_reads_what_the_owner_of_a_job_on_it_may_read(grid: Grid) -> None:
    """``restart_repository_url`` of LGI 1.31's scripts, for as long as the job that asks for it runs."""
    older = repository(grid, target_resources="res1@cluster")
    of_others = new_repository_of_eve(grid)
    second = grid.resource("res2@cluster")
    job_id = grid.user().submit(target_resources="res2@cluster")
    calls = resource(grid, "res2@cluster")

    assert not reads(grid, calls, older)
    taken = take(grid, second)
    assert taken == str(job_id)
    assert reads(grid, calls, older)
    assert not reads(grid, calls, of_others)

    second.lock(taken)
    second.update(taken, state="finished")
    assert not reads(grid, calls, older)


def test_a_repository_is_hidden_from_a_writer_as_from_a_reader(grid: Grid) -> None:
    """404 for each method, as for one that is not there; 403 says to a reader that it may not be changed."""
    grid.resource("res1@cluster")
    of_others, own = new_repository_of_eve(grid), repository(grid, target_resources="res1@cluster")
    grid.run("UPDATE job_queue SET write_access = 'admin' WHERE repository = %s", own[-36:])
    unknown = f"{grid.url}/repository/000/JOB_{'0' * 32}"
    grid.run("UPDATE job_queue SET write_access = 'admin, eve@desk' WHERE repository = %s", of_others[-36:])

    answers = [
        [ask(grid.user(), method, f"{url}/file", b"x") for method in ("GET", "PUT", "DELETE")]
        for url in (of_others, unknown, own)
    ]

    statuses = [[one.status_code for one in some] for some in answers]
    assert statuses == [[404] * 3, [404] * 3, [200, 403, 403]]
    assert [one.text for one in answers[0]] == [one.text for one in answers[1]]


def new_repository_of_eve(grid: Grid) -> str:
    """A repository with a file that mark@laptop may not read."""
    url = repository(grid, target_resources="res1@cluster")
    grid.run("UPDATE job_queue SET read_access = 'admin, eve@desk' WHERE repository = %s", url[-36:])
    return url


@pytest.mark.slow
def test_a_server_with_open_repositories_asks_for_the_address_only(open_grid: Grid) -> None:
    """# As LGI: any user and any resource of the project, registered or not; they may not write."""
    url = repository(open_grid, target_resources="res1@cluster")

    for reader in (open_grid.user("frank@desk", ("chem",)), resource(open_grid, "other@cluster")):
        assert reads(open_grid, reader, url)
        assert ask(reader, "GET", f"{url}/file", Range="bytes=2-4").content == b"234"
        assert ask(reader, "PUT", f"{url}/file", b"x").status_code == 403
