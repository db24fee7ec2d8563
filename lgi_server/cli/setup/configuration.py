"""The LGI_server.cfg that LGI_setup writes: a template filled with the administrator's options."""

import os
from importlib import resources
from pathlib import Path
from string import Template

from lgi_server.auth import job_ca
from lgi_server.cli.setup.options import SetupOptions
from lgi_server.config import parser
from lgi_server.config.model import Config
from lgi_server.services.project.recorded_changes import AdministrationError

FILE = "LGI_server.cfg"


def text(options: SetupOptions) -> str:
    """Return the text of the file. AdministrationError for an option that is not one line."""
    values = {name: str(value) for name, value in vars(options).items()}
    values |= {"crl_comment": "" if options.crl else "# ", "crl": str(options.crl or "ca.crl")}
    for name, value in values.items():
        if not value.isprintable():
            raise AdministrationError(f"{name} {value!r}: control characters cannot stand in {FILE}")
    template = resources.files(__package__).joinpath(f"{FILE}.template").read_text("utf-8")
    return Template(template).substitute(values)


def write(options: SetupOptions) -> Config:
    """Create the directory and its configuration; return the latter, read back to check that it is valid.

    Raises AdministrationError when there is one already, ConfigError, OSError or ValueError.
    """
    data = options.directory / options.data
    for place in (options.directory, data):
        place.mkdir(mode=0o750, parents=True, exist_ok=True)
    (data / "repository").mkdir(mode=0o770, exist_ok=True)
    path = options.directory / FILE
    check_free(options)
    _create(path, text(options))
    config = parser.load(path)
    job_ca.load_or_create(config)
    return config


def check_free(options: SetupOptions) -> None:
    """Raise AdministrationError when the directory has a configuration."""
    path = options.directory / FILE
    if path.exists():
        raise AdministrationError(f"{path} is there already: remove it or choose another directory")


def _create(path: Path, content: str) -> None:
    # It may contain the database's password.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        opened.write(content)
