"""Every command when its standard streams are closed or full, and when it is interrupted while it starts."""

import configparser
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.canned_server import CannedServer, lgi
from tests.support.grid import BIN

from .test_run import RESOURCES, SUBMIT
from .test_tools_text import JOB

# Over a hundred starts of commands.
pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
FILTERS = {"LGI_xml", "LGI_csv", "LGI_hash", "LGI_binhex", "LGI_hexbin"}
PLACES = {">&-": "Bad file descriptor", "> /dev/full": "No space left on device"}
# One of each room: all begin in the same way, so that every command is tried with one fault of a kind only.
FIRST = ["ManageDB", "LGI_daemon", "LGI_qstat", "LGI_xml"]
# Runs a console script, and interrupts it as soon as a module is looked for.
INTERRUPTED = """
import os, runpy, signal, sys
script, module, *words = sys.argv[1:]
# A shell starts what runs in the background with SIGINT ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == module:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Finder())
sys.argv = [script, *words]
runpy.run_path(script, run_name="__main__")
"""


def modules() -> dict[str, str]:
    """The name of each console script, and the module that its command is in."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    lines = setup["options.entry_points"]["console_scripts"].strip().splitlines()
    return dict(re.split(r"\s*=\s*", line) for line in lines)


COMMANDS = modules()


def shell(line: str, *words: str) -> subprocess.CompletedProcess[str]:
    """A line of a shell, in which the words are "$@" and the directory of the commands is $bin."""
    environment = dict(os.environ) | {"bin": str(BIN)}
    return subprocess.run(
        ["sh", "-c", line, "sh", *words], env=environment, capture_output=True, text=True, timeout=60
    )


def unread(name: str, *words: str) -> subprocess.CompletedProcess[str]:
    """A command into a pipe that nobody reads, as `head` leaves one."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        command = [BIN / name, *words]
        return subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=60)
    finally:
        os.close(writing)


def test_every_command_begins_in_the_same_way() -> None:
    """None is left out of what is tried here."""
    assert len(COMMANDS) > 20
    assert all(place.partition(":")[0].endswith(".cli.entry_points") for place in COMMANDS.values())


@pytest.mark.parametrize(
    ("name", "place"), [*((name, "> /dev/full") for name in COMMANDS), *((name, ">&-") for name in FIRST)]
)
def test_output_that_is_not_taken_is_reported(name: str, place: str) -> None:
    """The message is one line with the system's reason, and the exit code is 1."""
    done = shell(f'"$bin/{name}" -h {place}')

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"{name}: ")
    assert done.stderr.endswith(f": {PLACES[place]}\n")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("name", FIRST)
def test_output_that_nobody_reads_is_no_trouble(name: str) -> None:
    """The command ends without a message, as other programs before `head`."""
    done = unread(name, "-h")

    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize(
    ("name", "place"),
    [
        *((name, "<&- >&- 2>&-") for name in sorted(set(COMMANDS) - FILTERS)),
        *((name, place) for name in FIRST[:-1] for place in ("2>&-", "2> /dev/full", "<&- 2>&-")),
    ],
)
def test_messages_that_are_not_taken_go_nowhere_else(name: str, place: str) -> None:
    """They are not written to the output for programs; the exit code shows the failure."""
    done = shell(f'"$bin/{name}" --no-such-option {place}')

    assert (done.returncode in {1, 2}, done.stdout, done.stderr) == (True, "", "")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_with_closed_input_and_errors_does_what_it_can(name: str) -> None:
    """Its help needs neither."""
    usual, done = shell(f'"$bin/{name}" -h'), shell(f'"$bin/{name}" -h <&- 2>&-')

    assert (done.returncode, done.stdout) == (usual.returncode, usual.stdout)
    assert "sage" in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_that_is_interrupted_while_it_starts_is_quiet(name: str) -> None:
    """Its modules take a while to load: Ctrl-C in that time is no error of anybody."""
    where, _, attribute = COMMANDS[name].partition(":")
    command = getattr(__import__(where, fromlist=[attribute]), attribute)
    later = "click" if name not in FILTERS else "lgi_tools.filters.streams"
    for module in (command.module, *([later] if name in FIRST else [])):
        done = subprocess.run(
            [sys.executable, "-c", INTERRUPTED, BIN / name, module, "-h"], capture_output=True, timeout=60
        )

        assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


@pytest.mark.parametrize("place", [*PLACES, "unread"])
@pytest.mark.parametrize(
    "words",
    [
        ("LGI_run", "true"),
        ("LGI_qsub", "-a", "hello_world"),
        ("LGI_qsub", "-a", "hello_world", "--json"),
        ("LGI_qsub", "-a", "hello_world", "-x"),
    ],
)
def test_the_number_of_a_job_that_exists_is_reported(
    server: CannedServer, words: tuple[str, ...], place: str
) -> None:
    """Standard error has the job id if standard output cannot be written."""
    server.will_answer_call(SUBMIT, lgi(JOB.replace(" 7 ", " 58 ")))
    server.will_answer_call(RESOURCES, lgi(""))

    if place == "unread":
        done = unread(*words)
    else:
        done = shell(f'name=$1; shift; "$bin/$name" "$@" {place}', *words)

    assert f"{words[0]}: job 58 was submitted\n" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode == 1


def test_an_answer_that_is_not_taken_is_no_success(server: CannedServer) -> None:
    """This includes a command whose standard error cannot be written."""
    server.will_answer_call("interfaces/interface_job_state", lgi(JOB))
    server.will_answer_call("interfaces/interface_delete_job", lgi("<job> <state> deleted </state> </job>"))

    told = [
        shell('"$bin/LGI_qstat" 7 > /dev/full'),
        shell('"$bin/LGI_qdel" 7 > /dev/full'),
        shell('"$bin/LGI_tail" 7 2> /dev/full'),
    ]

    assert [done.returncode for done in told] == [1, 1, 1]
    assert [done.stderr for done in told[:2]] == [
        "LGI_qstat: cannot write to standard output: No space left on device\n",
        "LGI_qdel: cannot write to standard output: No space left on device\n",
    ]
