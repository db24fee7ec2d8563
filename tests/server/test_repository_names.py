"""How repositories are named and found, and who may read and write with what they know."""

import re

import pytest

from tests.server.test_repository import ACCESS, ask, new_repository
from tests.support.grid import SERVER_NAME, Grid

pytestmark = pytest.mark.one_database


def test_every_job_has_a_repository_with_a_name_of_its_own(grid: Grid) -> None:
    """JOB_ and 32 lowercase hexadecimal digits, below a directory of the last three; no two alike."""
    places = [new_repository(grid) for _ in range(20)]

    for url, directory in places:
        fan, name = url.split("/")[-2:]
        assert re.fullmatch(r"JOB_[0-9a-f]{32}", name)
        assert url == f"{grid.url}/repository/{name[-3:]}/{name}"
        assert directory == grid.config.repository / fan / name
        assert directory.is_dir()
    for position in range(4, 36):
        assert len({directory.name[position] for _, directory in places}) > 1


def test_the_answer_says_where_a_repository_is_twice(grid: Grid) -> None:
    """<repository> server:path for scp, <repository_url> for HTTPS."""
    grid.resource()
    reply = grid.user().post("interface_submit_job", application="hello_world", target_resources="any")
    url = reply.value("job", "job_specifics", "repository_url")

    place = reply.value("job", "job_specifics", "repository")

    assert place == f"{SERVER_NAME}:{grid.config.repository / url[-40:-37] / url[-36:]}"


def test_a_repository_is_not_found_without_its_whole_name(grid: Grid) -> None:
    """No directory is listed, not even one's own; neither another branch nor half a name leads there."""
    url, directory = new_repository(grid)
    (directory / "file").write_text("x")
    user, base = grid.user(), f"{grid.url}/repository"
    fan, name = directory.parent.name, directory.name
    other = "000" if fan != "000" else "001"
    addresses = [
        *(base, f"{base}/", f"{base}/{fan}", f"{base}/{fan}/", url, f"{url}/", f"{url}/."),
        *(
            f"{base}/{other}/{name}/file",
            f"{base}/{fan}/{name[:-1]}/file",
            f"{base}/{fan}/{name.upper()}/file",
        ),
        *(f"{base}/.incoming", f"{base}/.incoming/", f"{base}/{fan}/../{fan}/{name}x/file"),
    ]

    answers = [ask(user, "GET", address) for address in addresses]

    assert [answer.status_code for answer in answers] == [404] * len(addresses)
    assert not any(name in answer.text for answer in answers)
    assert ask(user, "GET", f"{url}/file").content == b"x"


@pytest.mark.parametrize("name", ["mark", "laptop", "mark@lapto", "ark@laptop", "MARK@laptop", "m.rk@laptop"])
def test_a_name_that_only_looks_alike_writes_nothing(grid: Grid, name: str) -> None:
    """The access file is a list of names: each is compared whole."""
    url, directory = new_repository(grid)

    assert ask(grid.user(name, ("dmin", "adm")), "PUT", f"{url}/file", b"x").status_code == 404
    assert (directory / ACCESS).read_text() == "admin, mark@laptop"


def test_a_range_beyond_the_end_is_refused(grid: Grid) -> None:
    """416; counted from the end a range is always there."""
    url, directory = new_repository(grid)
    (directory / "file").write_bytes(b"0123456789")
    user = grid.user()

    assert ask(user, "GET", f"{url}/file", Range="bytes=10-").status_code == 416
    assert ask(user, "GET", f"{url}/file", Range="bytes=-3").content == b"789"
