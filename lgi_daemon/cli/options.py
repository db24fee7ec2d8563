"""The options of LGI_daemon."""

import os
from dataclasses import dataclass
from pathlib import Path

from lgi_daemon.config.model import Configuration, load
from lgi_daemon.loop.lifetime import Lifetime


@dataclass(frozen=True)
class Options:
    """The command line. ``file`` is absolute, ``fast`` and ``slow`` are seconds."""

    file: Path
    fast: int
    slow: int
    detach: bool
    level: int
    check_host: bool
    log_file: Path | None
    check: bool
    at_once: int
    lifetime: Lifetime
    run_directory: Path | None = None

    def load(self) -> Configuration:
        """Read the configuration file as it is now. Raise ConfigurationError."""
        return load(self.file, os.geteuid() == 0, self.check_host, self.run_directory)
