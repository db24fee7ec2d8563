"""The files that may start processes: a review for command injection reads these and no others."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAMS = ("LGI.py", "lgi_protocol", "lgi_server", "lgi_daemon", "lgi_tools")
ALLOWED = {
    "lgi_daemon/cli/main.py",
    "lgi_daemon/execution/children.py",
    "lgi_daemon/execution/fork_server.py",
    "lgi_daemon/execution/job_scope.py",
    "lgi_daemon/execution/process_hiding.py",
    "lgi_daemon/execution/sandbox.py",
    "lgi_daemon/pilot/archive_main.py",
    "lgi_daemon/pilot/batch_command.py",
    "lgi_protocol/gpu_devices.py",
    "lgi_server/cli/setup/programs.py",
    "lgi_server/cli/setup/start.py",
    "lgi_server/db/backup.py",
    "lgi_server/serving/scheduler_process.py",
    "lgi_server/storage/ssh.py",
    "lgi_tools/commands/resources_ssh.py",
    "lgi_tools/joining/daemon_check.py",
    "lgi_tools/joining/registration.py",
    "lgi_tools/task/local_image.py",
}
MODULES = {
    "subprocess",
    "multiprocessing",
    "pty",
    "popen2",
    "gevent.subprocess",
    "concurrent.futures.process",
}
# Of os, posix, gevent.os and asyncio, whose names start so.
FUNCTIONS = ("fork", "exec", "posix_spawn", "spawnl", "spawnv", "system", "popen", "create_subprocess")
OWNERS = {"os", "posix", "gevent.os", "asyncio"}
CLASSES = {"ProcessPoolExecutor"}


def starts(source: str) -> list[str]:
    """What in a source starts processes, or could: a module for that, or a function of the system."""
    return sorted(set(_found(ast.parse(source))))


def _found(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [alias.name for alias in node.names]
            yield from (f"{node.module}.{name}" for name in names if f"{node.module}.{name}" in MODULES)
            yield from (node.module for _ in names if node.module in MODULES)
            yield from (name for name in names if name in CLASSES)
            yield from (name for name in names if node.module in OWNERS and name.startswith(FUNCTIONS))
        elif isinstance(node, ast.Attribute):
            owner = ast.unparse(node.value)
            if (owner in OWNERS and node.attr.startswith(FUNCTIONS)) or node.attr in CLASSES:
                yield f"{owner}.{node.attr}"


def sources() -> Iterator[Path]:
    """Every module of the programs."""
    for program in PROGRAMS:
        yield from (ROOT / program).rglob("*.py") if (ROOT / program).is_dir() else [ROOT / program]


def test_only_listed_files_start_processes() -> None:
    """A new one is added with care: arguments as a list, never a shell, no name from a client."""
    found = {str(path.relative_to(ROOT)) for path in sources() if starts(path.read_text("utf-8"))}

    assert found == ALLOWED


@pytest.mark.parametrize(
    "source",
    [
        "import subprocess",
        "from subprocess import run",
        "from gevent import subprocess",
        "from os import execv",
        "import os\nos.fork()",
        "import os\nos.posix_spawnp('x', [], {})",
        "import os\nos.system('x')",
        "import multiprocessing",
        "from concurrent.futures import ProcessPoolExecutor",
        "import asyncio\nasyncio.create_subprocess_exec('x')",
    ],
)
def test_a_start_of_a_process_is_seen_however_it_is_written(source: str) -> None:
    """As a module, as a name of one, as a function of the system."""
    assert starts(source)


def test_a_name_that_starts_no_process_is_not_seen() -> None:
    """It only resembles one that does."""
    assert not starts(
        "import os\nos.path.join('system')\nsystem = 1\nfrom concurrent.futures import ThreadPoolExecutor"
    )
