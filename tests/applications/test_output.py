"""LGI_output: the part of a job's output that is reported."""

import os
import shlex
from pathlib import Path

import pytest

from tests.support.bench import Bench

SETTINGS = "backend=process\nstage=no\n"


def test_output_beyond_the_limit_is_cut_and_says_so_and_how_it_ended(place: Path) -> None:
    """The last line has the exit code, however long the output is; standard error has a quarter."""
    job = Bench(place, SETTINGS, input=b"seq 5000; seq 5000 >&2; exit 9", max_output_size=2000)

    output = job.finish()

    assert len(output) <= 2000
    assert output.startswith("1\n2\n3\n")
    assert output.count("[LGI: cut, it has 23893 bytes]\n") == 2
    assert output.endswith("[LGI: exit code 9]\n")
    assert 300 < len(output.partition("[LGI: standard error]\n")[2]) < 700


@pytest.mark.parametrize("much", ["seq 300 >&2", "seq 300"])
def test_one_stream_alone_may_fill_the_limit(place: Path, much: str) -> None:
    """No part of the limit is reserved for an empty stream."""
    job = Bench(place, SETTINGS, input=much.encode(), max_output_size=1500)

    assert "\n300\n" in job.finish()


def test_every_trailer_begins_a_line(place: Path) -> None:
    """A line end is added to output without one."""
    job = Bench(place, SETTINGS, input=b"printf out; printf err >&2")

    assert job.finish() == "out\n[LGI: standard error]\nerr\n[LGI: exit code 0]\n"


def test_the_epilogue_can_be_run_again(place: Path) -> None:
    """A power failure may require a second run, which writes the same output."""
    job = Bench(place, SETTINGS)
    first = job.finish()

    job.ask("job_epilogue")

    assert job.output() == first == "hello\n[LGI: exit code 0]\n"


@pytest.mark.parametrize(
    "trap", ["ln -sf '{secret}' {name}", "rm {name}; ln -s '{secret}' {name}", "rm {name}; mkdir {name}"]
)
@pytest.mark.parametrize("name", ["LGI_output", "{own}/stdout", "{own}/stderr"])
def test_no_link_of_the_job_is_followed(place: Path, name: str, trap: str) -> None:
    """A job in a container may have fewer rights to read files than the scripts."""
    secret = place / "secret"
    secret.write_text("the key")
    job = Bench(place, SETTINGS)
    # The job knows where they are: it runs as the user of its scripts.
    words = {"secret": shlex.quote(str(secret)), "name": shlex.quote(name.format(own=job.own))}
    job = Bench(place, SETTINGS, input=trap.replace("'", "").format(**words).encode())

    output = job.finish()

    assert "the key" not in output
    assert secret.read_text() == "the key"
    assert not os.path.islink(job.directory / "LGI_output")


def test_blank_lines_alone_are_no_errors(place: Path) -> None:
    """A shell may print one when it is terminated; the section of standard error is then omitted."""
    job = Bench(place, SETTINGS, input=b"echo out; echo >&2; printf ' \\n' >&2")

    assert job.finish() == "out\n[LGI: exit code 0]\n"
