"""A script with its options as a job of LGI, in the directory of the script's task."""

import os
import re
import shlex
import uuid
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from lgi_tools import JobRequest
from lgi_tools.client import command_line, submit_directory
from lgi_tools.client.job_plan import JobPlan
from nextflow_lgi.launcher import COMMANDS
from nextflow_lgi.program import LABELS

_PATTERN = re.compile(r"%(.?)")
_NAME = re.compile("[A-Za-z_][A-Za-z0-9_]*")


def request_of(script: Path, arguments: Sequence[str], options: Namespace) -> JobRequest:
    """Return the request of a job that runs a script in the current directory.

    Raises ValueError for an option that cannot be carried out, OSError for the directory.
    """
    place = submit_directory.current_directory()
    name = "".join(char if char.isprintable() else "_" for char in options.job_name or script.name)
    name = name.encode("utf-8", "replace")[:100].decode("utf-8", "ignore").strip()
    text = "\n".join([*_path(options.export), *_streams(options, name), _command(script, arguments)])
    line = command_line.of_words(["sh", "-c", text], variables=_variables(options.export), here=place.path)
    return JobRequest(
        command_line.APPLICATION,
        input=line.input,
        targets=tuple(word.strip() for word in options.partition.split(",") if word.strip()),
        specifics=f"{_specifics(options)} {place.as_xml()}",
        request_id=f"sbatch-{uuid.uuid4().hex}",
        name=name,
        labels=LABELS,
        plan=JobPlan(hold=options.hold),
    )


def _command(script: Path, arguments: Sequence[str]) -> str:
    """Return the line that runs a script by the interpreter of its first line, as Slurm does."""
    with script.open("rb") as opened:
        first = opened.readline(1024).decode("utf-8", "surrogateescape")
    # As the kernel: one argument at most.
    interpreter = first.removeprefix("#!").split(maxsplit=1)
    if not interpreter:
        raise ValueError(f"the first line of {script} names no program")
    return f"exec {shlex.join([*(word.strip() for word in interpreter), str(script), *arguments])}"


def _specifics(options: Namespace) -> str:
    cores = options.cpus_per_task * options.ntasks
    amounts = {
        "cpus": cores,
        "memory": options.mem or options.mem_per_cpu * cores,
        "walltime": options.time,
        "gpus": options.gpus or options.gres,
    }
    licences = [word.strip().replace(":", "=") for word in options.licenses.split(",") if word.strip()]
    requests: dict[str, str | int] = {name: amount for name, amount in amounts.items() if amount}
    return command_line.as_specifics(requests, command_line.licences(licences))


def _streams(options: Namespace, name: str) -> list[str]:
    """Return the redirection; without --error both streams go to the file of --output, as in Slurm."""
    if not options.output and not options.error:
        return []
    output = f"> {_file(options.output, name)} " if options.output else ""
    return [f"exec {output}2>{_file(options.error, name) if options.error else '&1'}"]


def _file(pattern: str, name: str) -> str:
    """Return a file as a word of a shell: %j is the job id, %x its name. Raises ValueError for others."""
    known = {"%": "%", "x": name.replace("/", "_"), "j": None}
    parts, end = [], 0
    for found in _PATTERN.finditer(pattern):
        if found[1] not in known:
            raise ValueError(f"{found[0]} in the file {pattern[:60]!r} is not known: use %j and %x")
        replacement = known[found[1]]
        parts += [shlex.quote(pattern[end : found.start()])] if found.start() > end else []
        parts.append('"$LGI_JOB_ID"' if replacement is None else shlex.quote(replacement))
        end = found.end()
    return "".join([*parts, *([shlex.quote(pattern[end:])] if pattern[end:] else [])])


def _path(export: str) -> list[str]:
    """Return the line by which a job finds the programs that are found here, then those of the resource."""
    if export.split(",")[0].upper() == "NONE":
        return []
    # A job that calls sbatch means that of its machine.
    own = [place for place in os.environ.get("PATH", "").split(os.pathsep) if place != str(COMMANDS)]
    return [f"PATH={shlex.quote(os.pathsep.join(own))}${{PATH:+:$PATH}}; export PATH"]


def _variables(export: str) -> dict[str, str]:
    """Return the variables of --export: those that are named, never all. Raises ValueError."""
    found = {}
    for word in (word for word in export.split(",") if word and word.upper() not in {"ALL", "NONE", "NIL"}):
        name, sign, value = word.partition("=")
        if not _NAME.fullmatch(name):
            raise ValueError(f"--export: {name[:40]!r} is not the name of a variable")
        if sign or name in os.environ:
            found[name] = value if sign else os.environ[name]
    return found
