"""What a command loads before it has something to do: it costs more than the work of most calls."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lgi_protocol.console import Command
from lgi_tools.certificates.ca import Authority
from lgi_tools.cli import entry_points

# Each takes 3 to 100 ms of processor.
SLOW = {
    *("requests", "urllib3", "requests_toolbelt", "lxml", "cryptography", "email", "http.client", "asyncio"),
    *("ssl", "socket", "logging", "json", "hashlib", "subprocess", "tempfile", "importlib.metadata"),
}
# Modules above those of Python itself.
LIMIT, FILTER_LIMIT = 98, 15
FILTERS = {"LGI_xml", "LGI_csv", "LGI_hash", "LGI_binhex", "LGI_hexbin"}
COMMANDS = [value for value in vars(entry_points).values() if isinstance(value, Command)]
PROGRAM = """
import sys
before = set(sys.modules)
from importlib import import_module
name, module = sys.argv[1:]
sys.argv = [name, "--help"]
try:
    import_module(module).main()
except SystemExit:
    pass
print("loaded:", *sorted(set(sys.modules) - before))
"""


def loaded(command: Command) -> set[str]:
    """The modules that a command has loaded when it has shown its help."""
    words = [sys.executable, "-c", PROGRAM, command.name, command.module]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    return set(done.stdout.rpartition("loaded:")[2].split())


@pytest.mark.parametrize(
    "command", [one for one in COMMANDS if one.name not in FILTERS], ids=lambda command: command.name
)
def test_the_help_of_a_command_loads_nothing_that_is_slow(command: Command) -> None:
    """Neither the library for HTTP nor those for XML and certificates, and few modules in all."""
    modules = loaded(command)

    assert modules & SLOW == set()
    assert len(modules) <= LIMIT
    assert "click" in modules


def test_a_project_loads_what_a_submit_needs() -> None:
    """What a few calls need, as lists, files and explanations, is loaded by the first of them."""
    program = "import sys; from lgi_tools.client.project import Project; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    others = ("bulk_submit", "explanation", "files", "hold_calls", "job_array", "job_progress", "repository")

    found = set(done.stdout.split())
    assert "lgi_tools.client.job_request" in found
    assert found & {"json", "tempfile", *(f"lgi_tools.client.{name}" for name in others)} == set()


@pytest.mark.parametrize("name", sorted({one.module for one in COMMANDS if one.name in FILTERS}))
def test_a_filter_loads_hardly_anything(name: str) -> None:
    """Scripts start it many times."""
    program = f"import sys; before = set(sys.modules); import {name}; print(len(set(sys.modules) - before))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )

    assert 1 <= int(done.stdout) <= FILTER_LIMIT


def test_the_modules_of_a_command_are_not_looked_through_for_garbage(tmp_path: Path) -> None:
    """They live until the program exits: neither its work nor its exit searches them."""
    (tmp_path / "work.py").write_text(
        "import gc\nfrom fractions import Fraction\n"
        "loading = gc.isenabled()\n"
        "def main():\n    print(loading, gc.isenabled(), gc.get_freeze_count() > 1000)\n"
    )
    program = (
        "import gc; from lgi_protocol.console import Command; Command('work', 'work')();"
        " print(len(gc.get_objects()) < 200)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
    )

    assert done.stdout.split() == ["False", "True", "True", "True"]


def test_the_validity_of_a_certificate_is_read_without_strptime(authority: Authority) -> None:
    """Each command reads it, and its module with all names of days takes 4 ms."""
    program = (
        "import sys; from pathlib import Path; from lgi_protocol.expiry import validity;"
        " print(*(time.year for time in validity(Path(sys.argv[1]))), '_strptime' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(authority.ca_file)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    begin, end, is_loaded = done.stdout.split()
    assert int(begin) < int(end)
    assert is_loaded == "False"
