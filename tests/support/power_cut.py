"""A server whose worker is killed before a given write: a statement, an answer, or a change of files."""

import os
import shutil
import subprocess
from pathlib import Path

from tests.conftest import lacking
from tests.support.grid import Grid

SOURCE = Path(__file__).with_name("power_cut.c")


class PowerCut:
    """Kills the worker of a server, which must be started with ``environment``."""

    def __init__(self, directory: Path) -> None:
        if shutil.which("cc") is None:
            lacking("cc")
        library = directory / "power_cut.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", library, SOURCE, "-ldl"], check=True)
        self._number = directory / "power_cut"
        self.environment = {"LD_PRELOAD": str(library), "POWER_CUT": str(self._number)}

    def before(self, write: int) -> None:
        """Kill the worker before its so-manieth write from now on, counted from 1."""
        beside = self._number.with_suffix(".new")
        beside.write_text(str(write))
        beside.rename(self._number)

    def has_happened(self) -> bool:
        """Return whether the worker was killed; if not, it will not be."""
        if not self._number.exists():
            return True
        self._number.unlink()
        return False


class MortalGrid(Grid):
    """A grid whose server has one worker, which a power cut can kill; gunicorn starts another one."""

    def __init__(self, database: str, cut: PowerCut) -> None:
        super().__init__(database, settings={"workers": "1"})
        self.cut = cut

    def start(self) -> None:
        """Start the server with the library."""
        os.environ.update(self.cut.environment)
        try:
            super().start()
        finally:
            for name in self.cut.environment:
                del os.environ[name]
