"""How the three commands end: messages as those of Slurm, exit code 1 for all errors."""

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from lgi_tools import Project, ServerError, TransferError, TransportError

# The label of all jobs of sbatch, which squeue lists.
LABELS = {"front": "sbatch"}


class Parser(argparse.ArgumentParser):
    """A parser whose errors are ValueErrors: options stand in scripts too."""

    def __init__(self, program: str) -> None:
        """Make the parser of a command; options are never abbreviated."""
        super().__init__(prog=program, allow_abbrev=False, add_help=False, usage=argparse.SUPPRESS)

    def error(self, message: str) -> NoReturn:
        """Raise ValueError."""
        raise ValueError(message)


def run(program: str, work: Callable[[Project, Sequence[str]], None], arguments: Sequence[str] | None) -> int:
    """Carry out a command in the project of ``~/.LGI`` and return its exit code."""
    try:
        with Project() as project:
            work(project, sys.argv[1:] if arguments is None else arguments)
    except (ServerError, TransportError, TransferError, ValueError, OSError) as error:
        text = "".join(char if char.isprintable() else " " for char in str(error))
        print(f"{program}: error: {text}", file=sys.stderr)
        return 1
    return 0
