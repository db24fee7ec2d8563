"""Commands of administrators without rights, on a full disk, ended half way and twice at once."""

import os
import re
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lgi_server.config import parser
from lgi_server.db import open_database, upgrades
from tests.support.commands import ADDED, COMMANDS, Children, World
from tests.support.grid import BIN
from tests.support.memory import in_memory

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """One for all tests; each begins anew."""
    # In memory where that can be had: the commands wait for the disk often.
    place = Path(tempfile.mkdtemp(prefix="lgi-faults-", dir=in_memory()))
    place.chmod(0o755)
    yield World(place / "grid")
    shutil.rmtree(place)


@pytest.mark.parametrize("what", COMMANDS)
def test_a_command_without_rights_says_so_and_changes_nothing(world: World, what: str) -> None:
    """Its user can read all files; the message names what cannot be written."""
    if os.geteuid():
        pytest.skip("only root can be somebody else")
    world.begin(what)
    before = world.contents()

    done = world.run(*COMMANDS[what], user="nobody", group="nogroup", extra_groups=[])

    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert str(world.directory) in done.stderr
    assert world.contents() == before


@pytest.mark.parametrize("what", COMMANDS)
def test_a_command_on_a_full_disk_says_so_and_changes_nothing(world: World, what: str) -> None:
    """The same command does it when there is room."""
    world.begin(what)
    before = world.contents()

    done = world.run(
        *COMMANDS[what], preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (900, 900))
    )
    after = world.contents()
    again = world.run(*COMMANDS[what])

    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert re.search("make room|check the disk|cannot be read: disk", done.stderr)
    assert after == before
    assert again.returncode == 0, again.stderr


@pytest.fixture(scope="module")
def children(world: World) -> Iterator[Children]:
    """One for all commands."""
    made = Children(world)
    yield made
    made.close()


# What a killed LGI_setup grid leaves is in test_grid_setup.py.
@pytest.mark.parametrize("what", [one for one in COMMANDS if one != "grid"])
def test_a_command_that_was_killed_anywhere_is_done_by_the_next_one(
    world: World, children: Children, what: str
) -> None:
    """That one leaves what a command leaves that was not disturbed; one that had ended is told so."""
    world.begin(what)
    assert children.run(what) == (0, "")
    names, text = world.names(), world.config.read_bytes()
    number = 0

    while True:
        world.begin(what)
        number += 1
        if children.run(what, number)[0] != 9:
            break
        code, told = children.run(what)
        assert code == 0 or "is there already" in told, (number, told)
        assert (world.names(), world.config.read_bytes()) == (names, text), number
        assert world.is_usable()

    assert number > 2


PAIRS: dict[str, tuple[str, str, Callable[[World], bool]]] = {
    "add": ("add", "add", lambda world: world.config.read_text().count(f"[project {ADDED}]") == 1),
    "upgrade": ("upgrade", "upgrade", lambda world: version(world) == upgrades.latest()),
    "drain": ("drain", "drain", lambda world: True),
    "remove": ("remove", "remove", lambda world: "[project Second]" not in world.config.read_text()),
    "add and remove": (
        *("add", "remove"),
        lambda world: set(parser.load(world.config).projects) <= {"LGI", "Second", ADDED},
    ),
}


def version(world: World) -> int:
    """The version of the first database."""
    opened = open_database(f"sqlite:{world.config.parent}/LGI.sqlite")
    try:
        return upgrades.version_of(opened)
    finally:
        opened.close()


@pytest.mark.parametrize("what", PAIRS)
def test_two_commands_at_once_do_as_one_after_the_other(world: World, what: str) -> None:
    """One of them may be refused, since the other one is at work; nothing is lost of what the other did."""
    *both, is_right = PAIRS[what]
    world.begin(what)

    running = [
        subprocess.Popen(
            [BIN / COMMANDS[one][0], *world.words(*COMMANDS[one][1:])],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for one in both
    ]
    told = [one.communicate(timeout=100)[1] for one in running]

    codes = [one.returncode for one in running]
    assert 0 in codes
    for code, text in zip(codes, told, strict=True):
        assert code == 0 or "another LGI_setup is at work" in text, text
    assert is_right(world)
    assert world.is_usable()
    projects = parser.load(world.config).projects
    for one, code in zip(both, codes, strict=True):
        assert code or one != "add" or ADDED in projects
        assert code or one != "remove" or "Second" not in projects


def test_a_drain_in_a_database_of_another_version_is_refused(world: World) -> None:
    """With the command that helps."""
    world.begin("upgrade")
    before = world.contents()

    done = world.run(*COMMANDS["drain"])

    assert done.returncode == 1
    assert "is of version 1, and this program needs version" in done.stderr
    assert world.contents() == before


def test_a_check_names_the_upgrade_that_is_missing(world: World) -> None:
    """It changes nothing."""
    world.begin("upgrade")
    before = world.contents()

    done = world.run("LGI_setup", "check", "CONFIG")

    assert "is of version 1, and this program needs version" in done.stdout
    assert world.contents() == before
