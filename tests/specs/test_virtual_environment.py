"""make/venv.sh with a Python of our own: what is interrupted, run twice at once, or too old."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Makes virtual environments of itself, each with a pip that does not bear a second one beside it.
PYTHON = """#!/bin/sh
here=$(dirname "$0")/..
case "$*" in
    "-m venv"*)
        for place; do :; done
        mkdir -p "$place/bin" && cp "$0" "$place/bin/python" && touch "$place/pip" ;;
    "-m pip"*--version) [ -e "$here/pip" ] ;;
    "-m pip"*)
        [ -e "$here/pip" ] || { echo "No module named pip" >&2; exit 1; }
        case "$*" in *missing*) exit 1 ;; esac
        mkdir "$here/busy" || { echo "two at once" >&2; exit 1; }
        sleep 0.3
        rmdir "$here/busy"
        echo "$*" >> "$here/log" ;;
    *version_info*) exit TOO_OLD ;;
    *executable*) echo /bin/true ;;
esac
"""


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A directory as a fresh clone has it, as far as the script is concerned."""
    (tmp_path / "make").mkdir()
    shutil.copy(ROOT / "make" / "venv.sh", tmp_path / "make")
    for name in ("setup.cfg", "constraints.txt"):
        (tmp_path / name).touch()
    for name, status in (("python", "0"), ("old-python", "1")):
        program = tmp_path / name
        program.write_text(PYTHON.replace("TOO_OLD", status))
        program.chmod(0o755)
    return tmp_path


def start(sources: Path, *words: str, python: str = "python", **environment: str) -> subprocess.Popen[str]:
    """The script with a Python of ours."""
    return subprocess.Popen(
        ["sh", "make/venv.sh", *words],
        cwd=sources,
        env={**os.environ, "PYTHON": str(sources / python), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def installs(sources: Path) -> int:
    """How often packages were installed."""
    return len((sources / ".venv" / "log").read_text().splitlines())


def test_an_interrupted_environment_is_made_again(sources: Path) -> None:
    """It has a Python and no pip yet."""
    (sources / ".venv" / "bin").mkdir(parents=True)
    shutil.copy(sources / "python", sources / ".venv" / "bin")

    made = start(sources)

    assert made.wait(60) == 0, made.communicate()
    assert (sources / ".venv" / "installed").exists()


def test_the_second_of_two_commands_waits_and_finds_what_the_first_has_made(sources: Path) -> None:
    """In a fresh clone both want to make the environment."""
    both = [start(sources), start(sources)]

    assert [one.wait(60) for one in both] == [0, 0], [one.communicate() for one in both]
    assert installs(sources) == 1


def test_an_extra_is_installed_once(sources: Path) -> None:
    """As the tools for checks, after all else."""
    for _time in range(2):
        for words in ([], ["audit"]):
            assert start(sources, *words).wait(60) == 0

    assert installs(sources) == 2
    assert (sources / ".venv" / "audit").exists()


def test_extras_are_installed_with_all_else(sources: Path) -> None:
    """In one installation, after which none of them is installed again."""
    assert start(sources, EXTRAS="audit,browser").wait(60) == 0
    for extra in ("audit", "browser"):
        assert start(sources, extra).wait(60) == 0

    assert installs(sources) == 1


def test_extras_that_cannot_be_had_stop_nothing(sources: Path) -> None:
    """All else is installed without them, and each may be tried again."""
    assert start(sources, EXTRAS="missing").wait(60) == 0

    assert (sources / ".venv" / "installed").exists()
    assert not (sources / ".venv" / "missing").exists()


def test_an_old_python_that_was_asked_for_is_refused_by_name(sources: Path) -> None:
    """Another one in its place would surprise."""
    made = start(sources, python="old-python")
    text, _ = made.communicate(timeout=60)

    assert made.returncode == 1
    assert f"PYTHON={sources}/old-python is no Python 3.11 or newer" in text
    assert not (sources / ".venv").exists()
