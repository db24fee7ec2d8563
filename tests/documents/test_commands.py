"""Every command of the documents is run as it stands, on the project of the quick start."""

import doctest
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from click.testing import CliRunner

from lgi_server.cli.manage_db.command import main as manage_db
from lgi_server.cli.setup.command import main as setup
from tests.documents.blocks import DOCUMENTS, ROOT, Block, blocks
from tests.documents.conftest import Project
from tests.support.grid import BIN

# Each block of a document has five minutes, the dozens of a document more.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

GUIDES = [path for path in DOCUMENTS if path.name != "SETUP.md" and blocks(path, "sh")]
NOT_RUN = [block for path in DOCUMENTS for block in blocks(path) if block.kind.startswith("sh ")]
OF_MANY_COMMANDS = {"LGI_setup": setup, "ManageDB": manage_db}
PROGRAMS = re.compile(r"\b(?:LGI_[a-z]+|ManageDB)\b")


def test_the_quick_start_ends_with_the_first_job_of_a_second_person(project: Project) -> None:
    """SETUP.md, from nothing: each of its commands succeeds, and both people see what their jobs printed."""
    printed = project.terminal.output

    assert "Hello_World from desktop@example.org submitted with input: hello" in printed
    assert "\nhello from " in printed


@pytest.mark.parametrize("path", GUIDES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_document_has_no_command_that_fails(project: Project, path: Path) -> None:
    """Each document starts after the quick start, in a new terminal."""
    with project.open() as terminal:
        project.follow(path, terminal)


def test_the_python_example_of_the_user_guide_prints_what_stands_below_it(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """docs/python.md has a test of its own."""
    monkeypatch.setenv("HOME", str(project.directory / "home"))
    (block,) = blocks(ROOT / "docs" / "user_guide.md", "pycon")
    test = doctest.DocTestParser().get_doctest(block.text, {}, block.document, block.document, block.line)
    printed: list[str] = []

    results = doctest.DocTestRunner(verbose=False).run(test, out=printed.append)

    assert results.attempted > 2
    assert results.failed == 0, "".join(printed)


@pytest.mark.parametrize("block", NOT_RUN, ids=lambda block: block.place)
def test_a_command_that_needs_another_machine_is_known_to_its_program(block: Block) -> None:
    """It is not run. But the shell can read it, and the programs of LGI have all of its options."""
    read = subprocess.run(["bash", "-n"], input=block.text, capture_output=True, text=True, check=False)
    assert read.returncode == 0, read.stderr

    # Those of plugins are not installed here.
    lines = [] if block.kind == "sh engine" else block.text.replace("\\\n", " ").splitlines()
    for line in lines:
        for program in PROGRAMS.findall(line):
            words = re.findall(r"(?<=\s)--?[A-Za-z][\w-]*", line.partition(program)[2].partition(" -- ")[0])
            missing = [word for word in words if word not in described(program)]
            assert not missing, f"{block.place}: {program} has no {missing}"


@cache
def described(program: str) -> str:
    """All that a program and its commands say of their options."""
    if not (BIN / program).exists():
        return ""
    return "\n".join(told_with_commands(program))


def told_with_commands(*words: str) -> Iterator[str]:
    """The help of a program, and that of its commands and their commands."""
    text = told(*words)
    yield text
    commands = text.partition("\nCommands:\n")[2].partition("\n\n")[0]
    for name in re.findall(r"^  ([a-z-]+) ", commands, re.MULTILINE):
        yield from told_with_commands(*words, name)


def told(*words: str) -> str:
    """The help of a program; of those with dozens of commands without as many starts."""
    if main := OF_MANY_COMMANDS.get(words[0]):
        return CliRunner().invoke(main, [*words[1:], "-h"], prog_name=words[0]).stdout
    done = subprocess.run([BIN / words[0], *words[1:], "-h"], capture_output=True, text=True, check=False)
    return done.stdout
