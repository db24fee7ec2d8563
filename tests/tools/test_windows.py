"""The clients need nothing that Windows lacks: `tests/support/windows.py` takes it away."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lgi_tools.client.local_path import UnsafePathError, check_name, prepare
from tests.support.grid import Grid
from tests.tools.test_task import ended, task

__all__ = ["task"]
Run = Callable[..., tuple[int, str, str]]
ROOT = Path(__file__).resolve().parents[2]
PLAYED = "import sys; sys.path.insert(0, sys.argv.pop(1)); from tests.support import windows; windows.main()"


def on_windows(*commands: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    """Commands, each the name of its module and words, that are run one after the other."""
    text = "".join(f"{json.dumps(words)}\n" for words in commands)
    words = [sys.executable, "-c", PLAYED, str(ROOT)]
    return subprocess.run(words, input=text, capture_output=True, text=True, timeout=120, check=False)


def test_every_module_of_the_clients_loads() -> None:
    """LGI_attach, LGI_stage and LGI_join say what they need, when they are used."""
    done = on_windows(
        ("lgi_tools.commands.attach", "7"),
        ("lgi_tools.commands.stage", "-j", ".", "out"),
        ("lgi_tools.joining.command", "https://no.where", "lgi1.x"),
        ("lgi_tools.commands.top",),
    )

    assert done.stdout.count(": 1\n") == 4, done.stderr
    assert "use LGI_attach in WSL" in done.stderr
    assert "LGI_stage runs in jobs, which are on Linux" in done.stderr
    assert "a resource is a machine with Linux" in done.stderr
    assert "give --once to print it once" in done.stderr


def test_a_directory_is_locked_by_a_file_in_it() -> None:
    """That of a certificate authority, while it issues a certificate."""
    authority = "lgi_tools.commands.certificates", "--directory", "ca"
    done = on_windows(
        (*authority, "init"), (*authority, "user", "ann@desk"), (*authority, "user", "bob@desk")
    )

    assert done.stdout.count(": 0\n") == 3, done.stdout + done.stderr
    assert {".lock", "ann@desk.crt", "bob@desk.crt"} <= {one.name for one in Path("ca").iterdir()}


@pytest.mark.one_database
def test_a_job_is_submitted_listed_and_fetched(grid: Grid, task: Run, home: Path) -> None:
    """By LGI_qsub and by LGI_task, whose record is locked while it is made."""
    Path("input.dat").write_text("energy('ccsd')")
    begun = on_windows(
        ("lgi_tools.task.command", "submit", "psi4", "1.5", "psi4"),
        ("lgi_tools.commands.qsub", "-a", "command", "-i", "input.dat"),
        ("lgi_tools.commands.qstat", "-l"),
    )
    assert begun.stdout.count(": 0\n") == 3, begun.stdout + begun.stderr

    place = ended(grid, made="of the job")
    (place / "long").write_bytes(bytes(3 * 1024 * 1024))
    (job,) = [row["job_id"] for row in grid.rows("SELECT job_id FROM job_queue WHERE state = 'finished'")]
    done = on_windows(
        ("lgi_tools.task.command", "get"),
        ("lgi_tools.commands.get", str(job), "-d", "results"),
    )

    assert done.stdout.count(": 0\n") == 2, done.stdout + done.stderr
    assert Path("made").read_text() == Path("results", str(job), "made").read_text() == "of the job"
    assert Path("long").stat().st_size == 3 * 1024 * 1024
    assert list(Path().glob(".long*")) == []


@pytest.mark.parametrize(
    "name", [r"..\..\x", "a:b", "C:x", "nul", "aux.txt", "COM1", "LPT³.c", "x.", "x ", "a/con /b", "a\x01b"]
)
def test_a_name_that_windows_reads_otherwise_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server, or a job, could else write beside the directory or to a device; elsewhere these are names."""
    check_name(name)

    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(UnsafePathError, match="is not the name of a file on Windows"):
        prepare(Path(), name)

    check_name("a b/console.txt/com10")
    assert list(Path().iterdir()) == []
