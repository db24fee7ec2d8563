"""The functions of Leruli's Python package, against a project server."""

import hashlib
import os
from pathlib import Path

import pytest

from lgi_protocol.resource_api import ResourceCalls
from lgi_tools.certificates import user_directory
from lgi_tools.client.project import Project
from lgi_tools.compat import leruli
from tests.support.grid import PROJECT, Grid

OFFERED = "<command> &lt;images&gt; psi4:1.5, group/crest:2.11.2 &lt;/images&gt; </command>"
CODE = ("psi4", "1.5")


@pytest.fixture
def resource(grid: Grid, home: Path) -> ResourceCalls:
    """The one resource of a project, of which we are a user."""
    for file in (home / ".LGI").iterdir():
        file.unlink()
    (home / ".LGI").rmdir()
    issued = grid.people.user("mark@laptop", ("theor",))
    ca = grid.people.authority.ca_file
    who = {"user": "mark@laptop", "groups": ("theor",), "server": grid.url, "project": PROJECT}
    user_directory.write(home / ".LGI", issued, ca, **who)
    return grid.resource("res1@cluster", OFFERED)


def folder(name: str) -> Path:
    """A folder with a file."""
    made = Path(name)
    made.mkdir()
    (made / "input.dat").write_text(name)
    return made


def finish(resource: ResourceCalls, output: bytes, code: int) -> None:
    """The resource does all jobs there are."""
    for job in resource.request_work("command", 0, 10).jobs:
        resource.update(job.job_id, state="running")
        resource.update(job.job_id, state="finished", output=output, exit_code=code)
        resource.unlock(job.job_id)


def test_a_task_goes_from_its_folder_to_the_server_and_back(resource: ResourceCalls) -> None:
    """Submit, status, get, prune: what was asked for is asked of the resource, what it said comes back."""
    place = folder("water")

    jobid = leruli.task_submit(
        place, *CODE, "psi4 input.dat | tee log", cores=2, memorymb=500, timeseconds=60
    )
    early = leruli.task_status(jobid)
    with Project() as project:
        job = project.job(jobid)
        project.files(job).upload(place / "input.dat", "made.txt")
    finish(resource, b"hello\n[LGI: exit code 3]\n", 3)
    late = leruli.task_status(str(jobid))
    got = leruli.task_get(str(place))
    elsewhere = leruli.task_get("elsewhere", job.repository_url)
    leruli.task_prune(job.repository_url)

    assert job.input == b"#!/bin/sh\npsi4 input.dat | tee log\n"
    wanted = "<image> psi4:1.5 </image> <cpus> 2 </cpus> <memory> 500 </memory> <walltime> 60 </walltime>"
    assert job.specifics.startswith(wanted)
    assert (early, late) == (
        {"status": "submitted", "reason": ""},
        {"status": "completed", "reason": "exit code 3"},
    )
    assert (sorted(got), (place / "joblog.txt").read_text()) == (
        ["joberr.txt", "joblog.txt", "made.txt"],
        "hello\n",
    )
    assert (sorted(elsewhere), Path("elsewhere/made.txt").read_text()) == (["input.dat", "made.txt"], "water")
    with pytest.raises(ValueError, match="there is no job"):
        leruli.task_status(jobid)


def test_the_failures_among_many_folders_are_reported(grid: Grid, resource: ResourceCalls) -> None:
    """Each folder has its own code and command; those that went through are not spoken of."""
    good = [str(folder(f"good{number}")) for number in range(3)]
    (folder("bad") / "run.sh").touch()
    places = [*good, "bad", "nowhere"]
    several = [CODE[0]] * 5, [CODE[1]] * 5, [f"do {name}" for name in places], [1] * 5, [100] * 5, [60] * 5

    failed = leruli.task_submit_many(places, *several)
    again = leruli.task_submit_many(good[:1], *(values[:1] for values in several))  # type: ignore[arg-type]

    assert sorted(failed) == ["bad", "nowhere"]
    assert "'run.sh' cannot be sent" in failed["bad"]
    assert "submitted before" in again["good0"]
    inputs = sorted(bytes(row["input"]) for row in grid.rows("SELECT input FROM job_queue"))  # type: ignore[arg-type]
    assert inputs == [f"#!/bin/sh\ndo good{number}\n".encode() for number in range(3)]


def test_a_task_is_cancelled(grid: Grid, resource: ResourceCalls) -> None:
    """A queued task is removed; a running one is aborted, and cannot be pruned yet; an ended one stays."""
    queued, running = (leruli.task_submit(folder(name), *CODE, "x") for name in ("one", "two"))
    gone = leruli.task_cancel(queued)
    grid.set_job(running, state="running")
    with Project() as project:
        bucket = project.job(running).repository_url

    with pytest.raises(ValueError, match="is running: only what has ended"):
        leruli.task_prune(bucket)
    assert (gone, leruli.task_cancel(running)) == ({"status": "cancelled"}, {"status": "being cancelled"})
    assert leruli.task_status(running) == {"status": "running", "reason": "it is being cancelled"}
    grid.set_job(running, state="aborted")
    assert leruli.task_status(running) == {"status": "completed", "reason": "cancelled"}
    with pytest.raises(ValueError, match="has ended"):
        leruli.task_cancel(running)


@pytest.mark.usefixtures("resource")
def test_codes_are_listed_and_mistakes_are_raised() -> None:
    """A code is listed with its version; what cannot be is said as ValueError."""
    assert leruli.task_list_codes() == [("group/crest", "2.11.2"), ("psi4", "1.5")]
    with pytest.raises(ValueError, match="is not a container image"):
        leruli.task_submit(".", "a b", "1", "x")
    with pytest.raises(ValueError, match="it was not submitted"):
        leruli.task_get(folder("new"))
    (Path("new") / "LGI_task.json").write_text("{")
    with pytest.raises(ValueError, match="damaged"):
        leruli.task_get("new", "https://x/LGI/repository/000/JOB_0")
    with pytest.raises(ValueError, match="no job of yours has the bucket"):
        leruli.task_prune("https://x/LGI/repository/000/JOB_0")


# What podman and docker do with the words that export an image, of psi4:1.5 only.
ENGINE = """
echo "$@" >> "${0%/*}/calls"
case "$*" in
    "create --pull never psi4:1.5 true") echo 0123abc ;;
    "export --output "*" 0123abc") printf tar > "$3" ;;
    "rm 0123abc") ;;
    *) echo "Error: $4: image not known" >&2; exit 125 ;;
esac
"""


def test_a_code_is_published_from_the_engine_of_this_machine(
    grid: Grid, resource: ResourceCalls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or from a file, to each resource that takes images; what cannot be published is said as ValueError."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ValueError, match="no resource takes images"):
        leruli.task_publish_code(*CODE)
    grid.resource("res2@box", "<image_store> takes images </image_store>")
    with pytest.raises(ValueError, match="neither podman nor docker is installed"):
        leruli.task_publish_code(*CODE)
    (tmp_path / "podman").write_text(f"#!/bin/sh\nPATH={os.defpath}\n" + ENGINE)
    (tmp_path / "podman").chmod(0o755)
    Path("psi4.sif").write_text("SIF")

    sent = leruli.task_publish_code(*CODE) | leruli.task_publish_code("psi4", "2", "psi4.sif")

    jobs = grid.rows("SELECT job_id, job_specifics FROM job_queue ORDER BY job_id")
    digests = [hashlib.sha256(data).hexdigest() for data in (b"tar", b"SIF")]
    assert sent == {"res2@box": jobs[1]["job_id"]}
    assert f"<publish> psi4:1.5@sha256:{digests[0]} </publish>" in str(jobs[0]["job_specifics"])
    assert f"<publish> psi4:2@sha256:{digests[1]} </publish>" in str(jobs[1]["job_specifics"])
    assert (tmp_path / "calls").read_text().splitlines()[-1] == "rm 0123abc"
    with pytest.raises(ValueError, match="no image psi4:3 here: podman create: Error: psi4:3: image not"):
        leruli.task_publish_code("psi4", "3")
    for code, version in (("--rm", "1"), ("psi4", f"1@sha256:{'a' * 64}")):
        with pytest.raises(ValueError, match="is not the name of an image"):
            leruli.task_publish_code(code, version)
