"""The configuration of a command."""

from pathlib import Path

import click

from lgi_server.config import parser
from lgi_server.config.model import Config


def load(program: str, file: Path) -> Config:
    """Return the configuration in a file; standard error gets its warnings. Raises ConfigError."""
    config = parser.load(file)
    for warning in config.warnings:
        click.echo(f"{program}: {warning}", err=True)
    return config
