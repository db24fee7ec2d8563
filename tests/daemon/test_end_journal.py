"""The journal of the ends that servers have, which a restored server is told again."""

from dataclasses import replace
from pathlib import Path

import pytest

from lgi_daemon.rundir import end_journal
from lgi_daemon.rundir.end_journal import EndJournal
from lgi_daemon.rundir.record import JobRecord
from lgi_daemon.rundir.reference_pool import ReferencePool
from lgi_protocol.job_end import End

SERVER = "https://localhost/LGI"


def journal(tmp_path: Path, now: float = 1000.0) -> EndJournal:
    """A journal at a time."""
    return EndJournal(tmp_path / ".ended", lambda: now)


def told(made: EndJournal, since: float = 0.0) -> list[str]:
    """The numbers of the jobs whose ends a server is told."""
    return [one.job_id for one in made.ends("LGI", SERVER, since)]


def job(number: int) -> JobRecord:
    """A job that has ended."""
    return JobRecord(
        reference=f"{number:032X}",
        project="LGI",
        application="command",
        server=SERVER,
        master_server=SERVER,
        job_id=str(number),
        owners=("mark",),
        read_access=("mark",),
        write_access=("mark",),
        key_file="",
        certificate_file="",
        ca_file="",
        max_output_size=4096,
        uid=1000,
        target_resources=("cluster@test",),
        job_specifics="",
        state="running",
        state_time_stamp="1",
        end=End(3, None, "it said no"),
    )


def test_an_end_is_kept_over_a_start_of_the_daemon(tmp_path: Path) -> None:
    """With state, exit code and reason; for the project and server of the job alone."""
    journal(tmp_path).add(job(7), "finished")

    (one,) = journal(tmp_path).ends("LGI", SERVER, 0.0)

    assert (one.job_id, one.reference, one.state) == ("7", job(7).reference, "finished")
    assert one.end == End(3, None, "it said no")
    assert journal(tmp_path).ends("other", SERVER, 0.0) == []
    assert journal(tmp_path).ends("LGI", "https://elsewhere/LGI", 0.0) == []


def test_a_reference_of_an_ended_job_is_not_posted_again(tmp_path: Path) -> None:
    """A restored server still has the job under it, and would give it out: it would run twice."""
    pool = ReferencePool(tmp_path / ".references")
    (given, unused) = pool.provide("LGI", SERVER, 2, None)
    made = journal(tmp_path)
    made.add(replace(job(7), reference=given.reference), "finished")

    following = ReferencePool(tmp_path / ".references")
    following.recover(made.references())

    posted = {one.reference for one in following.provide("LGI", SERVER, 2, None)}
    assert given.reference not in posted
    assert unused.reference in posted


def test_an_end_from_before_the_backup_is_not_told(tmp_path: Path) -> None:
    """The restored database has it."""
    journal(tmp_path, 1000.0).add(job(7), "finished")
    journal(tmp_path, 2000.0).add(job(8), "finished")

    assert told(journal(tmp_path), since=1500.0) == ["8"]


def test_a_damaged_line_costs_no_other(tmp_path: Path) -> None:
    """As of a machine that went down while it was written."""
    made = journal(tmp_path)
    made.add(job(7), "finished")
    with (tmp_path / ".ended").open("ab") as file:
        file.write(b'[1000.0, "LGI"\n\xff\n{}\n')
    made.add(job(8), "aborted")

    assert told(made) == ["7", "8"]


def test_a_journal_does_not_grow_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest ends are kept, twice the bound at most."""
    monkeypatch.setattr(end_journal, "MOST_BYTES", 2000)
    made = journal(tmp_path)

    for number in range(200):
        made.add(job(number), "finished")

    size = sum(file.stat().st_size for file in tmp_path.iterdir())
    assert size <= 2 * 2000 + 500
    assert told(made)[-1] == "199"
    assert len(told(made)) > 5


def test_a_journal_that_cannot_be_written_holds_up_no_job(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says that the end is not kept."""
    (tmp_path / ".ended").mkdir()

    journal(tmp_path).add(job(7), "finished")

    assert "job 7" in caplog.text
    assert "is not kept for a restored server" in caplog.text
