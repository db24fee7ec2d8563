"""Numbers of options that are too big, or no numbers."""

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType

import click
import pytest
from click.testing import CliRunner

import lgi_daemon
import lgi_tools
from lgi_tools.commands import wait


def commands(package: ModuleType) -> Iterator[click.Command]:
    """Return the commands of all modules of a package, those of groups too."""
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if module.name.endswith("__main__"):
            continue
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, click.Group):
                yield from value.commands.values()
            if isinstance(value, click.Command):
                yield value


def test_a_number_of_an_option_has_an_upper_bound() -> None:
    """Python's numbers have none, and what is done with them has."""
    found = {
        f"{command.name} {parameter.opts}": parameter.type
        for package in (lgi_tools, lgi_daemon)
        for command in commands(package)
        for parameter in command.params
        if isinstance(parameter.type, (click.types.IntParamType, click.types.FloatParamType))
    }

    assert len(found) > 10
    assert [name for name, kind in found.items() if getattr(kind, "max", None) is None] == []


@pytest.mark.parametrize("seconds", ["nan", "inf", "-inf", "1e400", "-1", "10000000001", "x"])
def test_a_timeout_that_is_no_time_is_refused(seconds: str) -> None:
    """A wait until "nan" would never end."""
    result = CliRunner().invoke(wait.command, ["--timeout", seconds, "1"])

    assert result.exit_code == 2
    assert "Invalid value for '--timeout'" in result.output
