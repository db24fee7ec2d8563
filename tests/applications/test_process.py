"""`command` on plain processes: the life of a job without a batch system."""

import ctypes
import os
import shutil
import signal
import subprocess
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from lgi_daemon.execution import processes
from tests.support.bench import LIBRARY, Bench, until

pytestmark = pytest.mark.slow

# Of linux/prctl.h: orphans become children of this process.
PR_SET_CHILD_SUBREAPER = 36
SETTINGS = "backend=process\nstage=no\nmax_cpus=64\nmax_memory=8000\nmax_walltime=100\n"


def test_a_job_that_has_not_begun_is_idle(place: Path) -> None:
    """Neither running nor finished: the daemon starts it."""
    assert Bench(place, SETTINGS).state() == "idle"


def test_the_input_is_run_as_a_program_in_the_jobs_directory(place: Path) -> None:
    """With "#!" by its own interpreter, without as shell script; nothing on standard input."""
    job = Bench(place, SETTINGS, input=b'#!/usr/bin/awk -f\nBEGIN { print ENVIRON["LGI_JOB_ID"]; exit 4 }\n')

    assert job.finish() == "7\n[LGI: exit code 4]\n"


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("line_end", [b"\r\n", b"\n"])
def test_a_script_written_on_windows_runs(place: Path, mark: bytes, line_end: bytes) -> None:
    """Web forms send such line ends, editors such a mark at the begin; no interpreter understands them."""
    lines = [b"#!/usr/bin/awk -f", b'BEGIN { print "ran"; exit 4 }', b""]
    job = Bench(place, SETTINGS, input=mark + line_end.join(lines))

    assert job.finish() == "ran\n[LGI: exit code 4]\n"


def test_the_administrators_program_is_run_instead_of_the_input(place: Path) -> None:
    """With the setting "program" the input is data, and never run."""
    program = place / "its program"
    program.write_text("#!/bin/sh\nwc -c < LGI_input\n")
    program.chmod(0o755)
    job = Bench(place, f'{SETTINGS}program="{program}"\n', input=b"rm -rf /nothing")

    assert job.finish() == "15\n[LGI: exit code 0]\n"


def test_a_job_that_is_about_to_record_itself_has_not_ended(place: Path) -> None:
    """The file of its process is there a moment before the line in it."""
    job = Bench(place, SETTINGS)
    assert job.ask("job_prologue") == 0
    (job.own / "process").touch()

    assert job.state() == "idle"


def test_a_running_job_is_running_and_runs_once(place: Path) -> None:
    """The run script again, as after a power failure, starts nothing."""
    job = Bench(place, SETTINGS, input=b"echo begun >> count; sleep 60")
    job.begin()
    until(lambda: (job.directory / "count").exists())

    state = job.state()
    job.start("job_run").wait(60)

    assert state == "running"
    assert (job.directory / "count").read_text() == "begun\n"


def test_a_killed_job_ends_with_a_message_and_is_not_run_again(place: Path) -> None:
    """What it has done is unknown: it is finished without an exit code."""
    job = Bench(place, SETTINGS, input=b"echo begun; sleep 60")
    run = job.begin()
    until(lambda: job.mark("stdout") == "begun")

    os.killpg(run.pid, signal.SIGKILL)
    run.wait()

    assert job.state() == "finished"
    job.ask("job_epilogue")
    assert job.output() == (
        "begun\n[LGI: no exit code: the job ended unexpectedly: it was killed, or the machine went down]\n"
    )


def test_a_process_with_the_recycled_number_of_a_job_is_not_taken_for_the_job(place: Path) -> None:
    """The same number with another start, or in another boot."""
    job = Bench(place, SETTINGS, input=b"sleep 60")
    run = job.begin()
    until(lambda: job.mark("process") != "")
    pid, start, boot = job.mark("process").split()

    (job.own / "process").write_text(f"{pid} {start}0 {boot}\n")
    recycled = job.ask("job_abort")
    (job.own / "end").unlink()
    (job.own / "process").write_text(f"{pid} {start} 0-another-boot\n")
    rebooted = job.ask("job_abort")

    assert (recycled, rebooted) == (0, 0)
    assert run.poll() is None


def test_an_abort_ends_also_a_job_that_ignores_a_polite_request(place: Path) -> None:
    """All processes of its session are killed, in any process group."""
    job = Bench(
        place,
        SETTINGS,
        input=b"trap '' TERM; set -m; sleep 987 & sleep 986 & echo $! > child; wait; wait; sleep 985",
    )
    job.begin()
    until(lambda: (job.directory / "child").exists() and (job.directory / "child").read_text() != "")
    child = int((job.directory / "child").read_text())

    assert job.ask("job_abort") == 0

    assert (processes.stat_of(child) or ["Z"])[0] == "Z"
    assert job.state() == "finished"


@pytest.mark.parametrize(
    ("program", "waits"), [("exec sleep 60", False), ("trap '' TERM; sleep 60; sleep 60", True)]
)
def test_an_abort_waits_no_longer_than_the_job_takes_to_end(place: Path, program: str, waits: bool) -> None:
    """It looks a hundredth of a second after it has asked; who ignores that has 0.2 s before it is killed.

    On a busy machine even a job that obeys may take longer: one time of several it does not.
    """
    slept = slept_for_abort(place, program, 0)
    for number in range(1, 1 if waits else 6):
        if slept < 0.2:
            break
        slept = slept_for_abort(place, program, number)

    assert (slept >= 0.2) is waits


def slept_for_abort(place: Path, program: str, number: int) -> float:
    """How many seconds an abort of a running job has slept."""
    shims = place / f"shims{number}"
    shims.mkdir()
    shim = shims / "sleep"
    shim.write_text('#!/bin/sh\n[ "$1" = 60 ] || echo "$1" >> "${0%/*}/slept"\nexec /bin/sleep "$@"\n')
    shim.chmod(0o755)
    job = Bench(place, SETTINGS, input=program.encode(), path=[shims], reference=f"{number:032X}")
    run = job.begin()
    # As the daemon does: its end would not be seen otherwise.
    reaper = threading.Thread(target=run.wait)
    reaper.start()
    until(lambda: (job.own / "stderr").exists())

    assert job.ask("job_abort") == 0

    reaper.join(60)
    assert job.state() == "finished"
    return sum(map(float, (shims / "slept").read_text().split()))


def test_a_job_that_is_asked_to_end_says_so(place: Path) -> None:
    """It waits for what it has started: there is an exit code. After an abort it is called aborted."""
    asked = Bench(place, SETTINGS, input=b"exec sleep 60", reference="A" * 32)
    aborted = Bench(place, SETTINGS, input=b"exec sleep 60", reference="B" * 32)
    run = asked.begin()
    aborted.begin()
    until(lambda: (asked.own / "stderr").exists() and (aborted.own / "stderr").exists())

    os.killpg(run.pid, signal.SIGTERM)
    until(lambda: asked.state() == "finished")
    asked.ask("job_epilogue")
    code = aborted.ask("job_abort")

    assert code == 0
    assert asked.output().endswith("[LGI: exit code 143]\n")
    assert aborted.output().endswith("[LGI: no exit code: aborted]\n")


def test_an_abort_of_a_job_that_never_began_succeeds_and_keeps_it_from_beginning(place: Path) -> None:
    """The mark of the start is taken by the abort, so that a later start finds it and ends."""
    job = Bench(place, SETTINGS, input=b"touch ran")

    assert job.ask("job_abort") == 0
    job.begin().wait(60)

    assert not (job.directory / "ran").exists()


def test_a_job_gets_its_cores_and_their_number_in_its_environment(place: Path) -> None:
    """The variables of the usual numerical libraries, and no more cores than that."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
    job = Bench(place, SETTINGS, input=f"echo {' '.join(f'${name}' for name in names)}; nproc".encode())

    assert job.finish() == "1 1 1 1\n1\n[LGI: exit code 0]\n"


def test_a_job_that_takes_too_long_is_ended_and_says_so(place: Path) -> None:
    """Without a batch system the library enforces the walltime."""
    job = Bench(place, SETTINGS, input=b"sleep 60", specifics="<walltime> 1 </walltime>")

    assert job.finish() == "[LGI: exit code 124: time limit of 1 s exceeded]\n"


def test_a_jobs_memory_is_left_to_the_daemon(place: Path) -> None:
    """The limit is for all its processes together; each has unlimited address space, as Java requires."""
    job = Bench(place, SETTINGS, input=b"ulimit -v", specifics="<memory> 321 </memory>")

    assert job.finish() == "unlimited\n[LGI: exit code 0]\n"
    assert job.mark("memory_limit") == "321"


@pytest.mark.skipif(shutil.which("java") is None, reason="needs java")
def test_java_starts_with_two_gigabytes(place: Path) -> None:
    """It reserves many times what it uses."""
    job = Bench(
        place, SETTINGS, input=b"java -version 2> /dev/null; echo $?", specifics="<memory> 2000 </memory>"
    )

    assert job.finish() == "0\n[LGI: exit code 0]\n"


def test_a_job_without_a_request_has_no_limit(place: Path) -> None:
    """The administrator can set a default for all."""
    free = Bench(place, SETTINGS, reference="A" * 32)
    bound = Bench(place, f"{SETTINGS}default_memory=500\n", reference="B" * 32)
    free.finish()
    bound.finish()

    assert (free.mark("memory_limit"), bound.mark("memory_limit")) == ("", "500")


def test_the_reason_the_daemon_gives_for_the_end_of_a_job_is_reported(place: Path) -> None:
    """The daemon has killed what the run script had started, and said why before."""
    job = Bench(place, SETTINGS, input=b"echo begun; kill -9 $$")
    job.own.mkdir(exist_ok=True)
    (job.own / "memory").write_text("it used more than 200 MB\n")

    assert job.finish() == "begun\n[LGI: exit code 137: it used more than 200 MB]\n"
    assert job.mark("end").split("\n")[:2] == ["exit_signal=9", "reason=it used more than 200 MB"]


UTF_16 = "[LGI: exit code 125: not started: the input is text in UTF-16: save it as UTF-8]\n"
NO_SCRIPT = UTF_16.replace(
    "text in UTF-16: save it as UTF-8", "neither a script nor a program for this machine"
)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("text", ["#!/bin/sh\necho hello > said\n", "echo hello > said\n"])
def test_a_script_in_utf_16_is_refused(place: Path, encoding: str, text: str) -> None:
    """With a byte order mark or without: sh would run other lines than the user wrote, and end with 0."""
    job = Bench(place, SETTINGS, input=text.encode(encoding))

    output = job.finish()

    assert output == UTF_16
    assert job.mark("end").startswith("exit_code=125\nreason=not started: ")
    assert not (job.directory / "said").exists()


def test_a_program_of_another_system_is_refused(place: Path) -> None:
    """A shell would make nonsense of it."""
    assert Bench(place, SETTINGS, input=b"MZ\x90\0\3\0\0\0\n").finish() == NO_SCRIPT


def test_a_script_with_data_behind_it_runs(place: Path) -> None:
    """Archives that unpack themselves are such scripts."""
    job = Bench(place, SETTINGS, input=b"echo hello\nexit 3\n" + bytes(1000))

    assert job.finish() == "hello\n[LGI: exit code 3]\n"


def test_a_script_of_one_byte_is_run(place: Path) -> None:
    """It is no program of any system."""
    assert Bench(place, SETTINGS, input=b":").finish() == "[LGI: exit code 0]\n"


def test_data_of_a_program_may_be_anything(place: Path) -> None:
    """With an administrator's program the input is not run."""
    job = Bench(place, f"{SETTINGS}program=/usr/bin/env\n", input="data".encode("utf-16"))

    assert job.finish().endswith("[LGI: exit code 0]\n")


@pytest.mark.parametrize("shell", ["bash --posix", "busybox sh"])
def test_the_library_is_right_for_other_shells(place: Path, shell: str) -> None:
    """/bin/sh is dash here and bash or busybox there."""
    if shutil.which(shell.split()[0]) is None:
        pytest.skip(f"needs {shell}")
    program = b"echo hello; until [ -e go ]; do sleep 0.1; done; exit 2"
    job = Bench(place, SETTINGS, input=program, shell=shell)
    job.begin()
    until(lambda: job.mark("process") != "")
    running = job.state()
    (job.directory / "go").touch()
    until(lambda: job.state() == "finished")
    job.ask("job_epilogue")

    assert running == "running"
    assert job.output() == "hello\n[LGI: exit code 2]\n"


def test_an_abort_does_not_wait_for_what_init_has_not_reaped() -> None:
    """A process of the job's group that has ended counts as ended before somebody has waited for it."""
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    script = '. "$1/process.sh"; leader=$2 known="$2 0 $boot"; sleep() { echo slept; }; await_end 0.2'
    try:
        leader = subprocess.Popen(["sh", "-c", "sleep 0 & exit"], start_new_session=True)
        leader.wait()
        until(lambda: _zombies(leader.pid) != [])
        done = subprocess.run(
            ["sh", "-c", script, "sh", str(LIBRARY), str(leader.pid)],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
    finally:
        libc.prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
        with suppress(ChildProcessError):
            os.waitpid(-leader.pid, 0)

    assert (done.stdout, done.stderr) == ("", "")


def _zombies(group: int) -> list[str]:
    """The processes of a group that have ended."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _parent, number = stat.read_text().rpartition(")")[2].split()[:3]
            if state == "Z" and int(number) == group:
                found.append(stat.parent.name)
    return found
