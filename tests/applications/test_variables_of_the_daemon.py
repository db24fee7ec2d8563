"""What the daemon tells the scripts of applications/library: they do the same without, by more programs."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from lgi_daemon.jobs import library, library_settings, library_start, script_variables, streams
from tests.support.bench import APPLICATIONS, Bench, until

from .test_forged_ends import spoil

SETTINGS = "backend=process\nstage=no\n"
PROGRAMS = {
    "words": b"echo $0 words",
    "a line": b"echo a line\n",
    "an interpreter": b"#!/bin/sh\necho interpreter; exit 3\n",
    "with a mark": b"\xef\xbb\xbf#!/bin/sh\necho mark\n",
    "of Windows": b"#!/bin/sh\r\necho windows\r\n",
    "of Windows without an interpreter": b"echo windows\r\n",
    "in UTF-16": "echo utf16\n".encode("utf-16"),
    "with a NUL": b"echo \0 nul\n",
    "a long line": b"echo " + b"x" * 100 + b"\r",
    "nothing": b"",
    "killed": b"echo out; kill -9 $$\n",
}
OUTPUTS = (
    "",
    "printf open",
    "echo line",
    "printf open; printf err >&2",
    "seq 5000",
    "printf '\\0'",
    "echo ' ' >&2",
)


class ToldBench(Bench):
    """A job whose daemon reads the begin of the input and the sizes of the files."""

    def environment(self) -> dict[str, str]:
        told = {"LGI_INPUT_BEGINNING": script_variables.beginning(self.input)}
        return super().environment() | told | streams.sizes(self.own)


class StartedBench(ToldBench):
    """A job whose daemon says what is to be started, and completes its end."""

    said: Mapping[str, str] = MappingProxyType({})

    def environment(self) -> dict[str, str]:
        return super().environment() | dict(self.said)

    def begin(self) -> "subprocess.Popen[bytes]":
        settings = library_settings.read(self.script("job_run").read_bytes())
        assert self.ask("job_prologue") == 0
        self.said = library_start.variables(self.record, settings, APPLICATIONS / "library")
        started = self.start("job_run")
        self.said = MappingProxyType({})
        return started

    def finish(self, seconds: float = 60.0) -> str:
        self.begin().wait(seconds)
        library.complete_end(self.own)
        until(lambda: self.state() == "finished", seconds)
        assert self.ask("job_epilogue") == 0
        return self.output()


def both(place: Path, told: type[Bench] = ToldBench, **options: object) -> list[Bench]:
    """The same job without and with such a daemon."""
    jobs = []
    for number, kind in enumerate((Bench, told)):
        here = place / str(number)
        here.mkdir(mode=0o755)
        jobs.append(kind(here, SETTINGS, **options))  # type: ignore[arg-type]
    return jobs


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_runs_alike_whether_the_daemon_has_looked_at_it(place: Path, name: str) -> None:
    """Only the name it was started by may differ."""
    without, told = (job.finish() for job in both(place, input=PROGRAMS[name]))

    assert told.replace("./LGI_input", "./.LGI_job/input") == without


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_runs_alike_whether_the_daemon_says_what_to_start(place: Path, name: str) -> None:
    """Only the name it was started by may differ."""
    without, told = both(place, StartedBench, input=PROGRAMS[name])

    assert told.finish().replace("./LGI_input", "./.LGI_job/input") == without.finish()
    assert told.mark("end") == without.mark("end")
    assert (told.own / "end").stat().st_uid == (without.own / "end").stat().st_uid


@pytest.mark.parametrize(
    "specifics",
    ["", "<cpus> 2 </cpus><memory> 100 </memory>", "<walltime> 1 </walltime>", "<cpus> x </cpus>"],
)
def test_a_job_has_the_same_surroundings_whether_the_daemon_says_what_to_start(
    place: Path, specifics: str
) -> None:
    """Its variables, its limits and the reason of its end."""
    script = "env -u PWD -u OLDPWD | grep -v -e ^LGI_ -e ^_= | sort; ulimit -a; umask; ls -A; exec sleep 5"
    settings = "backend=process\nstage=no\nmax_cpus=2\nmax_memory=200\ndefault_walltime=1\nmax_walltime=9\n"
    without, told = both(place, StartedBench, input=script.encode(), specifics=specifics)
    for job in (without, told):
        job.settings = settings

    assert told.finish().replace("/1\n", "/0\n") == without.finish().replace(".LGI_job\n", "")
    assert told.mark("memory_limit") == without.mark("memory_limit")
    assert told.mark("end") == without.mark("end")


@pytest.mark.parametrize("script", ["kill -9 $PPID", "rm $own/end.new; kill -9 $PPID", "rm $own/process"])
def test_an_end_that_the_run_script_has_not_written_stays_away(place: Path, script: str) -> None:
    """A kill leaves blanks in its place; the mark of another back-end is needed too."""
    job = spoil(StartedBench(place, SETTINGS), script)
    job.begin().wait(60)

    library.complete_end(job.own)

    assert not (job.own / "end").exists()


def test_a_job_that_its_prologue_has_ended_is_not_started(place: Path) -> None:
    """Its files could not be fetched: the prologue succeeds, and the run script has no more to do."""
    job = StartedBench(place, SETTINGS, input=b"exit 3\n")
    (job.own / "end").write_text("exit_code=125\nreason=not started\n")

    code = job.begin().wait(60)

    assert (code, (job.own / "started").exists()) == (0, False)
    assert job.mark("end") == "exit_code=125\nreason=not started"


def test_a_program_that_an_older_daemon_has_stored_as_data_is_started(place: Path) -> None:
    """It has no permission to be run yet."""
    job = StartedBench(place, SETTINGS, input=PROGRAMS["an interpreter"])
    (job.directory / "LGI_input").chmod(0o600)

    assert job.finish() == "interpreter\n[LGI: exit code 3]\n"


def test_an_end_that_the_daemon_could_not_complete_is_completed_by_the_script(place: Path) -> None:
    """Also one that a newer daemon has left to an older one."""
    job = StartedBench(place, SETTINGS, input=b"exit 3\n")

    job.begin().wait(60)

    assert job.state() == "finished"
    assert job.mark("end") == "exit_code=3"


@pytest.mark.parametrize("body", OUTPUTS)
def test_an_output_is_the_same_whether_the_daemon_has_measured_it(place: Path, body: str) -> None:
    """Cut at the same place, and each part begins a line."""
    without, told = (job.finish() for job in both(place, input=body.encode(), max_output_size=1000))

    assert told == without


@pytest.mark.parametrize("trap", ["ln -sf /etc/passwd $name", "rm $name; mkdir $name", "chmod 0 $name"])
def test_an_odd_output_is_replaced_whatever_the_daemon_has_measured(place: Path, trap: str) -> None:
    """The file may have changed since."""
    told = both(place, input=f"name=LGI_output; echo out; {trap}".encode())[1]

    assert told.finish() == "out\n[LGI: exit code 0]\n"


@pytest.mark.parametrize(
    "script", sorted((APPLICATIONS / "command").glob("[a-z]*")), ids=lambda path: path.name
)
def test_the_shipped_scripts_of_command_are_nothing_but_settings(script: Path) -> None:
    """So their prologue need not be started where there is nothing to fetch."""
    assert library_settings.is_settings(script.read_bytes())


@pytest.mark.parametrize(
    "line",
    [
        "a=$(date)",
        'a="`date`"',
        "a=$b",
        "a=b; touch file",
        "a=b touch file",
        "a=b#c",
        "a='x",
        "a=b \\",
        "LGI_LIBRARY=/elsewhere",
        "PATH=/elsewhere",
        ". /elsewhere/LGI_backend",
        "mkdir /scratch",
        "job_prologue() { :; }",
    ],
)
def test_a_script_that_does_more_is_always_started(line: str) -> None:
    """A site may do something of its own in front of the library, in each script."""
    assert not library_settings.is_settings(f"#!/bin/sh\nbackend=process\n{line}\n. LGI_backend\n".encode())


def test_the_daemon_prepares_a_job_as_its_prologue_would(place: Path) -> None:
    """The same files; an earlier end is left as it is."""
    first, second = both(place)
    told = {"LGI_REPOSITORY_FILES": "0"}
    first.settings = "backend=process\n"
    first.environment = lambda: Bench.environment(first) | told  # type: ignore[method-assign]
    assert first.ask("job_prologue") == 0

    library.prepare(second.own, second.uid, second.max_output_size)
    library.prepare(second.own, second.uid, second.max_output_size)

    seen = [
        {path.name: (path.stat().st_size, path.stat().st_uid) for path in job.own.iterdir()}
        for job in (first, second)
    ]
    assert seen[0].keys() == seen[1].keys() == {"reserve", "staged"}
    assert seen[0]["reserve"] == seen[1]["reserve"]
    assert first.mark("staged") == second.mark("staged") == "{}"
