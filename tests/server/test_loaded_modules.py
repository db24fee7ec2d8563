"""What the programs of the server load: it stays in the memory of each of their processes."""

import subprocess
import sys

import pytest

# Libraries of several megabytes that a scheduler with SQLite needs for nothing.
HEAVY = {"cryptography", "gevent", "pymysql", "flask", "requests", "email", "ssl", "http.client", "tarfile"}
# Those that a server would load at its start without need.
UNUSED = {"markdown_it", "lgi_server.storage.remote", "pymysql", "requests"}
PROGRAM = "import sys, {module}; print(*sys.modules)"


def loaded(module: str) -> set[str]:
    """The modules of a process that has imported one."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(module=module)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("module", "excluded", "limit"),
    [
        pytest.param("lgi_server.cli.scheduler", HEAVY, 360, id="scheduler"),
        pytest.param("lgi_server.cli.server", UNUSED, 1050, id="server"),
    ],
)
def test_a_program_of_the_server_loads_few_modules(module: str, excluded: set[str], limit: int) -> None:
    """The memory at rest is that of the modules; a tenth more than today's are allowed."""
    modules = loaded(module)

    assert modules & excluded == set()
    assert len(modules) <= limit
