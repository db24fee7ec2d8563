"""What the tools say of themselves."""

import subprocess
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.metadata import distribution
from pathlib import Path
from pkgutil import walk_packages

import click
import pytest

import lgi_tools
from lgi_protocol import LGI_VERSION
from lgi_tools.commands.attach import main as attach
from lgi_tools.commands.certificates import main as certificates
from lgi_tools.commands.clean import main as clean
from lgi_tools.commands.explain import main as explain
from lgi_tools.commands.filetransfer import main as filetransfer
from lgi_tools.commands.flow import main as flow
from lgi_tools.commands.get import main as get
from lgi_tools.commands.history import main as history
from lgi_tools.commands.history import usage_main as usage
from lgi_tools.commands.hold import main as hold
from lgi_tools.commands.hold import release_main as release
from lgi_tools.commands.priority import main as priority
from lgi_tools.commands.qdel import main as qdel
from lgi_tools.commands.qstat import main as qstat
from lgi_tools.commands.qsub import main as qsub
from lgi_tools.commands.resource import main as resource
from lgi_tools.commands.resources import main as resources
from lgi_tools.commands.resubmit import main as resubmit
from lgi_tools.commands.run import main as run_command
from lgi_tools.commands.share import main as share
from lgi_tools.commands.tail import main as tail
from lgi_tools.commands.token import main as token
from lgi_tools.commands.top import main as top
from lgi_tools.commands.wait import main as wait
from lgi_tools.joining.command import main as join
from lgi_tools.task.command import main as task
from tests.support.grid import BIN

Run = Callable[..., tuple[int, str, str]]
TOOLS = {
    "LGI_qsub": qsub,
    "LGI_qstat": qstat,
    "LGI_qdel": qdel,
    "LGI_history": history,
    "LGI_usage": usage,
    "LGI_filetransfer": filetransfer,
    "LGI_certificates": certificates,
    "LGI_run": run_command,
    "LGI_wait": wait,
    "LGI_tail": tail,
    "LGI_clean": clean,
    "LGI_resubmit": resubmit,
    "LGI_get": get,
    "LGI_hold": hold,
    "LGI_attach": attach,
    "LGI_share": share,
    "LGI_flow": flow,
    "LGI_release": release,
    "LGI_priority": priority,
    "LGI_top": top,
    "LGI_token": token,
    "LGI_resource": resource,
    "LGI_resources": resources,
    "LGI_explain": explain,
    "LGI_join": join,
    "LGI_task": task,
}


def commands() -> Iterator[tuple[str, click.Command]]:
    """All commands and subcommands that modules of the tools declare, with the place of each."""
    for module in walk_packages(lgi_tools.__path__, "lgi_tools."):
        for name, found in vars(import_module(module.name)).items():
            callback = found.callback if isinstance(found, click.Command) else None
            if callback and callback.__module__ == module.name:
                yield f"{module.name.removeprefix('lgi_tools.')}.{name}", found


def filters() -> list[str]:
    """The programs that read standard input, without click."""
    entries = distribution("lgi").entry_points
    return sorted(entry.name for entry in entries if entry.load().module.startswith("lgi_tools.filters."))


COMMANDS = dict(commands())
FILTERS = filters()


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_has_an_example(name: str) -> None:
    """The example begins with the command, so that it can be copied."""
    text = COMMANDS[name].help or ""

    assert "Example: " in text
    example = text.partition("Example: ")[2]
    assert example.startswith(("LGI_", 'eval "$(LGI_'))


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_an_option_shows_its_default(name: str) -> None:
    """Each option with an optional value has one: a value, or a description."""
    command = COMMANDS[name]
    context = click.Context(command)
    optional = [
        option
        for option in command.params
        if isinstance(option, click.Option) and not option.is_flag and not option.required
    ]

    shown = {option.opts[-1]: option.get_help_record(context) for option in optional}
    assert [option for option, record in shown.items() if record and "default: " not in record[1]] == []


@pytest.mark.parametrize("name", FILTERS)
def test_the_help_of_a_filter_has_an_example_and_defaults(name: str) -> None:
    """As LGI, some of them show it with exit code 1."""
    done = subprocess.run([BIN / name, "-h"], capture_output=True, text=True, timeout=60, check=False)

    assert f"Example: {name} " in done.stdout
    assert "(default: standard input)" in done.stdout


def programs() -> list[str]:
    """All programs of the three parts, as they are installed."""
    return sorted(
        entry.name for entry in distribution("lgi").entry_points if entry.group == "console_scripts"
    )


@pytest.mark.parametrize("name", programs())
def test_help_is_a_success(name: str) -> None:
    """Exit code 0 and a text on standard output. As LGI: its three filters without options end with 1."""
    done = subprocess.run([BIN / name, "-h"], capture_output=True, text=True, timeout=60, check=False)

    assert name in done.stdout
    assert (done.returncode, done.stderr) == (int(name in {"LGI_hash", "LGI_binhex", "LGI_hexbin"}), "")


def test_the_walk_over_the_commands_finds_all_of_them() -> None:
    """Nothing is said of a command that is not found."""
    assert len(COMMANDS) > 30
    assert {"LGI_xml", "LGI_hash"} < set(FILTERS)


@pytest.mark.parametrize("name", TOOLS)
def test_every_tool_tells_its_version(run: Run, name: str) -> None:
    """One line, and success."""
    assert run(TOOLS[name], "--version") == (0, f"{name} {LGI_VERSION}\n", "")


@pytest.mark.parametrize("name", ["LGI_qsub", "LGI_qstat", "LGI_qdel"])
def test_help_says_how_a_list_is_written(run: Run, name: str) -> None:
    """Every LIST is comma-separated, and says so."""
    _, out, _ = run(TOOLS[name], "-h")

    assert out.count(" LIST ") == out.count("comma-separated") >= 1


def test_the_actions_of_a_file_transfer_are_explained(run: Run) -> None:
    """A line each; and that a download replaces what is there."""
    _, out, _ = run(filetransfer, "-h")

    for action in ("list ", "download ", "upload ", "delete "):
        assert any(line.strip().startswith(action) for line in out.splitlines())
    assert "existing local files are replaced" in out


def test_a_missing_file_is_looked_for_where_the_user_said(run: Run, home: Path, tmp_path: Path) -> None:
    """With -c DIR the message names DIR, not a directory that may not exist."""
    (home / ".LGI" / "user").unlink()
    mine = tmp_path / "mine"
    mine.mkdir()

    _, _, err = run(qstat, "-c", str(mine))

    assert f"no user name: give -U NAME, or write it into {mine}/user " in err
    assert "~/.LGI" not in err


@pytest.mark.parametrize("url", ["http://localhost/LGI", "localhost/LGI", "ftp://localhost"])
def test_a_configuration_is_for_a_server_with_tls(run: Run, tmp_path: Path, url: str) -> None:
    """The tools would refuse it afterwards; nothing is made."""
    at = ("--directory", str(tmp_path / "ca"))
    run(certificates, *at, "init")

    code, _, err = run(
        certificates, *at, "user", "mark", "--config-dir", str(tmp_path / "c"), "--server", url
    )

    assert code == 1
    assert f"{url!r} is not a URL that begins with https://" in err
    assert not (tmp_path / "c").exists()
    assert not (tmp_path / "ca" / "mark.crt").exists()
