"""The project of SETUP.md: set up once, by the commands of that page, for all documents that follow it."""

import os
import re
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from lgi_server.background import metrics
from tests.documents.blocks import ROOT, blocks
from tests.documents.shell import CommandError, Terminal
from tests.support.grid import free_port, wait_for

# The ports that the documents name.
PORTS = (8443, 8444)
# The programs that LGI_setup starts.
PROGRAMS = ("LGI_server", "LGI_daemon", "LGI_certificates")
# Kills all that works below a directory.
ENDS = (
    "cd /; find /proc -maxdepth 2 -path '/proc/[0-9]*/cwd' -lname '{}/*' 2> /dev/null"
    " | cut -d / -f 3 | xargs -r kill -9"
)
# A reader sees when what a command has started is ready: what shows it, and how.
WAITS = {
    "LGI_setup grid": ("LGI_qstat -c mark.LGI -L", "<command>"),
    "LGI_certificates listen": (": 2> /dev/null < /dev/tcp/localhost/8444 && echo open", "open"),
    "LGI_daemon -ft 1 -st 5 box/": ("LGI_task list-codes -c mark.LGI", "busybox"),
    "LGI_task submit -c mark.LGI": (
        "LGI_task status -c mark.LGI --batch 'runs/*'",
        r"(?s)\A(?!.*(received|submitted|running)).*completed",
    ),
}


class Project:
    """A directory in which the quick start is carried out; server and daemon run in the background."""

    def __init__(self) -> None:
        self.parent = Path(tempfile.mkdtemp(prefix="lgi-documents-"))
        # A daemon of root runs each job as a user of its own, who must get to its directory.
        self.parent.chmod(0o755)
        self.directory = self.parent / "LGI"
        (self.directory / "home").mkdir(parents=True)
        for name in ("applications", "specs"):
            shutil.copytree(ROOT / name, self.directory / name)
        self.ports = {port: free_port() for port in PORTS}
        self.terminal = self.open()
        # Its shell ends with this process, however that ends.
        self.terminal.type(f'trap "{ENDS.format(self.parent)}" EXIT')

    def open(self) -> Terminal:
        """Another terminal in the directory."""
        return Terminal(self.directory, self.ports)

    def follow(self, path: Path, terminal: Terminal) -> None:
        """Carry a document out in a terminal, waiting where a reader waits. Raises CommandError."""
        for block in blocks(path, "sh"):
            terminal.run(block)
            for started, (command, expected) in WAITS.items():
                if started in block.text:
                    wait_for(lambda line=command, what=expected: _prints(terminal, line, what), 60)

    def allow_attach(self) -> None:
        """Allow LGI_attach on server and resource, as the guides say, and start both again."""
        server, resource = self.directory / "server/LGI_server.cfg", self.directory / "desktop/LGI.cfg"
        server.write_text(server.read_text().replace("# attach = no", "attach = yes"))
        resource.write_text(
            resource.read_text().replace("<resource>", "<resource> <attach> yes </attach>", 1)
        )
        self._end_programs()
        (grid,) = [block for block in blocks(ROOT / "SETUP.md", "sh") if "LGI_setup grid" in block.text]
        self.terminal.run(grid)

    def _end_programs(self) -> None:
        """End server, daemon and listener; return when they have ended."""
        for pid in self._processes(*PROGRAMS):
            # The end of one may have ended another one.
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        wait_for(lambda: not self._processes(*PROGRAMS), 120)

    def _processes(self, *programs: str) -> list[int]:
        """The processes that work in the directory, all or those of these programs."""
        found = []
        for entry in Path("/proc").glob("[0-9]*/cwd"):
            with suppress(OSError):
                words = (entry.parent / "cmdline").read_bytes().decode("utf-8", "replace")
                is_here = Path(os.readlink(entry)).is_relative_to(self.parent) or str(self.parent) in words
                if is_here and (not programs or any(f"/{program}\0" in words for program in programs)):
                    found.append(int(entry.parent.name))
        return found

    def _are_killed(self) -> bool:
        """Kill all processes that work in the directory; return whether there was none."""
        found = self._processes()
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not found

    def close(self) -> None:
        """End everything and remove the directory."""
        with suppress(AssertionError):
            self._end_programs()
        self.terminal.close()
        wait_for(self._are_killed)
        # Of a server that was killed.
        metrics.remove_abandoned(Path("/dev/shm"))
        shutil.rmtree(self.parent, ignore_errors=True)


def _prints(terminal: Terminal, command: str, expected: str) -> bool:
    """Whether a command prints now what matches a pattern."""
    with suppress(CommandError):
        return re.search(expected, terminal.type(command)) is not None
    return False


@pytest.fixture(scope="session")
def project() -> Iterator[Project]:
    """The quick start, carried out."""
    made = Project()
    try:
        made.follow(ROOT / "SETUP.md", made.terminal)
        made.allow_attach()
        yield made
    finally:
        made.close()
