"""LGI_nf: run a command with LGI's sbatch, squeue and scancel in front of the PATH."""

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

COMMANDS = Path(__file__).parent / "commands"
_USAGE = """Usage: LGI_nf COMMAND [ARGUMENTS]...

Run COMMAND with sbatch, squeue and scancel of LGI in front of the PATH, so that
Nextflow's executor 'slurm' runs its tasks on the resources of your project.

Example: LGI_nf nextflow run main.nf
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Replace this process by the command. Returns 0 for help, 2 without one, 127 if it is not found."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in {"-h", "--help"}:
        print(_USAGE, end="", file=sys.stdout if words else sys.stderr)
        return 0 if words else 2
    path = f"{COMMANDS}{os.pathsep}{os.environ.get('PATH', '')}".rstrip(os.pathsep)
    program = shutil.which(words[0], path=path)
    if program is None:
        print(f"LGI_nf: {words[0]!r} is not found in PATH", file=sys.stderr)
        return 127
    environment = os.environ | {"PATH": path, "LGI_NF_PYTHON": sys.executable}
    os.execve(program, words, environment)  # noqa: S606 - the command of the user, without a shell


if __name__ == "__main__":
    sys.exit(main())
