"""The example session at the end of the LGI document, line by line."""

import os
import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lgi_tools.commands import filetransfer, qdel, qstat, qsub
from tests.support.grid import PROJECT, Grid
from tests.support.running_jobs import take

pytestmark = pytest.mark.slow

SESSION = Path(__file__).parents[1] / "golden" / "example_session.txt"
RESOURCE = "mark@boeddha.gorlaeus.net"
REFERENCE = "5A7FD65D608BAD2C9AB217BEE01F87CC"
TOOLS: dict[str, Callable[[list[str]], int]] = {
    "LGI_qstat": qstat.main,
    "LGI_qsub": qsub.main,
    "LGI_qdel": qdel.main,
    "LGI_filetransfer": filetransfer.main,
}
# What is known only when it was seen, and stays the same from then on; or is never the same.
SEEN = {
    "job": r"[0-9]+",
    "place": r"LGI@localhost:/\S+/JOB_[0-9a-f]{32}",
    "url": r"https://\S+/JOB_[0-9a-f]{32}",
}
CHANGING = {"time": r"[A-Z][a-z]{2} [A-Z][a-z]{2} [0-9]{1,2} [0-9:]{8} [0-9]{4}", "seconds": r"[0-9]{10}"}


@pytest.fixture
def home(grid: Grid, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Mark's home as the document lists it, and the source file he uploads."""
    issued = grid.people.user("mark@laptop", ("theor",), (PROJECT,))
    config, here = tmp_path / ".LGI", tmp_path / "src"
    config.mkdir()
    here.mkdir(mode=0o755)
    shutil.copy(issued.certificate, config / "mark@laptop.crt")
    shutil.copy(issued.key, config / "mark@laptop.key")
    (config / "certificate").symlink_to("mark@laptop.crt")
    (config / "privatekey").symlink_to("mark@laptop.key")
    shutil.copy(grid.people.authority.ca_file, config / "ca_chain")
    for name, text in {
        "user": "mark@laptop",
        "groups": "theor",
        "defaultproject": PROJECT,
        "defaultserver": grid.url,
        "defaultapplication": "hello_world",
        "defaulttargetresources": "any",
        "defaultjobspecifics": "<default>hello</default>",
    }.items():
        (config / name).write_text(f"{text}\n")
    (here / "binhex.h").write_text("x" * 1257)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(here)
    return tmp_path


def steps() -> Iterator[tuple[str, list[str]]]:
    """Each command, or what happens elsewhere, with the lines it is to print."""
    _, *parts = re.split(r"\n(?=\$ |# the )", SESSION.read_text())
    for part in parts:
        command, *lines = part.splitlines()
        yield command, lines


def plain(lines: list[str]) -> list[str]:
    """Lines without what a page may change: their empty ones, runs of blanks, the length of rules."""
    return [re.sub(r" +", " ", re.sub(r"-{5,}", "-----", line)).strip() for line in lines if line.strip()]


def ordered(lines: list[str]) -> list[str]:
    """The document lists files as its disk had them, this server by name."""
    files = [line for line in lines if "binhex.h" in line or ".LGI_repo" in line]
    names = [", ".join(sorted(line.partition(": ")[2].split(", "))) for line in files if "content" in line]
    if names:
        return [f"Repository content : {names[0]}" if line in files else line for line in lines]
    return sorted(lines) if len(files) == len(lines) else lines


def compare(command: str, expected: list[str], printed: list[str], known: dict[str, str]) -> None:
    """AssertionError unless every line is as expected; ``known`` learns what is seen for the first time."""
    expected, printed = ordered(plain(expected)), ordered(plain(printed))
    assert len(printed) == len(expected), (command, printed)
    for wanted, line in zip(expected, printed, strict=True):
        pattern = re.escape(wanted)
        for name, kind in (SEEN | CHANGING | known).items():
            kind = re.escape(kind) if name in known else f"(?P<{name}>{kind})"
            pattern = pattern.replace(re.escape(f"{{{name}}}"), kind, 1).replace(
                re.escape(f"{{{name}}}"), f"(?P={name})"
            )
        found = re.fullmatch(pattern, line)
        assert found, f"{command}: {line!r} is not {wanted!r}"
        known |= {name: text for name, text in found.groupdict().items() if name in SEEN}


def test_the_example_session_of_the_document_prints_what_it_shows(
    grid: Grid, home: Path, capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path
) -> None:
    """Each command prints the lines of the document, word for word."""
    resource = grid.resource(RESOURCE)
    known = {"server": grid.url}

    for command, expected in steps():
        if command == "# the resource takes the job":
            take(grid, resource, REFERENCE)
            continue
        words = command.removeprefix("$ ").format(**known).replace("/tmp/", f"{tmp_path}/")
        name, *arguments = shlex.split(words.replace("~", str(home)))
        if name == "ls":
            printed = [arguments[0].replace(f"{tmp_path}/", "/tmp/")]
            if Path(arguments[0]).is_dir():
                printed = sorted(os.listdir(arguments[0]))
        else:
            assert TOOLS[name](arguments) == 0
            out, err = capfdbinary.readouterr()
            assert err == b""
            printed = out.decode().splitlines()
        compare(command, expected, printed, known)

    assert (tmp_path / "binhex.h").read_text() == "x" * 1257
    assert set(known) == {"server", *SEEN}
