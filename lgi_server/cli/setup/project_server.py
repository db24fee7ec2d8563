"""A project server as LGI_setup makes it: configuration, database and repository, all of them or nothing."""

from collections.abc import Iterator
from pathlib import Path

from lgi_server.cli.setup import configuration, database
from lgi_server.cli.setup.journal import Journal
from lgi_server.cli.setup.options import SetupOptions
from lgi_server.config.database import SQLiteAddress, parse_address
from lgi_server.config.model import Config


def make(options: SetupOptions, journal: Journal) -> tuple[Config, bool]:
    """Make a server; return its configuration, and whether its database was filled.

    Everything is noted in the journal before it is made.
    """
    journal.note_paths(*_paths(options))
    config = configuration.write(options)
    return config, database.fill(options, config)


def _paths(options: SetupOptions) -> Iterator[Path]:
    """Return the files and directories of a server, each after the directory that it is in."""
    data = options.directory / options.data
    yield from (options.directory, data, data / "repository", options.directory / configuration.FILE)
    yield from (data / "jobs.crt", data / "jobs.key")
    address = parse_address(options.database)
    if isinstance(address, SQLiteAddress):
        file = options.directory / address.path
        yield from (file, *(file.with_name(f"{file.name}{suffix}") for suffix in ("-wal", "-shm")))
