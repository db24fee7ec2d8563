"""How a job ended: reported by its scripts, stored, sent to the server, and written to its output."""

import os
from pathlib import Path

import pytest

from lgi_daemon.jobs.completion import EMPTY
from lgi_daemon.rundir import end_file, trailer
from lgi_daemon.rundir.record import from_json, to_json
from lgi_protocol.job_end import End
from tests.support.workshop import FAST, SLOW, Workshop, only, until

from .conftest import IS_ROOT

REASON = "time limit of 9 s exceeded"


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("exit_code=3\n", End(3)),
        ("exit_code=0\nreason=\n", End(0)),
        ("exit_signal=9\nreason=time limit of 9 s exceeded\n\n\n\n", End(None, 9, REASON)),
        ("reason=not started\n", End(reason="not started")),
        ("", End()),
        ("exit_code=256\n", End()),
        ("exit_code=-1\n", End()),
        ("exit_code=\u0663\n", End()),
        ("exit_signal=0\n", End()),
        ("exit_signal=65\n", End()),
        ("exit_code=3\nexit_signal=9\n", End()),
        ("exit_code=three\nreason=a=b\n", End(reason="a=b")),
        ("reason=one\x1b[31m\x00two\x85\n", End(reason="one [31m two")),
        ("something=else\nexit_code=1", End(1)),
    ],
)
def test_a_value_of_an_end_that_is_none_of_its_kind_is_unknown(text: str, end: End) -> None:
    """An invalid number counts as missing."""
    assert end_file.parse(text.encode()) == end


def test_a_reason_fits_where_it_is_stored() -> None:
    """It has at most 254 bytes of UTF-8, and no partial character."""
    found = end_file.parse(("reason=" + "\u20ac" * 200).encode())

    assert found.reason == "\u20ac" * 84


def test_no_file_of_others_tells_an_end(tmp_path: Path) -> None:
    """A link, a pipe, or a file of another user is not read."""
    (tmp_path / "secret").write_text("exit_code=5\n")
    links, pipes, others = (tmp_path / name for name in ("links", "pipes", "others"))
    for place in (links, pipes, others):
        place.mkdir()
    (links / "end").symlink_to(tmp_path / "secret")
    os.mkfifo(pipes / "end")
    (others / "end").write_text("exit_code=5\n")

    assert end_file.read(others, os.geteuid()) == End(5)
    assert end_file.read(others, os.geteuid() + 1) == End()
    assert end_file.read(links, None) == end_file.read(pipes, None) == End()
    assert end_file.read(tmp_path / "none", None) == End()


OUTPUTS = {
    b"out\n[LGI: exit code 3]\n": b"[LGI: exit code 3]\n",
    b"[LGI: exit code 3]": b"[LGI: exit code 3]",
    b"a\0\n[LGI: no exit code: not started]\n": b"[LGI: no exit code: not started]\n",
    b"a[LGI: exit code 3]\n": b"",
    b"[LGI: exit code 3]\nmore\n": b"",
    b"": b"",
}


@pytest.mark.parametrize(("output", "found"), OUTPUTS.items())
def test_a_trailer_is_the_last_line_and_nothing_else(output: bytes, found: bytes) -> None:
    """Older programs search it there."""
    assert trailer.find(output) == found


@pytest.mark.parametrize("limit", [0, 10, 18, 19, 60, 100, 150, 200, 400, 2000])
def test_no_output_is_cut_so_that_it_loses_its_trailer(limit: int) -> None:
    """Output and remarks are cut before it, whatever the limit is."""
    end = b"[LGI: exit code 3]\n"
    body = b"x" * 500

    found = trailer.compose(body[:limit], 500 + len(end), end, "files may be missing", limit)

    assert len(found) <= limit
    assert limit < len(end) + 1 or found.endswith(b"\n" + end)
    assert limit < 200 or b"[LGI: files may be missing]\n" in found


def finished(workshop: Workshop, end: str, output: bytes, *marks: str) -> None:
    """A job that has ended so, through to its report."""
    workshop.server.submit("1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    job = only(daemon)
    workshop.marked(job, "is_finished", *marks)
    directory, owner = job.run.files(job.record).path, job.run.files(job.record).owner
    (directory / "LGI_output").write_bytes(output)
    (job.run.state(job.record) / "end").write_text(end)
    if owner is not None:
        os.chown(job.run.state(job.record) / "end", owner, owner)
    for _look in range(20):
        workshop.tick(daemon, SLOW)
    assert not len(daemon.jobs)


@pytest.mark.parametrize(
    ("end", "told"),
    [("exit_code=0\n", End(0)), ("exit_signal=11\n", End(None, 11))],
)
def test_the_end_is_sent_to_the_server_beside_the_output(workshop: Workshop, end: str, told: End) -> None:
    """It is in fields; the output of an application without trailer does not change."""
    finished(workshop, end, b"hello")

    job = workshop.server.jobs["1"]
    assert (job.state, job.output, job.end) == ("finished", b"hello", told)


def test_an_empty_record_of_the_end_is_told_as_that_of_a_full_disk(workshop: Workshop) -> None:
    """A disk that is full for a moment is seen by nobody else, and the output may be cut too."""
    finished(workshop, "", b"hel")

    job = workshop.server.jobs["1"]
    assert job.end == End(reason=EMPTY)
    assert job.output == f"hel\n[LGI: {EMPTY}]\n".encode()


def test_a_failed_epilogue_is_noted_before_the_trailer_and_in_the_reason(workshop: Workshop) -> None:
    """After the trailer it would make any exit code a success."""
    finished(workshop, "exit_code=3\n", b"out\n[LGI: exit code 3]\n", "fail_job_epilogue_script")

    job = workshop.server.jobs["1"]
    excuse = "job_epilogue_script failed 8 times; files may be missing"
    assert job.end == End(3, None, excuse)
    assert job.output == f"out\n[LGI: {excuse}]\n[LGI: exit code 3]\n".encode()


def test_the_end_is_known_without_an_output_of_the_epilogue(workshop: Workshop) -> None:
    """An epilogue that never wrote the output: the daemon knows how the job ended all the same."""
    finished(workshop, "exit_code=3\nreason=oops\n", b"so far", "fail_job_epilogue_script")

    job = workshop.server.jobs["1"]
    assert job.end.exit_code == 3
    assert job.output.startswith(b"so far\n[LGI: job_epilogue_script failed 8 times; ")
    assert job.output.split(b"\n")[-2].startswith(b"[LGI: exit code 3: oops; job_epilogue_script failed 8")


@pytest.mark.parametrize("size", [4000, 5000, 100_000])
def test_an_output_that_is_too_long_keeps_its_last_line(workshop: Workshop, size: int) -> None:
    """The application has written more than it may."""
    finished(workshop, "exit_code=3\n", b"x" * size + b"\n[LGI: exit code 3]\n")

    output = workshop.server.jobs["1"].output
    assert len(output) <= workshop.max_output_size
    assert output.endswith(b"\n[LGI: exit code 3]\n")
    assert (b"[LGI: the output was cut here, " in output) is (size > 4076)


def test_the_end_survives_the_daemon(workshop: Workshop) -> None:
    """It is stored before it is reported, since the job's files may be deleted later."""
    workshop.server.submit("1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    workshop.marked(only(daemon), "is_finished")
    place = only(daemon).run.state(only(daemon).record) / "end"
    place.write_text("exit_signal=9\nreason=killed\n")
    if IS_ROOT:
        os.chown(place, only(daemon).record.uid, -1)
    workshop.server.fail("lock", times=2)
    workshop.tick(daemon, 1.0)
    state = workshop.server.jobs["1"].state
    assert from_json(to_json(only(daemon).record)) == only(daemon).record
    place.unlink()

    daemon = workshop.restart(daemon)
    for _look in range(3):
        workshop.tick(daemon, FAST)

    assert state == "running"
    assert workshop.server.jobs["1"].end == End(None, 9, "killed")
    until(lambda: not len(daemon.jobs))
