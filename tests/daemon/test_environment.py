"""What scripts and jobs find around them: programs, locale, proxies, signals."""

import os
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from lgi_daemon.execution.environment import link_programs, site_path, variables
from lgi_daemon.execution.scripts import ScriptContext, Scripts
from tests.support.workshop import Workshop

from .conftest import Write

LGI_BIN = sysconfig.get_path("scripts")


@pytest.fixture
def seen(write: Write, here: ScriptContext) -> dict[str, str]:
    """The environment of a script."""
    Scripts().status(write("env -0 > seen"), here)
    lines = (here.directory / "seen").read_text().split("\0")
    return dict(line.split("=", 1) for line in lines if line)


@pytest.fixture
def activated(monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon that was started from the virtual environment LGI is installed in."""
    monkeypatch.setenv("PATH", f"{LGI_BIN}:/opt/site/bin:/usr/bin:/bin")


def test_a_job_finds_the_sites_path_and_lgi_programs_last(activated: None, seen: dict[str, str]) -> None:
    """Neither LGI's Python and pip, nor its short names, are found by a job."""
    *site, programs = seen["LGI_JOB_PATH"].split(":")

    assert site == ["/opt/site/bin", "/usr/bin", "/bin"]
    names = os.listdir(programs)
    assert "LGI_qsub" in names
    assert "LGI_filetransfer" in names
    assert all(name.startswith("LGI_") for name in names)


def test_a_script_finds_the_sites_python_and_lgi_short_names(
    activated: None, seen: dict[str, str], write: Write, here: ScriptContext
) -> None:
    """The scripts of a site use xml and csv of LGI, and python3 of the site."""
    script = write("for name in xml csv python3 pip LGI_qsub; do command -v $name || echo none; done > found")

    Scripts().status(script, here)

    found = (here.directory / "found").read_text().splitlines()
    folders = [Path(line).parent for line in found]
    assert {folders[0].name, folders[1].name} == {"filters"}
    assert Path(LGI_BIN) not in folders[2:4]
    assert folders[4].name == ".programs"


def test_a_program_of_lgi_runs_by_its_link(here: ScriptContext, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job starts LGI_xml with the PATH it has."""
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    environment = here.environment()

    answer = subprocess.run(
        ["/bin/sh", "-c", "echo '<a> b </a>' | LGI_xml a"],
        env={**environment, "PATH": environment["LGI_JOB_PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )

    assert answer.stdout.strip() == "b"


def test_links_to_programs_follow_the_installation(place: Path) -> None:
    """A moved installation replaces its links, a program that is no more takes its link with it."""
    folder = link_programs(place)
    (folder / "LGI_qsub").unlink()
    (folder / "LGI_qsub").symlink_to("/nowhere/LGI_qsub")
    (folder / "LGI_gone").symlink_to("/nowhere/LGI_gone")

    link_programs(place)

    assert os.readlink(folder / "LGI_qsub") == f"{LGI_BIN}/LGI_qsub"
    assert sorted(os.listdir(folder)) == sorted(path.name for path in Path(LGI_BIN).glob("LGI_*"))


def test_a_claimed_run_directory_has_the_programs(workshop: Workshop) -> None:
    """The daemon makes the links before any job."""
    assert (workshop.run_directory().programs / "LGI_qsub").exists()


def test_a_path_of_a_site_without_a_virtual_environment_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """If LGI is installed with the system's programs, its directory is the system's too."""
    monkeypatch.setenv("PATH", f"{LGI_BIN}:/usr/bin")
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)

    assert site_path() == f"{LGI_BIN}:/usr/bin"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {"LANG": "C.UTF-8"}),
        ({"LANG": ""}, {"LANG": "C.UTF-8"}),
        ({"LANG": "nl_NL.UTF-8", "LC_TIME": "C"}, {"LANG": "nl_NL.UTF-8", "LC_TIME": "C"}),
        ({"LC_ALL": "C"}, {"LC_ALL": "C"}),
    ],
)
def test_the_locale_of_scripts_is_the_daemons(
    given: dict[str, str], expected: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The default is UTF-8 if the daemon has none, as under systemd."""
    for name in [name for name in os.environ if name.startswith(("LC_", "LANG"))]:
        monkeypatch.delenv(name)
    for name, value in given.items():
        monkeypatch.setenv(name, value)

    found = variables(None, None, {})

    assert {name: found[name] for name in found if name.startswith(("LC_", "LANG"))} == expected


def test_scripts_have_the_proxies_of_the_daemon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The prologue of a job needs a proxy where it is the only way out."""
    given = {
        "http_proxy": "http://proxy:1",
        "https_proxy": "http://proxy:2",
        "HTTPS_PROXY": "http://proxy:3",
        "all_proxy": "http://proxy:4",
        "no_proxy": "localhost",
        "NO_PROXY": ".example.org",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)

    assert given.items() <= variables(None, None, {}).items()


def signals_in(mask: str) -> set[int]:
    """Return the signals in a mask of /proc."""
    return {number for number in range(1, 65) if int(mask, 16) >> (number - 1) & 1}


def test_a_script_ignores_and_blocks_no_signal(write: Write, here: ScriptContext) -> None:
    """A daemon ignores SIGPIPE as every Python does; in a job `yes | head` must end."""
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    own = Path("/proc/self/status").read_text().partition("SigIgn:\t")[2].split()[0]
    # What a shell has run in the background ignores SIGINT from its start.
    inherited = signals_in(own) - {signal.SIGPIPE, signal.SIGXFSZ}

    Scripts().status(write("grep -E '^Sig(Ign|Blk)' /proc/self/status > masks; umask > mask"), here)

    blocked, ignored = (here.directory / "masks").read_text().split()[1::2]
    assert signals_in(blocked) == set()
    assert signals_in(ignored) <= inherited
    assert (here.directory / "mask").read_text() == "0077\n"
