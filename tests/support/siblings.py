"""A second project server beside a grid's: the same project, another place to listen."""

from pathlib import Path

from tests.support.grid import PROJECT, Grid, free_port


class Sibling(Grid):
    """A server with the configuration of the first, but for where it and its database listen."""

    def __init__(self, first: Grid, database: str = "") -> None:
        self.__dict__.update(first.__dict__)
        self.port = free_port()
        self.url = f"https://localhost:{self.port}/LGI"
        self.log = first.directory / f"{self.port}.log"
        self._file = first.config_file.with_name(f"{self.port}.cfg")
        text = first.config_file.read_text().replace(f"127.0.0.1:{first.port}", f"127.0.0.1:{self.port}")
        if database:
            text = text.replace(first.config.projects[PROJECT].database, database)
        self._file.write_text(text)

    @property
    def config_file(self) -> Path:
        """Its configuration."""
        return self._file
