"""A project made by LGI_setup grid, in a directory of its own, as an administrator has it."""

import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from lgi_server.db import open_database
from lgi_tools.certificates.ca import Authority
from lgi_tools.certificates.profiles import Validity
from tests.support.capabilities import without_capability
from tests.support.grid import BIN, free_port, wait_for
from tests.support.settings import changed


class ProjectDirectory:
    """A project made by LGI_setup grid, in a directory of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self.url = f"https://localhost:{self.port}/LGI"
        self.config = directory / "server" / "LGI_server.cfg"
        self.authority = directory / "certificates"
        command = [
            BIN / "LGI_setup",
            "grid",
            "--directory",
            directory,
            f"--url={self.url}",
            "--admin=mark@laptop",
        ]
        subprocess.run(command, check=True, capture_output=True)
        self._kept = directory.with_name(f"{directory.name}-kept")

    def keep(self) -> None:
        """Remember all files as they are now, for `renew`."""
        shutil.copytree(self.directory, self._kept)

    def renew(self) -> None:
        """Have all files as they were kept: a set-up takes a hundred times as long."""
        shutil.rmtree(self.directory)
        shutil.copytree(self._kept, self.directory)

    def change(self, **settings: str) -> None:
        """Change settings of the server."""
        self.config.write_text(changed(self.config.read_text(), settings))

    def issue(self, host: str, begin: datetime, end: datetime) -> None:
        """Replace the certificate of the server."""
        issued = Authority.open(self.authority).issue_server(host, validity=Validity(begin, end), force=True)
        for file in (issued.certificate, issued.key):
            if host != "localhost":
                file.replace(self.authority / f"localhost{file.suffix}")

    def sql(self, statement: str, *parameters: object) -> None:
        """Change the database."""
        database = open_database(f"sqlite:{self.config.parent / 'LGI.sqlite'}")
        database.run(lambda transaction: transaction.run(statement, *parameters))
        database.close()

    def check(self, *words: str) -> subprocess.CompletedProcess[str]:
        """What LGI_setup check says, without the rights of root to pass over modes and low ports."""
        limits = without_capability("dac_override", "dac_read_search", "net_bind_service")
        command = [*limits, BIN / "LGI_setup", "check", *words, self.config]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    @contextmanager
    def running(self, *words: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run its server and scheduler during a block, which begins when a check finds no fault."""
        with (self.directory / "log").open("ab") as log:
            server = subprocess.Popen([BIN / "LGI_server", *words, self.config], stdout=log, stderr=log)
        try:
            # Before that no check is good, and each of them takes half a second.
            wait_for(self._listens)
            wait_for(lambda: self.check().returncode == 0)
            yield server
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(60)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0
