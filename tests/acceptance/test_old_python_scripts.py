"""Scripts for LGI 1.31's Python class, one for each of its methods, against a real project server."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from lgi_protocol import xml
from tests.acceptance.test_commands import home  # noqa: F401 - a fixture
from tests.support.grid import Grid
from tests.support.pages import register

pytestmark = pytest.mark.slow

BEGIN = """
import sys
import LGI

def each(found):
    return found if isinstance(found, list) else [found]

Client = LGI.LGI_Client()
"""
FILES = BEGIN + "Files = LGI.LGI_Client(URL=sys.argv[1])\n"


def run(home: Path, script: str, *words: str) -> list[str]:  # noqa: F811
    """The lines that a script prints."""
    ran = subprocess.run(
        [sys.executable, "-c", script, *words],
        env={"HOME": str(home), "PATH": os.environ["PATH"]},
        cwd=home,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout.splitlines()


@pytest.fixture(params=[1, 3], ids=["one", "several"])
def number(request: pytest.FixtureRequest) -> int:
    """How many there are in a list."""
    made: int = request.param
    return made


def submitted(grid: Grid, number: int) -> Sequence[int]:
    """So many jobs, and a resource that offers their application."""
    grid.resource()
    return [grid.user().submit(input="6869") for _ in range(number)]


def test_the_answer_of_submit_job_is_the_job(grid: Grid, home: Path, number: int) -> None:  # noqa: F811
    """It is not in a list, so it has no attributes; its files have numbers."""
    grid.resource()
    names = [f"file{count}" for count in range(number - 1)]
    for name in names:
        (home / name).write_text(name)
    script = """
answer = Client.SubmitJob(Application="hello_world", Input="hi", FileList=sys.argv[1:])
job = answer["LGI"]["response"]["job"]
print(job["job_id"] + 0, job["state"], job["input"] == b"hi")
print(job["job_specifics"]["repository_url"])
for file in each(job["repository_content"]["file"]):
    print(file["attributes"]["number"], file["file"]["file_name"], file["file"]["size"])
"""

    first, url, *files = run(home, BEGIN + script, *names)

    (job,) = grid.rows("SELECT job_id, repository FROM job_queue")
    assert first == f"{job['job_id']} queued True"
    assert url.endswith(f"/{job['repository']}")
    assert [line.split()[0] for line in files] == [str(count + 1) for count in range(number)]
    assert {" ".join(line.split()[1:]) for line in files} >= {f"{name} 5" for name in names}


def test_the_answer_of_get_job_state_is_the_job(grid: Grid, home: Path, number: int) -> None:  # noqa: F811
    """It has the number 1, and its files have numbers."""
    grid.resource()
    paths = [home / f"file{count}" for count in range(number - 1)]
    for path in paths:
        path.write_text("12345")
    job_id = grid.user().submit(tuple(paths), input="6869")
    script = """
response = Client.GetJobState(sys.argv[1])["LGI"]["response"]
job = response["job"]
print(response["number_of_jobs"], job["attributes"], job["job"]["job_id"], job["job"]["input"])
for file in each(job["job"]["repository_content"]["file"]):
    print(file["attributes"]["number"], file["file"]["file_name"])
"""

    first, *files = run(home, BEGIN + script, str(job_id))

    assert first == f"1 {{'number': 1}} {job_id} b'hi'"
    assert {line.split()[1] for line in files} == {
        ".LGI_repository_write_access",
        *(path.name for path in paths),
    }


def test_the_answer_of_get_job_list_has_numbered_jobs(grid: Grid, home: Path, number: int) -> None:  # noqa: F811
    """One alone is no list, with its attributes all the same."""
    made = submitted(grid, number)
    script = """
response = Client.GetJobList(State="!finished")["LGI"]["response"]
print(response["number_of_jobs"])
for job in each(response["job"]):
    print(job["attributes"]["number"], job["job"]["job_id"], job["job"]["state"], job["job"]["owners"])
"""

    lines = run(home, BEGIN + script)

    expected = [f"{count} {job_id} queued mark@laptop, theor" for count, job_id in enumerate(made, 1)]
    assert lines == [str(number), *expected]


def test_the_answer_of_get_job_list_without_jobs_has_no_key_for_them(grid: Grid, home: Path) -> None:  # noqa: F811
    """Their number says so, and there is no such key."""
    grid.resource()
    script = """
response = Client.GetJobList()["LGI"]["response"]
print(response["number_of_jobs"], "job" in response)
"""

    assert run(home, BEGIN + script) == ["0 False"]


def test_the_answer_of_delete_job_is_the_job(grid: Grid, home: Path, number: int) -> None:  # noqa: F811
    """One after the other, each beside its number, 1."""
    made = submitted(grid, number)
    script = """
for job_id in sys.argv[1:]:
    job = Client.DeleteJob(job_id)["LGI"]["response"]["job"]
    print(job["attributes"]["number"], job["job"]["job_id"], job["job"]["state"])
"""

    lines = run(home, BEGIN + script, *map(str, made))

    assert lines == [f"1 {job_id} deleted" for job_id in made]


def test_an_error_is_returned_and_not_raised(grid: Grid, home: Path) -> None:  # noqa: F811
    """As LGI: a script finds the number at its place, without attributes."""
    grid.resource()
    script = 'print(Client.DeleteJob(999)["LGI"]["response"]["error"]["number"])'

    assert run(home, BEGIN + script) == ["15"]


def test_the_answer_of_get_resource_list_has_numbered_resources(grid: Grid, home: Path, number: int) -> None:  # noqa: F811
    """They are in the order of their registration; capabilities are dictionaries."""
    names = ["res1@cluster", "apollo@cluster", "hera@cluster"][:number]
    for name in names:
        grid.resource(name, "<hello_world> <cpus> 4 </cpus> </hello_world>")
    script = """
response = Client.GetResourceList()["LGI"]["response"]
print(response["number_of_resources"])
for one in each(response["resource"]):
    resource = one["resource"]
    print(one["attributes"]["number"], resource["resource_name"], resource["resource_capabilities"])
"""

    lines = run(home, BEGIN + script)

    expected = [f"{count} {name} {{'hello_world': {{'cpus': 4}}}}" for count, name in enumerate(names, 1)]
    assert lines == [str(number), *expected]


def test_the_answer_of_get_server_list_has_numbered_servers(grid: Grid, home: Path, number: int) -> None:  # noqa: F811
    """A slave is a text beside its attributes."""
    names = ["zeus", "apollo", "hera"][:number]
    for name in names:
        register(grid, f"LGI@{name}", 0, role=2)
    script = """
response = Client.GetServerList()["LGI"]["response"]
print(response["number_of_slave_servers"], response["project_master_server"])
for one in each(response["project_server"]):
    print(one["attributes"]["number"], one["project_server"])
"""

    lines = run(home, BEGIN + script)

    expected = [f"{count} https://{name}/LGI" for count, name in enumerate(names, 1)]
    assert lines == [f"{number} {grid.url}", *expected]


def test_the_answer_of_list_repository_has_numbered_files(grid: Grid, home: Path, number: int) -> None:  # noqa: F811
    """The address is that of the job's repository; the access file is listed too."""
    grid.resource()
    paths = [home / f"file{count}" for count in range(number - 1)]
    for path in paths:
        path.write_text("12345")
    user = grid.user()
    details = user.post("interface_job_state", job_id=str(user.submit(tuple(paths))))
    url = xml.value(details.all("job")[0], "job_specifics", "repository_url")
    script = """
content = Files.ListRepository()["repository_content"]
print(content["number_of_files"], content["repository_name"])
for file in each(content["file"]):
    print(file["attributes"]["number"], file["file"]["file_name"], file["file"]["size"])
"""

    first, *files = run(home, FILES + script, url)

    assert first == f"{number} {url.rpartition('/')[2]}"
    assert [line.split()[0] for line in files] == [str(count + 1) for count in range(number)]


@pytest.mark.parametrize("spelling", ["{}load", "{}Load"])
def test_files_go_up_and_down_in_either_spelling(
    grid: Grid,
    home: Path,  # noqa: F811
    number: int,
    spelling: str,
) -> None:
    """``UploadFiles`` and ``UpLoadFiles``, ``DownloadFiles`` and ``DownLoadFiles``, and ``DeleteFiles``."""
    grid.resource()
    user = grid.user()
    details = user.post("interface_job_state", job_id=str(user.submit()))
    url = xml.value(details.all("job")[0], "job_specifics", "repository_url")
    names = [f"file{count}" for count in range(number)]
    for name in names:
        (home / name).write_text(name)
    (home / "there").mkdir()
    script = f"""
names = sys.argv[2:]
Files.{spelling.format("Up")}Files(names)
Files.{spelling.format("Down")}Files(names, "there")
before = Files.ListRepository()["repository_content"]["number_of_files"]
Files.DeleteFiles(names)
print(before, Files.ListRepository()["repository_content"]["number_of_files"])
"""

    assert run(home, FILES + script, url, *names) == [f"{number + 1} 1"]
    assert [(home / "there" / name).read_text() for name in names] == names
