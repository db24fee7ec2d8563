"""Files in the reports of exchanges: short streams of jobs, which are stored in the jobs' repositories."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from lgi_protocol import exchange_text, job_repository
from lgi_protocol.errors import ErrorNumber
from lgi_protocol.exchange import WITH_FILES, Exchange, GivenJob, JobAnswer
from lgi_protocol.file_properties import FileProperties
from lgi_protocol.job_repository import SmallFile
from tests.support.exchanges import ExchangingDaemon, daemon, end_of
from tests.support.grid import Grid, wait_for

LOG = SmallFile("joblog.txt", b"hello\n", FileProperties(1_700_000_000_500_000_000))
ERRORS = SmallFile("joberr.txt", b"", FileProperties())


def given_job(grid: Grid) -> tuple[int, ExchangingDaemon, GivenJob]:
    """A running job, and the daemon that has it."""
    one = daemon(grid)
    job_id = grid.user().submit()
    (given,) = one.want()
    return job_id, one, given


def repository(grid: Grid, job_id: int) -> Path:
    """The directory of a job's repository."""
    (row,) = grid.rows("SELECT repository FROM job_queue WHERE job_id = %s", job_id)
    (place,) = grid.config.repository.glob(f"*/{row['repository']}")
    return place


def stored(grid: Grid, job_id: int) -> Mapping[str, bytes]:
    """The files of a job's repository without LGI's own."""
    files = {one.name: one.read_bytes() for one in repository(grid, job_id).iterdir() if one.is_file()}
    return {name: data for name, data in files.items() if job_repository.is_of_user(name)}


def pending(grid: Grid) -> list[str]:
    """The files that are in no repository yet."""
    return [one.name for one in (grid.config.repository / ".incoming").iterdir()]


def error_of(answer: JobAnswer) -> int | None:
    """The number of the error about a report."""
    return answer.error.number if answer.error else None


def test_files_of_a_report_are_stored_in_the_repository_of_its_job(grid: Grid) -> None:
    """With their times, before the job ends; posted again they are answered again."""
    job_id, one, given = given_job(grid)
    report = end_of(given, b"out", files=(LOG, ERRORS))

    (first,) = one.report(report).reports
    (again,) = one.report(report).reports

    assert (first.error, first.state, first.files) == (None, "finished", 2)
    assert again == first
    assert stored(grid, job_id) == {"joblog.txt": b"hello\n", "joberr.txt": b""}
    assert (repository(grid, job_id) / "joblog.txt").stat().st_mtime == 1_700_000_000.5
    assert pending(grid) == []


def test_many_files_of_several_reports_are_stored_together(grid: Grid) -> None:
    """Each in the repository of its job, also those of a job whose report has no contents."""
    first_id, one, given = given_job(grid)
    second_id = grid.user().submit()
    (other,) = one.want()
    files = tuple(SmallFile(f"part{at}", b"%d" % at, FileProperties()) for at in range(20))

    answers = one.report(end_of(given, files=files), end_of(other, files=(ERRORS,))).reports

    assert [(answer.error, answer.files) for answer in answers] == [(None, 20), (None, 1)]
    assert stored(grid, first_id) == {file.name: file.data for file in files}
    assert stored(grid, second_id) == {"joberr.txt": b""}
    assert pending(grid) == []


def test_a_sign_up_says_that_reports_may_have_files(grid: Grid) -> None:
    """A report without files is answered as ever."""
    _job_id, one, given = given_job(grid)

    assert one.calls.sign_up().exchange == WITH_FILES
    content = one.calls.client.post(
        "resources/resource_exchange",
        {"project": "LGI", "daemon": "1", "exchange": _text(given)},
    ).content
    assert "<files>" not in content


def _text(given: GivenJob) -> str:
    return exchange_text.write(Exchange(reports=(end_of(given),)))


@pytest.mark.parametrize(
    "name", ["../outside", "/etc/passwd", ".LGI_repository_write_access", "a\rb", "", "..", "\ud800"]
)
def test_a_name_that_no_file_may_have_refuses_the_report(grid: Grid, name: str) -> None:
    """That report alone, with all of its files; its job still runs, and the others end."""
    job_id, one, given = given_job(grid)
    other_id = grid.user().submit()
    (other,) = one.want()

    bad, good = one.report(
        end_of(given, files=(LOG, replace(ERRORS, name=name))), end_of(other, files=(LOG,))
    ).reports

    assert (error_of(bad), error_of(good), good.files) == (ErrorNumber.UPLOAD, None, 1)
    assert grid.user().state(job_id) == "running"
    assert (stored(grid, job_id), stored(grid, other_id)) == ({}, {"joblog.txt": b"hello\n"})
    assert pending(grid) == []


def test_a_list_that_does_not_fit_the_contents_refuses_the_report(grid: Grid) -> None:
    """As in many files in one request."""
    job_id, one, given = given_job(grid)
    text = _text(given).replace("</report>", '<files> [{"name": "a", "size": 9}] </files> </report>')
    fields = {"project": "LGI", "daemon": "1", "exchange": text}

    content = one.calls.client.post("resources/resource_exchange", fields).content

    assert f"<error_number> {int(ErrorNumber.UPLOAD)} </error_number>" in content
    assert (grid.user().state(job_id), stored(grid, job_id)) == ("running", {})


def test_files_of_a_job_that_another_daemon_has_are_not_stored(grid: Grid) -> None:
    """Neither under a reference that is not the job's, nor by a resource that is none of its targets."""
    job_id, one, given = given_job(grid)
    other = daemon(grid, "res2@cluster", number="daemon-2")
    report = end_of(given, files=(LOG,))

    (wrong,) = one.report(replace(report, daemon_reference="F" * 32)).reports
    (foreign,) = other.report(report).reports

    assert (error_of(wrong), error_of(foreign)) == (ErrorNumber.NOT_YOUR_LOCK, ErrorNumber.NOT_VISIBLE)
    assert (wrong.files, foreign.files, stored(grid, job_id)) == (0, 0, {})


def test_a_full_repository_refuses_the_report(grid: Grid) -> None:
    """The daemon stores the files by a request of their own, which finds out why that fails."""
    job_id, one, given = given_job(grid)
    (row,) = grid.rows("SELECT repository FROM job_queue WHERE job_id = %s", job_id)
    (place,) = grid.config.repository.glob(f"*/{row['repository']}")
    (place / "joblog.txt").mkdir()

    (answer,) = one.report(end_of(given, files=(LOG,))).reports

    assert error_of(answer) == ErrorNumber.UPLOAD
    assert grid.user().state(job_id) == "running"
    wait_for(lambda: pending(grid) == [])


def test_a_link_in_place_of_a_file_is_replaced(grid: Grid) -> None:
    """What it names is not written to."""
    job_id, one, given = given_job(grid)
    (row,) = grid.rows("SELECT repository FROM job_queue WHERE job_id = %s", job_id)
    (place,) = grid.config.repository.glob(f"*/{row['repository']}")
    target = grid.config.repository / "target"
    target.write_text("old")
    (place / "joblog.txt").symlink_to(target)

    (answer,) = one.report(end_of(given, files=(LOG,))).reports

    assert (answer.error, target.read_text()) == (None, "old")
    assert stored(grid, job_id) == {"joblog.txt": b"hello\n"}
    target.unlink()
