"""The option with which a command passes variables of the environment to a job."""

import os
import re
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click

_Command = TypeVar("_Command", bound=Callable[..., Any])
NAME = "environment"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def environment_option(command: _Command) -> _Command:
    """Add --env of a submit; the command gets it as ``environment``."""
    option = click.option(
        "--env",
        NAME,
        multiple=True,
        metavar="NAME[=VALUE]",
        help="Variable for the job, without VALUE as it is set here; may be repeated (default: none).",
    )
    return option(command)


def read(texts: Iterable[str]) -> dict[str, str]:
    """Return the variables of texts such as ``NAME`` or ``NAME=VALUE``. Raises ValueError."""
    found: dict[str, str] = {}
    for text in texts:
        name, given, value = text.partition("=")
        if not _VARIABLE.fullmatch(name):
            raise ValueError(f"--env {text[:40]!r}: the name of a variable has letters, digits and _ only")
        if not given and name not in os.environ:
            raise ValueError(f"--env {name}: it is not set here; write {name}=VALUE")
        found[name] = value if given else os.environ[name]
    return found
