"""LGI_daemon as a process: options, exit codes, signals, one daemon per run directory."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import click
import pytest

from lgi_daemon.cli.main import Options, parse_options
from lgi_daemon.loop.lifetime import Lifetime
from tests.support.workshop import until

pytestmark = pytest.mark.slow

HELLO = Path(__file__).parents[2] / "applications" / "hello_world"
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def nobody() -> Iterator[int]:
    """A port of this machine at which nothing listens, also none of another test."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@pytest.fixture
def file(place: Path, certificate_files: Path, nobody: int) -> Path:
    """A valid configuration whose server is such a port."""
    folder = place / "resource"
    shutil.copytree(HELLO, folder)
    for name in ("ca.crt", "laptop.crt", "laptop.key"):
        shutil.copy(certificate_files / name, folder)
    (folder / "runhere").mkdir(mode=0o755)
    text = (folder / "LGI.cfg.example").read_text().replace("../../certificates/", "").replace("LGI+CA", "ca")
    path = folder / "LGI.cfg"
    path.write_text(text.replace("https://localhost/LGI", f"https://127.0.0.1:{nobody}/LGI"))
    return path


@pytest.fixture
def start() -> Iterator[Start]:
    """Start daemons, which are stopped after the test."""
    children: list[subprocess.Popen[str]] = []

    def begin(*arguments: object, program: Sequence[str] = ("-m", "lgi_daemon")) -> "subprocess.Popen[str]":
        command = [sys.executable, *program, *map(str, arguments)]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        children.append(child)
        return child

    yield begin
    for child in children:
        if child.poll() is None:
            child.kill()
        child.communicate()


def run(*arguments: object) -> "subprocess.CompletedProcess[str]":
    """A daemon that ends by itself."""
    command = [sys.executable, "-m", "lgi_daemon", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def parse(*arguments: str) -> Options:
    """The options as main gets them."""
    options = parse_options.main([*arguments, "LGI.cfg"], standalone_mode=False)
    assert isinstance(options, Options)
    return options


@pytest.mark.parametrize("option", ["-ft", "-st", "--at-once", "--idle-limit", "--life-limit"])
def test_a_number_that_is_too_large_to_wait_for_is_refused(option: str) -> None:
    """The daemon does not start; it would end with a traceback later."""
    with pytest.raises(click.BadParameter, match="not in the range"):
        parse(option, "1" * 20)


@pytest.mark.parametrize(
    ("arguments", "name", "value"),
    [
        (["-ft", "5"], "fast", 5),
        (["-st", "900"], "slow", 900),
        ([], "fast", 120),
        ([], "slow", 600),
        ([], "level", 20),
        (["-n"], "level", 20),
        (["-q"], "level", 50),
        (["-v"], "level", 10),
        (["-vv"], "level", 5),
        (["-W"], "check_host", False),
        (["-d"], "detach", True),
        (["-l", "log"], "log_file", Path("log")),
        (["--check"], "check", True),
        (["--at-once", "5"], "at_once", 5),
        ([], "at_once", 32),
        ([], "lifetime", Lifetime(0, 0)),
        (["--idle-limit", "60", "--life-limit", "3600"], "lifetime", Lifetime(60, 3600)),
    ],
)
def test_options_are_spelled_as_ever(arguments: list[str], name: str, value: object) -> None:
    """One dash and several letters are one option."""
    assert getattr(parse(*arguments), name) == value


def test_the_last_log_level_of_a_command_line_wins() -> None:
    """-v -q logs only what is critical."""
    assert parse("-v", "-q").level == 50


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ([], "Missing argument"),
        (["-ft", "0", "LGI.cfg"], "-ft"),
        (["-ft", "x", "LGI.cfg"], "-ft"),
        (["-ft", "600", "LGI.cfg"], "(-ft 600) must be shorter than the slow cycle (-st 600)"),
        (["-zz", "LGI.cfg"], "No such option"),
        (["--at-once", "0", "LGI.cfg"], "--at-once"),
        (["--idle-limit", "0", "LGI.cfg"], "--idle-limit"),
        (["/nowhere/LGI.cfg"], "Could not read from configuration file /nowhere/LGI.cfg"),
    ],
)
def test_a_wrong_command_line_ends_with_1(arguments: list[str], part: str) -> None:
    """The message says which option."""
    ended = run(*arguments)

    assert ended.returncode == 1
    assert part in ended.stderr
    assert "Traceback" not in ended.stderr


def test_help_ends_with_0() -> None:
    """-h lists the options on standard output."""
    ended = run("-h")

    assert ended.returncode == 0
    assert "-ft TIME" in ended.stdout


def test_the_option_check_prints_the_plan_and_makes_nothing(file: Path) -> None:
    """The exit code is 0; nothing is locked, and no server is called."""
    ended = run("--check", "-ft", "7", "-st", "70", file)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert "work is asked for every 70 s, jobs are checked every 7 s" in ended.stdout
    assert "application hello_world takes 4 jobs at most" in ended.stdout
    assert list((file.parent / "runhere").iterdir()) == []


def test_the_option_check_ends_with_1_for_a_bad_configuration(file: Path) -> None:
    """The message goes to standard error."""
    file.write_text(file.read_text().replace("<max_output_size> 4096", "<max_output_size> much"))

    ended = run("--check", file)

    assert ended.returncode == 1
    assert "application 1/max_output_size is 'much'" in ended.stderr


# A daemon whose ticks are an hour apart, but for what interrupts its sleep; its arguments follow.
SLEEPY = """
import sys
from lgi_daemon.cli import main
main.TICK_SECONDS = 3600.0
main.pause_after = lambda used: 0.0
sys.exit(main.main(sys.argv[1:]))
"""


def test_sigusr1_ends_a_daemon_without_jobs(file: Path, start: Start) -> None:
    """It takes no more, and ends after the last one; before it is ready for signals it would be killed."""
    log = file.parent / "log"
    daemon = start("-v", "-l", log, file)
    until(lambda: "cannot be reached" in _text(log))

    daemon.send_signal(signal.SIGUSR1)

    assert daemon.wait(60) == 0
    assert "daemon stops by itself: a SIGUSR1 was received; 0 jobs are left running" in _text(log)


def test_sigterm_ends_a_daemon_at_once_with_0(file: Path, start: Start) -> None:
    """It interrupts the sleep of a tick, also with an unreachable server."""
    daemon = start("-v", "-l", file.parent / "log", file, program=("-c", SLEEPY))
    until(lambda: "cannot be reached" in _text(file.parent / "log"))
    # For it to fall asleep; it ends without a sleep, too.
    time.sleep(0.3)

    daemon.send_signal(signal.SIGTERM)

    assert daemon.wait(60) == 0
    assert "daemon stops on SIGTERM; 0 jobs are left running" in _text(file.parent / "log")


def test_the_log_goes_to_standard_output_by_default(file: Path, start: Start) -> None:
    """A line has time, level and what happened."""
    daemon = start(file)
    assert daemon.stdout is not None
    line = daemon.stdout.readline()
    daemon.send_signal(signal.SIGINT)

    assert daemon.wait(60) == 0
    assert " NORMAL daemon of " in line
    assert f"pid {daemon.pid}" in line


def test_a_second_daemon_on_the_run_directory_is_refused(file: Path, start: Start) -> None:
    """It says who has it - host, boot and pid - and ends with 1."""
    first = start(file)
    assert first.stdout is not None
    first.stdout.readline()
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()

    second = run(file)

    assert second.returncode == 1
    holder = f"host {socket.gethostname()}, boot {boot}, pid {first.pid}"
    assert f"{file.parent / 'runhere'} is in use by another daemon ({holder}): stop" in second.stderr


def test_a_killed_daemon_leaves_no_lock(file: Path, start: Start) -> None:
    """After SIGKILL it can be started again without manual steps."""
    first = start(file)
    assert first.stdout is not None
    first.stdout.readline()
    first.kill()
    first.wait()

    second = start(file)

    assert second.stdout is not None
    assert "started" in second.stdout.readline()


def test_a_daemon_in_the_background_holds_the_lock_itself(file: Path) -> None:
    """With -d the parent exits with 0, and the child has the run directory and the log."""
    log = file.parent / "log"

    ended = run("-d", "-l", log, file)

    assert ended.returncode == 0
    until(lambda: "started, pid" in _text(log))
    pid = int(_text(log).partition("started, pid ")[2].split(",")[0])
    refused = run(file)
    os.kill(pid, signal.SIGTERM)
    until(lambda: "daemon stops on SIGTERM" in _text(log))
    assert f"pid {pid})" in refused.stderr


def test_sighup_reads_a_good_configuration_and_opens_the_log_anew(file: Path, start: Start) -> None:
    """It serves logrotate and administrators."""
    log = file.parent / "log"
    daemon = start("-l", log, file)
    until(lambda: "started" in _text(log))
    log.rename(file.parent / "log.1")

    daemon.send_signal(signal.SIGHUP)

    until(lambda: f"reloaded {file}" in _text(log))
    assert daemon.poll() is None


def test_a_log_that_cannot_be_opened_anew_goes_on_in_the_old_file(file: Path, start: Start) -> None:
    """After SIGHUP without a usable directory the daemon continues, and logs the error there."""
    folder = file.parent / "logs"
    folder.mkdir()
    daemon = start("-l", folder / "log", file)
    until(lambda: "started" in _text(folder / "log"))
    folder.rename(file.parent / "moved")

    daemon.send_signal(signal.SIGHUP)

    log = file.parent / "moved" / "log"
    until(lambda: f"reloaded {file}" in _text(log))
    assert "cannot reopen the log, continuing in the old file: [Errno 2] No such file or directory" in _text(
        log
    )
    assert daemon.poll() is None


def test_an_idle_daemon_ends_by_itself_with_0(file: Path, start: Start) -> None:
    """--idle-limit: a batch job that has nothing to do gives its node back."""
    log = file.parent / "log"
    daemon = start("--idle-limit", "1", "-l", log, file)

    assert daemon.wait(60) == 0
    assert "daemon stops by itself: it has been idle for 1 s; 0 jobs are left running" in _text(log)


@pytest.mark.parametrize("spoil", ["delete", "empty", "run_directory"])
def test_sighup_without_a_usable_file_keeps_the_old_one(file: Path, start: Start, spoil: str) -> None:
    """It is deleted, truncated or names another run directory: the daemon logs that and continues."""
    log, good = file.parent / "log", file.read_text()
    daemon = start("-l", log, file)
    until(lambda: "started" in _text(log))
    (file.parent / "other").mkdir(mode=0o755)
    file.write_text(good.replace("./runhere", "./other") if spoil == "run_directory" else "")
    if spoil == "delete":
        file.unlink()

    daemon.send_signal(signal.SIGHUP)

    until(lambda: "keeping the old configuration: " in _text(log))
    file.write_text(good)
    daemon.send_signal(signal.SIGHUP)
    until(lambda: f"reloaded {file}" in _text(log))
    assert daemon.poll() is None


def test_sighup_with_a_bad_configuration_changes_nothing(file: Path, start: Start) -> None:
    """Hole D13: LGI ended; this daemon logs the error and continues."""
    log = file.parent / "log"
    daemon = start("-l", log, file)
    until(lambda: "started" in _text(log))
    file.write_text(file.read_text().replace("<job_limit> 20", "<job_limit> lots"))

    daemon.send_signal(signal.SIGHUP)

    until(lambda: "keeping the old configuration: LGI/resource/job_limit is 'lots'" in _text(log))
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(60) == 0


def _text(log: Path) -> str:
    return log.read_text() if log.exists() else ""
