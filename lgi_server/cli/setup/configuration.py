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
    """Create the directory and its configuration; return the latter, read back to check that it is valid."""
    data = options.directory / options.data
    for place in (options.directory, data):
        place.mkdir(mode=0o750, parents=True, exist_ok=True)
    (data / "repository").mkdir(mode=0o770, exist_ok=True)
    path = options.directory / FILE
    _create(path, text(options))
    try:
        config = parser.load(path)
        job_ca.load_or_create(config)
        return config
    except (parser.ConfigError, OSError, ValueError):
        path.unlink()
        raise


def _create(path: Path, content: str) -> None:
    try:
        # It may contain the database's password.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise AdministrationError(f"{path} is there already: remove it or choose another directory") from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        opened.write(content)
