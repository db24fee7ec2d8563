"""A grid whose server may have few descriptors, and so few connections."""

import subprocess

from tests.support.grid import BIN, Grid, wait_for


class LimitedGrid(Grid):
    """A project server on SQLite with so many descriptors in each of its processes."""

    def __init__(self, descriptors: int) -> None:
        super().__init__()
        self._descriptors = descriptors

    def start(self) -> None:
        """Start it with few descriptors."""
        limit = f"--nofile={self._descriptors}:{self._descriptors}"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                ["prlimit", limit, BIN / "LGI_server", "--without-scheduler", self.config_file],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_for(self.listens)
