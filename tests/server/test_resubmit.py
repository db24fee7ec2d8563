"""interface_resubmit_jobs: new jobs like others that have ended, with their files (wire.md 7, ours)."""

from pathlib import Path

import pytest

from lgi_protocol import xml
from lgi_protocol.reply import Reply
from lgi_server.storage.repository import ACCESS_FILE, STREAMS
from tests.support.grid import Grid

CALL = "interface_resubmit_jobs"


def submitted(grid: Grid, tmp_path: Path, **fields: str) -> int:
    """A job with two files, which has failed and left its output."""
    files = [tmp_path / name for name in ("a.txt", ".b")]
    for path in files:
        path.write_text(path.name)
    posted = {"application": "hello_world", "target_resources": "any"} | fields
    job_id = grid.user().post("interface_submit_job", files, **posted).number("job", "job_id")
    for name in STREAMS:
        (directory_of(grid, job_id) / name).write_text("output")
    grid.set_job(job_id, state="finished", exit_code=4, target_resources="res1@cluster")
    return job_id


def directory_of(grid: Grid, job_id: int) -> Path:
    """The repository of a job."""
    (row,) = grid.rows(f"SELECT repository FROM job_queue WHERE job_id = {job_id}")
    name = str(row["repository"])
    return grid.config.repository / name[-3:] / name


def files_of(grid: Grid, job_id: int) -> dict[str, str]:
    """The files of a job, without that of the server."""
    found = {path.name: path.read_text() for path in directory_of(grid, job_id).iterdir()}
    found.pop(ACCESS_FILE)
    return found


def numbers(reply: Reply) -> list[tuple[int, int]]:
    """The numbers of old and new jobs, or the number of the error."""
    return [
        (
            int(xml.value(job, "resubmitted_from")),
            int(xml.value(job, "job_id") or xml.value(job, "error", "number")),
        )
        for job in reply.all("job")
    ]


def test_a_job_is_submitted_again_with_all_that_its_user_gave(grid: Grid, tmp_path: Path) -> None:
    """Files, input, specifics, targets of the submit, rights, name and labels; the label says from which."""
    grid.resource()
    old = submitted(
        grid,
        tmp_path,
        input="4142",
        job_specifics="<a> 1 </a>",
        read_access="eve",
        job_name="sweep",
        labels="T=300",
    )

    ((source, new),) = numbers(grid.user().post(CALL, job_ids=str(old)))

    columns = "application, input, job_specifics, read_access, write_access, owners, job_name"
    before, after = (
        grid.rows(f"SELECT {columns} FROM job_queue WHERE job_id = {job_id}") for job_id in (old, new)
    )
    assert source == old != new
    assert after == before
    (rest,) = grid.rows(f"SELECT state, exit_code, labels FROM job_queue WHERE job_id = {new}")
    assert rest == {"state": "queued", "exit_code": None, "labels": f"T=300\nresubmitted_from={old}"}
    assert files_of(grid, new) == {"a.txt": "a.txt", ".b": ".b"}
    listed = grid.user().post("interface_job_state", labels=f"resubmitted_from={old}")
    assert [int(xml.value(job, "job_id")) for job in listed.all("job")] == [new]


def test_a_new_job_keeps_what_decides_when_it_is_given_out(grid: Grid, tmp_path: Path) -> None:
    """Priority, deadline and retries, also of a call that is repeated."""
    grid.resource()
    old = submitted(grid, tmp_path, priority="7", deadline="4000000000", retries="2", backoff="9")

    once, again = (numbers(grid.user().post(CALL, job_ids=str(old), request_id="r")) for _ in range(2))

    ((_, new),) = once
    (found,) = grid.rows(f"SELECT user_priority, deadline, retries FROM job_queue WHERE job_id = {new}")
    assert again == once
    assert tuple(found.values()) == (7, 4000000000, 2)


def test_the_files_of_the_new_job_are_its_own(grid: Grid, tmp_path: Path) -> None:
    """What happens to them, or to those of the old job, changes nothing of the other's."""
    grid.resource()
    user = grid.user()
    old = submitted(grid, tmp_path)
    ((_, new),) = numbers(user.post(CALL, job_ids=str(old)))

    user.post("interface_delete_job", job_id=str(old))

    assert files_of(grid, new) == {"a.txt": "a.txt", ".b": ".b"}


def test_each_of_many_jobs_is_judged_by_itself(grid: Grid, tmp_path: Path) -> None:
    """One that has not ended, is not there, may not be read or has lost its files is refused alone."""
    grid.resource()
    user = grid.user()
    good, lost, queued = submitted(grid, tmp_path), submitted(grid, tmp_path), user.submit()
    others = grid.user("other@laptop", ("x",)).submit()
    directory_of(grid, lost).rename(tmp_path / "gone")

    found = dict(numbers(user.post(CALL, job_ids=f"{good}-{others}, 999")))

    assert found.pop(good) > others
    assert found == {lost: 68, queued: 25, others: 34, 999: 15}
    assert len(grid.rows("SELECT job_id FROM job_queue")) == 5


def test_a_job_of_another_user_gives_nobody_rights(grid: Grid, tmp_path: Path) -> None:
    """Who may read a job may submit one like it, which is one's own."""
    grid.resource()
    old = submitted(grid, tmp_path, read_access="other@laptop, eve", write_access="eve")

    ((_, new),) = numbers(grid.user("other@laptop", ("x",)).post(CALL, job_ids=str(old)))

    (row,) = grid.rows(f"SELECT owners, read_access, write_access FROM job_queue WHERE job_id = {new}")
    assert row == {
        "owners": "other@laptop, x",
        "read_access": "admin, other@laptop",
        "write_access": "admin, other@laptop",
    }


def test_a_repeated_call_makes_no_second_jobs(grid: Grid, tmp_path: Path) -> None:
    """With the same request_id; without one each call makes new jobs."""
    grid.resource()
    user = grid.user()
    jobs = f"{submitted(grid, tmp_path)}-{submitted(grid, tmp_path)}"

    first, again = (numbers(user.post(CALL, job_ids=jobs, request_id="r1")) for _ in range(2))
    other = numbers(user.post(CALL, job_ids=jobs))

    assert first == again
    assert not {new for _, new in other} & {new for _, new in first}


def test_a_job_made_twice_from_others_names_the_last_one(grid: Grid, tmp_path: Path) -> None:
    """It has one label for it, also if it has as many labels of its own as it may have."""
    grid.resource()
    user = grid.user()
    old = submitted(grid, tmp_path, labels="\n".join(f"k{number:02}={'x' * 100}" for number in range(16)))
    ((_, second),) = numbers(user.post(CALL, job_ids=str(old)))
    grid.set_job(second, state="aborted")

    ((_, third),) = numbers(user.post(CALL, job_ids=str(second)))

    (row,) = grid.rows(f"SELECT labels FROM job_queue WHERE job_id = {third}")
    labels = str(row["labels"]).split("\n")
    assert len(labels) == 17
    assert [label for label in labels if "resubmitted" in label] == [f"resubmitted_from={second}"]


@pytest.mark.parametrize(("jobs", "number"), [("", 19), ("x", 19), ("1-9999", 65), ("7-3", 19)])
def test_a_call_without_numbers_that_can_be_read_is_refused(grid: Grid, jobs: str, number: int) -> None:
    """As a whole, and so is one for more jobs than the server takes at once."""
    assert grid.user().refusal(CALL, job_ids=jobs) == number


def test_a_link_in_a_repository_is_not_followed(grid: Grid, tmp_path: Path) -> None:
    """Only an administrator can have made one; the new job does not get what it leads to."""
    grid.resource()
    old = submitted(grid, tmp_path)
    (directory_of(grid, old) / "link").symlink_to("/etc/hostname")

    ((_, new),) = numbers(grid.user().post(CALL, job_ids=str(old)))

    assert sorted(files_of(grid, new)) == [".b", "a.txt"]
