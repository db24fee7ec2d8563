"""Completion of options and files in shells."""

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

from lgi_tools.commands import complete
from tests.conftest import lacking
from tests.support.grid import BIN

ROOT = Path(__file__).parents[2]
Run = Callable[..., tuple[int, str, str]]


def completed(words: str) -> list[str]:
    """What bash offers for the last word of a line."""
    script = (
        'eval "$(LGI_complete bash)"; COMP_WORDS=($1); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); '
        'compopt() { :; }; "_${COMP_WORDS[0]}_completion" "${COMP_WORDS[0]}"; '
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    path = f"{BIN}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script, "bash", words],
        env={"PATH": path, "HOME": "/"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("LGI_qstat --ser", ["--server", "--servers"]),
        ("LGI_qstat -s ru", ["running"]),
        ("LGI_filetransfer up", ["upload"]),
        ("LGI_certificates re", ["renew", "resource", "revoke"]),
        ("LGI_setup re", ["restore"]),
        ("LGI_setup project ad", ["add"]),
        ("LGI_setup upgrade --dry", ["--dry-run"]),
        ("ManageDB list us", ["users"]),
        ("LGI_daemon --li", ["--life-limit"]),
        ("LGI_server st", ["status"]),
    ],
)
def test_a_shell_offers_what_goes_on(words: str, offered: list[str]) -> None:
    """Long options, states, actions, and the commands of a command."""
    if shutil.which("bash") is None:
        lacking("bash")

    assert set(offered) <= set(completed(words))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_its_words_for_every_command(run: Run, shell: str) -> None:
    """All commands of users, administrators and resources, and no filter."""
    code, out, err = run(complete.main, shell)

    assert (code, err) == (0, "")
    of_users = ("LGI_qsub", "LGI_qstat", "LGI_qdel", "LGI_filetransfer", "LGI_certificates")
    for name in (*of_users, "LGI_setup", "ManageDB", "LGI_server", "LGI_daemon"):
        assert f"_{name.upper()}_COMPLETE={shell}_complete" in out
    assert "LGI_xml" not in out


def test_a_command_that_is_not_installed_is_not_completed(tmp_path: Path) -> None:
    """On a user's machine, where packages have installed neither server nor daemon."""
    for name in ("lgi_tools", "lgi_protocol"):
        (tmp_path / name).symlink_to(ROOT / name)
    # Without the start files of the environment, Python does not find the modules of this repository.
    path = [str(tmp_path), sysconfig.get_path("purelib")]
    program = (
        f"import sys; sys.path += {path}; from lgi_tools.commands import complete; complete.main(['bash'])"
    )

    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, timeout=60, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert "LGI_qsub" in done.stdout
    assert "LGI_setup" not in done.stdout
    assert "LGI_daemon" not in done.stdout


def test_another_shell_is_refused(run: Run) -> None:
    """The message lists the shells there are."""
    code, _, err = run(complete.main, "csh")

    assert code == 1
    assert "'bash', 'zsh', 'fish'" in err
    assert not Path("csh").exists()
