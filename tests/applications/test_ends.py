"""How a job of `command` ended: exit code, signal and reason, for the daemon and in the output."""

import shutil
from pathlib import Path

import pytest

from tests.support.bench import Bench, until

SETTINGS = "backend=process\nstage=no\nmax_walltime=100\n"
SHELLS = ["/bin/sh", "bash --posix", "busybox sh"]


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    """Each of the shells that are /bin/sh somewhere."""
    if shutil.which(request.param.split()[0]) is None:
        pytest.skip(f"needs {request.param}")
    return str(request.param)


def told(job: Bench) -> list[str]:
    """The lines of its end."""
    return job.mark("end").split("\n")


@pytest.mark.parametrize(
    ("script", "output"),
    [
        ('printf "a\\0"; exit 3', b"a\0\n[LGI: exit code 3]\n"),
        ("echo hi | gzip -n -c; exit 7", None),
        ('printf "a\\0" >&2; exit 3', b"[LGI: standard error]\na\0\n[LGI: exit code 3]\n"),
        ("echo hi | gzip -n -c >&2; exit 7", None),
        ("find . -name LGI_job_id -print0; exit 2", b"./LGI_job_id\0\n[LGI: exit code 2]\n"),
        ('printf "\\0\\n"; exit 4', b"\0\n[LGI: exit code 4]\n"),
    ],
)
def test_output_that_ends_with_nul_has_its_trailer_on_a_line_of_its_own(
    place: Path, shell: str, script: str, output: bytes | None
) -> None:
    """A shell's $(...) drops such bytes."""
    job = Bench(place, SETTINGS, input=script.encode(), shell=shell)
    code = script[-1]

    job.finish()

    found = (job.directory / "LGI_output").read_bytes()
    assert output in (None, found)
    assert found.endswith(f"\n[LGI: exit code {code}]\n".encode())
    assert told(job) == [f"exit_code={code}"]


@pytest.mark.parametrize(
    ("script", "end", "trailer"),
    [
        ("kill -9 $$", "exit_signal=9", 137),
        ("exit 137", "exit_code=137", 137),
        ("kill -15 $$", "exit_signal=15", 143),
        ("exit 143", "exit_code=143", 143),
        ("kill -11 $$", "exit_signal=11", 139),
        ("exit 255", "exit_code=255", 255),
        ("exec ./missing", "exit_code=127", 127),
    ],
)
def test_a_program_that_is_killed_is_told_from_one_that_exits_with_that_code(
    place: Path, shell: str, script: str, end: str, trailer: int
) -> None:
    """The trailer for older programs has the exit code of the shell for that signal."""
    job = Bench(place, SETTINGS, input=script.encode(), shell=shell)

    output = job.finish()

    assert told(job) == [end]
    assert output.endswith(f"[LGI: exit code {trailer}]\n")


def test_a_jobs_own_exit_code_124_is_no_time_limit(place: Path) -> None:
    """timeout(1) ends with 124 too, but this job ended before its time was over: no reason is given."""
    job = Bench(place, SETTINGS, input=b"exit 124", specifics="<walltime> 50 </walltime>")

    assert job.finish() == "[LGI: exit code 124]\n"
    assert told(job) == ["exit_code=124"]


@pytest.mark.slow
def test_a_job_that_ends_when_its_time_is_over_has_its_reason(place: Path) -> None:
    """The exit code is that of timeout(1), 124, and the reason names the limit."""
    job = Bench(place, SETTINGS, input=b"sleep 60", specifics="<walltime> 1 </walltime>")

    assert job.finish() == "[LGI: exit code 124: time limit of 1 s exceeded]\n"
    assert told(job) == ["exit_code=124", "reason=time limit of 1 s exceeded"]


@pytest.mark.slow
def test_a_job_that_does_not_end_when_its_time_is_over_is_killed_and_says_so(place: Path) -> None:
    """It is killed ten seconds after it was asked to end; signal and reason say so."""
    script = b"trap '' TERM; while :; do sleep 1; done"
    job = Bench(place, SETTINGS, input=script, specifics="<walltime> 1 </walltime>")

    assert job.finish(40) == "[LGI: exit code 137: time limit of 1 s exceeded, killed]\n"
    assert told(job) == ["exit_signal=9", "reason=time limit of 1 s exceeded, killed"]


@pytest.mark.parametrize("limit", [20, 60, 300, 1000])
def test_the_trailer_stays_however_small_the_limit_of_output(place: Path, limit: int) -> None:
    """The streams are cut, and the notes go."""
    job = Bench(place, SETTINGS, input=b"seq 2000; seq 2000 >&2; exit 9", max_output_size=limit)

    output = job.finish()

    assert output.endswith("[LGI: exit code 9]\n")
    assert output.startswith("[LGI: ") or limit > 60


def test_results_that_could_not_be_stored_do_not_hide_the_end_of_a_job(place: Path) -> None:
    """Both are reported, also after a second epilogue."""
    job = Bench(place, SETTINGS, input=b"exit 3")
    job.begin()
    until(lambda: job.state() == "finished")
    (job.own / "not_stored").write_text("out/ (directory), l (link)\n")

    for _time in range(2):
        assert job.ask("job_epilogue") == 0

    assert job.output() == "[LGI: not stored: out/ (directory), l (link)]\n[LGI: exit code 3]\n"
    assert told(job) == ["exit_code=3", "reason=not stored: out/ (directory), l (link)"]


def test_a_job_that_never_ran_has_failed_for_a_reason(place: Path) -> None:
    """Its exit code is that of env and docker for what they cannot start."""
    job = Bench(place, SETTINGS, specifics="<cpus> many </cpus>")

    output = job.finish()

    assert output.startswith("[LGI: exit code 125: not started: cpus must be a whole number")
    reason = output.strip().replace("[LGI: exit code 125: ", "reason=")[:-1]
    assert told(job) == ["exit_code=125", reason]


def test_a_job_without_any_mark_has_an_epilogue_that_says_so(place: Path) -> None:
    """The state directory was deleted too."""
    job = Bench(place, SETTINGS)

    assert job.ask("job_epilogue") == 0

    assert job.output() == "[LGI: no exit code: the job left no record of its end]\n"
    assert told(job) == ["reason=the job left no record of its end"]


def test_an_aborted_job_has_no_exit_code(place: Path) -> None:
    """The state "aborted" says how it ended: no code, no signal, no reason."""
    job = Bench(place, SETTINGS, input=b"sleep 60")
    job.begin()
    until(lambda: (job.own / "stderr").exists())

    assert job.ask("job_abort") == 0

    assert job.output() == "[LGI: no exit code: aborted]\n"
    assert told(job) == [""]
