"""What the daemon does itself for jobs of applications/library: the same as the scripts would."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from lgi_daemon.jobs import activity_check, library, library_output, library_requests, library_settings
from lgi_daemon.jobs.lifecycle import Activity
from tests.support.bench import APPLICATIONS, Bench

from .test_forged_ends import OUTPUTS, SETTINGS, SPOILED, spoil, spoiled

LIMITS = "backend=process\nmax_cpus=2\nmax_memory=200 # MB\nmax_walltime='600'\ndefault_memory=\"10\"\n"
SHORT = ("", "printf open", "echo line", "printf open; printf err >&2", "echo ' ' >&2", "printf '\\0'")
ENDS = ("exit 7", "echo out; kill -9 $$", "kill -TERM $$")


def settings(text: str) -> dict[str, str]:
    """Return what the daemon reads in a script with these settings."""
    read = library_settings.read(f"#!/bin/sh\n{text}\n. LGI_backend\n".encode())
    assert read is not None
    return dict(read)


@pytest.mark.parametrize(
    "specifics",
    [
        "",
        "<cpus> 2 </cpus><memory> 100 </memory>",
        "<cpus> 3 </cpus>",
        "<cpus> 08 </cpus>",
        "<cpus> 0 </cpus><memory> 201 </memory>",
        "<cpus> 1234567890 </cpus>",
        "<nodes> 2 </nodes>",
        "<memory> 4 GB </memory>",
        "<memory> 200 </memory>",
        "<walltime> 00:00:00 </walltime>",
        "<walltime> 00:08:09 </walltime>",
        "<walltime> 000:10:00 </walltime>",
        "<walltime> 00:10:01 </walltime>",
        "<walltime> 0:10:01 </walltime>",
        "<walltime> 601 </walltime>",
        "<image> psi4:1.5 </image>",
        "<image>  </image>",
    ],
)
def test_the_daemon_judges_requests_as_the_limits_script_does(place: Path, specifics: str) -> None:
    """An invalid request is accepted and ends with a message; one above a limit is refused."""
    job = Bench(place, LIMITS, specifics=specifics)

    allowed = library_requests.is_allowed(settings(LIMITS), specifics)

    assert allowed == (job.ask("job_check_limits") == 0)


@pytest.mark.parametrize("line", ["container=podman", "max_cpus=many", "max_memory=0100"])
def test_limits_that_only_a_shell_knows_are_left_to_the_script(line: str) -> None:
    """The images of an engine, and what a shell makes of a number."""
    assert library_requests.is_allowed(settings(f"{LIMITS}{line}"), "<cpus> 1 </cpus>") is None


@pytest.mark.parametrize(
    "text",
    ["own=/elsewhere", "IFS=,", "state=running", "library=/elsewhere", "max_cpus=$(nproc)", "mkdir /scratch"],
)
def test_a_script_with_other_names_or_commands_is_always_started(text: str) -> None:
    """The daemon knows the settings of the library and nothing else."""
    assert library_settings.read(f"backend=process\n{text}\n. LGI_backend\n".encode()) is None


def test_settings_are_read_as_a_shell_reads_them() -> None:
    """An empty one has its default; what follows the library is not read."""
    text = b"#!/bin/sh\nbackend=process\nmax_cpus=\nexport stage='n'\"o\" # no\n. LGI_backend\nmax_nodes=9\n"

    read = library_settings.read(text)

    assert read is not None
    seen = [read[name] for name in ("backend", "max_cpus", "stage", "max_nodes")]
    assert seen == ["process", "1", "no", "1"]


@pytest.mark.parametrize(
    "script", sorted((APPLICATIONS / "command").glob("[a-z]*")), ids=lambda path: path.name
)
def test_the_shipped_scripts_have_no_other_settings(script: Path) -> None:
    """A setting that is new in the library must be known to the daemon too."""
    read = library_settings.read(script.read_bytes())

    assert read is not None
    assert read["backend"] == (script.name if script.name != "container" else "process")
    assert library.is_installed(APPLICATIONS / "library", f"{read['backend']}.sh")


def test_the_defaults_of_the_daemon_are_those_of_the_library() -> None:
    """They stand in settings.sh too."""
    text = (APPLICATIONS / "library" / "settings.sh").read_text()

    for name, value in settings("backend=process").items():
        assert name == "backend" or f"${{{name}:={value}}}" in text or name == "timeout"


def written(job: Bench) -> tuple[bool, str]:
    """Return whether the daemon writes the output of an ended job, and which files there are then."""
    place = job.directory / "LGI_output"
    if place.is_file() and os.access(place, os.W_OK):
        place.write_text("earlier")
    done = library_output.write(job.own, job.directory, job.uid, job.max_output_size)
    return done, job.output() if done else ""


@pytest.mark.parametrize("body", [*SHORT, *ENDS])
def test_the_daemon_writes_a_short_output_as_the_epilogue_does(place: Path, body: str) -> None:
    """Byte by byte, whatever was there before."""
    job = Bench(place, SETTINGS, input=body.encode(), max_output_size=1000)
    by_script = job.finish()

    assert written(job) == (True, by_script)


@pytest.mark.parametrize("body", ["seq 5000", "seq 300 >&2", "head -c 790 /dev/zero"])
def test_a_long_output_is_left_to_the_epilogue(place: Path, body: str) -> None:
    """It cuts both streams and says so."""
    job = Bench(place, SETTINGS, input=body.encode(), max_output_size=1000)
    job.finish()

    assert written(job)[0] is False


@pytest.mark.parametrize("name", SPOILED)
def test_a_spoiled_end_is_left_to_the_epilogue(place: Path, name: str) -> None:
    """What it makes of that stands in its own tests."""
    job = spoiled(place, SPOILED[name])

    assert written(job)[0] is False


@pytest.mark.parametrize("script", OUTPUTS[:2] + OUTPUTS[3:4])
def test_an_odd_place_of_the_output_is_left_to_the_epilogue(place: Path, script: str) -> None:
    """Nothing outside the job's directory is written to."""
    job = spoil(Bench(place, SETTINGS), script)
    job.begin().wait(60)

    assert written(job)[0] is False


@pytest.mark.parametrize("name", ["stdout", "stderr", "end"])
@pytest.mark.parametrize("target", ["/etc/passwd", "twin"])
def test_no_link_in_the_state_directory_is_followed(place: Path, name: str, target: str) -> None:
    """Neither a symbolic link nor a hard link that the job has put there."""
    job = Bench(place, SETTINGS)
    job.finish()
    (job.own / name).rename(job.own / "kept")
    if target == "twin":
        for twin in (name, "twin"):
            os.link(job.own / "kept", job.own / twin)
    else:
        (job.own / name).symlink_to(target)

    assert written(job)[0] is False


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="it needs two cores")
@pytest.mark.parametrize("reference", [8 * "0123", 8 * "FEDC"])
def test_the_daemon_binds_a_job_to_the_cores_that_its_run_script_would_choose(
    place: Path, reference: str
) -> None:
    """By the reference, so that jobs do not share one core while others are idle."""
    show = b"read -r _ cores <<END\n$(grep Cpus_allowed_list: /proc/self/status)\nEND\necho $cores\n"
    job = Bench(place, SETTINGS, input=show, reference=reference)

    chosen = library_requests.cores(os.sched_getaffinity(0), 1, reference)

    assert job.finish().split()[0] == str(chosen[0])


def test_a_job_that_may_use_all_cores_is_not_bound() -> None:
    """Nor is one that requests none."""
    assert library_requests.cores({0, 1}, 2, "AB") == library_requests.cores({0, 1}, 0, "AB") == []


def test_a_run_script_that_ends_while_it_is_looked_at_has_its_own_end(tmp_path: Path) -> None:
    """No script is asked, which would take a job without an end for one that was killed."""
    (tmp_path / "process").write_text("1 2 3\n")
    looks = iter([True, False, False])

    def ends() -> bool:
        runs = next(looks)
        if not runs:
            (tmp_path / "end.new").write_text("exit_code=3\n")
        return runs

    job = SimpleNamespace(
        record=SimpleNamespace(uses_library=True, run="some process"),
        run=SimpleNamespace(is_held=lambda _record: False, state=lambda _record: tmp_path),
        is_alive=ends,
        restore_files=lambda: None,
    )

    found = activity_check.activity(job)  # type: ignore[arg-type]

    assert found is Activity.FINISHED
    assert (tmp_path / "end").read_text() == "exit_code=3\n"
