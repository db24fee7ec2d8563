"""The command lines of ManageDB: those of LGI's document, help, and answers that cannot be printed."""

import os
import re
import subprocess
from collections.abc import Iterator

import click
import pytest

from lgi_server.cli.manage_db.command import main
from tests.server.test_manage_db import last_update
from tests.support.grid import BIN, Grid
from tests.support.manage_db import manage

pytestmark = pytest.mark.slow

ADD = ("add", "users", "denied", "--name", "eve@desk", "--application", "any", "--servers", "any")


def test_the_command_lines_of_LGIs_document_ask_as_they_do_there(grid: Grid) -> None:
    """Words, questions and answers of its examples, in a project that is called otherwise."""
    certificate = grid.people.resource("user@resource").certificate
    database = ("LGI", "localhost", "examplemysqluser", "examplemysqluserpasswd")
    dialogues = [
        (
            ("add", "users", "allowed", *database),
            {"user name": "theusername", "application": "hello_world", "job limit": "10"},
        ),
        (
            ("add", "resources", "allowed"),
            {
                "resource name": "user@resource",
                "resource url": "user@resource",
                "certificate file": str(certificate),
                "project server flag": "0",
            },
        ),
        (("add", "groups", "allowed"), {"group name": "newgroup", "application": "any", "job limit": "-10"}),
        (("add", "users", "denied"), {"user name": "baduser", "application": "any"}),
    ]
    for words, answers in dialogues:
        told = answers | {"servers to update": "any"}

        done = manage(grid, *words, answers="".join(f"{answer}\n" for answer in told.values()))

        assert (done.returncode, re.findall("Enter (.*?): ", done.stdout)) == (0, list(told)), done.stderr
    listed = manage(grid, "list", "users", "allowed")

    assert [line.split() for line in listed.stdout.splitlines()] == [
        ["user_name", "application", "job_limit"],
        ["any", "any", "0"],
        ["theusername", "hello_world", "10"],
    ]
    assert {"group_name": "newgroup", "application": "any", "job_limit": -10} in grid.rows(
        "SELECT * FROM groups_allowed"
    )


def test_a_password_on_the_command_line_is_warned_of(grid: Grid) -> None:
    """As LGI: it is allowed. It is not needed, and other users of the machine can read it."""
    done = manage(grid, "list", "users", "allowed", "LGI", "localhost", "LGI", "secret")

    assert done.returncode == 0
    assert "everybody can read a password here" in done.stderr
    assert "secret" not in done.stdout + done.stderr


def test_host_and_user_of_the_database_may_stand_there(grid: Grid) -> None:
    """As LGI, which ignored the host too; the configuration has the address of the database."""
    assert manage(grid, "list", "users", "allowed", "LGI", "localhost", "LGI").stderr == ""


def test_words_may_be_written_in_upper_case(grid: Grid) -> None:
    """As LGI; the name of the project is case-sensitive."""
    assert manage(grid, "LIST", "Users", "ALLOWED", "LGI").returncode == 0
    assert "has no project 'lgi'" in manage(grid, "list", "users", "allowed", "lgi").stderr


def test_the_configuration_may_be_given_behind_the_words(grid: Grid) -> None:
    """An option after the words overrides one before them."""
    command = [
        BIN / "ManageDB",
        "--config",
        "/nowhere",
        "list",
        "users",
        "allowed",
        "--config",
        grid.config_file,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stderr) == (0, "")


WORDS = {
    "nothing": ((), "resource NAME} [PROJECT]"),
    "no rule": (("list", "users"), "Commands:\n  admin "),
    "unknown kind": (("list", "user", "allowed"), "No such command 'user'. Did you mean 'users'?"),
    "licences are configured": (("add", "licences"), "No such command 'licences'."),
    "too many words": (("list", "users", "allowed", *"abcde"), "too many words: e"),
}


@pytest.mark.parametrize(("words", "message"), WORDS.values(), ids=WORDS.keys())
def test_an_unknown_word_of_a_command_line_is_refused(
    grid: Grid, words: tuple[str, ...], message: str
) -> None:
    """Exit code 2, with the usage."""
    done = manage(grid, *words)

    assert done.returncode == 2
    assert message in done.stderr
    assert "Usage: ManageDB" in done.stderr


@pytest.mark.parametrize("change", [ADD, ("add", "users", "share", "--name", "eve@desk", "--weight", "2")])
@pytest.mark.parametrize("place", ["> /dev/full", ">&-", ""], ids=["full", "closed", "not read"])
def test_a_change_whose_answer_cannot_be_printed_is_told_on_standard_error(
    grid: Grid, change: tuple[str, ...], place: str
) -> None:
    """Otherwise the exit code 1 would look as if nothing had been done."""
    line = f'"$0" --config "$@" {place}; echo "code $?" >&2'
    read, write = os.pipe()
    # Of a pipe whose reader has ended.
    os.close(read)

    done = subprocess.run(
        ["sh", "-c", line, BIN / "ManageDB", grid.config_file, *change],
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    os.close(write)

    version = last_update(grid)["version"]
    told = f"as update {version} of project LGI" if "denied" in change else "in project LGI on this server"
    reasons = {"> /dev/full": "No space left on device", ">&-": "Bad file descriptor"}
    lines = done.stderr.splitlines()
    assert lines[0] == f"ManageDB: Done, {told}."
    assert lines[-1] == "code 1"
    assert lines[1:-1] == [
        f"ManageDB: cannot write to standard output: {reasons[place]}" for _ in range(place in reasons)
    ]
    rows = grid.rows("SELECT user_name FROM users_denied") + grid.rows("SELECT account FROM share_weights")
    assert len(rows) == 1


def commands(group: click.Group, *words: str) -> Iterator[tuple[str, click.Command]]:
    """All commands below a group that do something, with their words."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, *words, name)
        elif not command.hidden:
            yield " ".join((*words, name)), command


@pytest.mark.parametrize(("words", "command"), list(commands(main)), ids=lambda value: str(value))
def test_a_command_has_help_with_an_example_and_defaults(words: str, command: click.Command) -> None:
    """Each option says what happens without it; the example is one of this command, with options it has."""
    context = click.Context(command, info_name=words)
    text = command.get_help(context)
    example = text.partition("Example:")[2]

    assert command.help
    assert f"ManageDB {words}" in example
    assert set(re.findall(r"--[a-z-]+", example)) <= set(
        re.findall(r"--[a-z-]+", text.partition("Example:")[0])
    )
    for option in (one for one in command.get_params(context) if isinstance(one, click.Option)):
        record = option.get_help_record(context)
        assert option.is_flag or "[default: " in " ".join(str(record).split()), record


def test_a_configuration_without_sections_is_warned_of_once(grid: Grid) -> None:
    """A change, which notifies the slaves with the same configuration, prints one warning too."""
    lines = grid.config_file.read_text().splitlines()
    flat = grid.config_file.with_name("flat.cfg")
    flat.write_text("\n".join(line for line in lines if not line.startswith("[") or "project" in line))

    command = [BIN / "ManageDB", "--config", flat, *ADD]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0
    assert (
        done.stderr == f"ManageDB: {flat} has no sections yet; give it some with: LGI_setup convert {flat}\n"
    )
