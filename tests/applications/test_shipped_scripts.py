"""The applications as they are shipped."""

import shutil
import subprocess
from pathlib import Path

import pytest

from lgi_daemon.config import model
from tests.conftest import lacking
from tests.support.bench import APPLICATIONS, LIBRARY

COMMAND = APPLICATIONS / "command"
BACKENDS = ("process", "slurm", "pbs", "sge", "loadleveler", "glite")
# Parts that every back-end reads, in the order in which they are read.
PARTS = (
    "LGI_backend",
    "settings.sh",
    "job.sh",
    "requests.sh",
    "payload.sh",
    "container.sh",
    "capabilities.sh",
    "output.sh",
)


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_library_has_no_trap_of_the_shell(backend: str, tmp_path: Path) -> None:
    """shellcheck finds nothing, in all that one back-end reads taken together."""
    if shutil.which("shellcheck") is None:
        lacking("shellcheck")
    whole = tmp_path / "whole.sh"
    queue = () if backend == "process" else ("queue.sh",)
    parts = [(LIBRARY / part).read_text() for part in (*PARTS, *queue, f"{backend}.sh")]
    heads = "".join(parts).replace("# shellcheck shell=sh", "#")
    whole.write_text(f"#!/bin/sh\nbackend={backend}\n{heads}")

    # Parts are found at run time; a back-end replaces functions and sets what others read.
    ignored = "SC1090,SC1091,SC2034,SC2317"
    done = subprocess.run(["shellcheck", "-e", ignored, whole], capture_output=True, text=True, check=False)

    assert done.stdout == ""


def test_the_wrapper_of_a_program_has_no_trap_of_the_shell() -> None:
    """It is a script of its own where the job runs."""
    if shutil.which("shellcheck") is None:
        lacking("shellcheck")

    done = subprocess.run(["shellcheck", LIBRARY / "wrapper.sh"], capture_output=True, text=True, check=False)

    assert done.stdout == ""


@pytest.mark.parametrize("script", sorted(COMMAND.glob("[!L]*")), ids=lambda path: path.name)
def test_a_shipped_script_is_settings_and_one_line(script: Path) -> None:
    """It names a back-end that is there, and can be run."""
    lines = script.read_text().splitlines()

    assert lines[-1] == ". LGI_backend"
    assert script.stat().st_mode & 0o111
    assert f"backend={script.name if script.name in BACKENDS else 'process'}" in lines


@pytest.mark.parametrize(
    ("script", "command"), [("slurm", "squeue"), ("pbs", "qstat"), ("sge", "qstat"), ("container", "bwrap")]
)
def test_a_back_end_that_is_not_installed_is_named(tmp_path: Path, script: str, command: str) -> None:
    """check_system_limits names it in its last line, which the daemon reports to the project."""
    # All commands that are here but for those of a batch system or container engine.
    kept = tmp_path / "bin"
    kept.mkdir()
    for folder in ("/bin", "/usr/bin"):
        for path in Path(folder).iterdir():
            if path.name != command and not (kept / path.name).is_symlink():
                (kept / path.name).symlink_to(path)

    done = subprocess.run(
        [COMMAND / script],
        env={"PATH": f"{LIBRARY}:{kept}", "LGI_PROJECT": "LGI", "LGI_APPLICATION": "command"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode != 0
    assert command in (done.stdout + done.stderr).splitlines()[-1]


def test_the_example_configuration_can_be_used(tmp_path: Path, certificate_files: Path) -> None:
    """With certificate, key, authority and a run directory it is complete."""
    text = (COMMAND / "LGI.cfg.example").read_text()
    for old, new in {
        "../../certificates/LGI+CA.crt": certificate_files / "ca.crt",
        "../../certificates/laptop": certificate_files / "laptop",
        "./runhere": tmp_path,
        " ./process": f" {COMMAND}/process",
    }.items():
        text = text.replace(old, str(new))
    file = tmp_path / "LGI.cfg"
    file.write_text(text)

    read = model.load(file, as_root=False)

    (application,) = read.projects[0].applications
    assert application.name == "command"
    assert set(application.scripts.values()) == {COMMAND / "process"}


def test_an_unknown_back_end_answers_no_to_every_question(tmp_path: Path) -> None:
    """A misspelt setting: no work is asked for."""
    script = tmp_path / "check_system_limits_script"
    script.write_text(f'#!/bin/sh\nbackend=slurn\nPATH="{LIBRARY}:$PATH"\n. LGI_backend\n')
    script.chmod(0o755)

    assert subprocess.run([script], check=False).returncode == 1
