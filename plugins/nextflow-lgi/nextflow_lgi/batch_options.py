"""The options of sbatch that Nextflow and its users give; each other one is an error that names it."""

from argparse import REMAINDER, ArgumentTypeError, Namespace
from collections.abc import Callable, Sequence

from nextflow_lgi import units
from nextflow_lgi.program import Parser


def parser() -> Parser:
    """Return the parser of the command line, and of the directives of a script."""
    made = Parser("sbatch")
    made.add_argument("-J", "--job-name", default="")
    made.add_argument("-o", "--output", default="")
    made.add_argument("-e", "--error", default="")
    made.add_argument("-D", "--chdir", default="")
    made.add_argument("-c", "--cpus-per-task", type=_typed(_number), default=1)
    made.add_argument("-n", "--ntasks", type=_typed(_number), default=1)
    made.add_argument("-N", "--nodes", default="1")
    made.add_argument("--mem", type=_typed(units.megabytes), default=0)
    made.add_argument("--mem-per-cpu", type=_typed(units.megabytes), default=0)
    made.add_argument("-t", "--time", type=_typed(units.seconds), default=0)
    made.add_argument("-p", "--partition", default="any")
    made.add_argument("-G", "--gpus", type=_typed(_number), default=0)
    made.add_argument("--gres", type=_typed(_gpus), default=0)
    made.add_argument("-L", "--licenses", default="")
    made.add_argument("-H", "--hold", action="store_true")
    made.add_argument("--export", default="")
    made.add_argument("--parsable", action="store_true")
    # LGI starts no job again unless it is asked to; jobs get SIGTERM before their time ends.
    for names in (("--no-requeue",), ("-Q", "--quiet")):
        made.add_argument(*names, action="store_true")
    for names in (("--signal",), ("-A", "--account"), ("--comment",)):
        made.add_argument(*names)
    return made


def read(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the options of a command line, and the script with its arguments. Raises ValueError."""
    made = parser()
    made.add_argument("script", nargs=REMAINDER)
    script = list(_parsed(made, arguments).script)
    own = list(arguments[: len(arguments) - len(script)])
    # Behind "--" there is no option.
    return own, script[1:] if script[:1] == ["--"] else script


def options_of(words: Sequence[str]) -> Namespace:
    """Return the options in the words of directives and command line; later ones win. Raises ValueError."""
    found = _parsed(parser(), words)
    if found.nodes not in {"1", "1-1"}:
        raise ValueError(f"--nodes={found.nodes}: a job of LGI has one node")
    for name, value in (("cpus-per-task", found.cpus_per_task), ("ntasks", found.ntasks)):
        if value < 1:
            raise ValueError(f"--{name}={value} must be 1 or more")
    return found


def _parsed(made: Parser, words: Sequence[str]) -> Namespace:
    found, unknown = made.parse_known_args(words)
    if unknown:
        advice = "Remove it from clusterOptions, or from the process"
        if unknown[0].startswith("--array") or unknown[0] == "-a":
            advice = "Remove the directive 'array' of the process"
        raise ValueError(f"the option {unknown[0]!r} is not known to LGI's sbatch. {advice}")
    return found


def _typed(read: Callable[[str], int]) -> Callable[[str], int]:
    """Return a function whose errors argparse shows in its words."""

    def typed(text: str) -> int:
        try:
            return read(text)
        except ValueError as error:
            raise ArgumentTypeError(str(error)) from None

    return typed


def _number(text: str) -> int:
    """Return a number of up to six digits. Raises ValueError for other text."""
    if not (text.isascii() and text.isdigit() and len(text) <= 6):
        raise ValueError(f"{text[:40]!r} is not a number from 0 to 999999")
    return int(text)


def _gpus(text: str) -> int:
    """Return the number of ``gpu:2`` or ``gpu:a100:2``. Raises ValueError for other generic resources."""
    kind, _, amount = text.partition(":")
    amount = amount.rpartition(":")[2] or "1"
    if kind != "gpu":
        raise ValueError(f"{text[:40]!r} is not gpu:NUMBER")
    return _number(amount)
