"""The shell script of a job: its executable, environment, streams and launcher."""

import re
import shlex
from pathlib import Path

from psij import InvalidJobException, JobSpec, ResourceSpecV1

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def job_script(spec: JobSpec) -> bytes:
    """Return the script of a job. A word that is not UTF-8 has the bytes that were typed.

    Raises InvalidJobException for what the job cannot have.
    """
    if not spec.executable:
        raise InvalidJobException("the job has no executable")
    lines = ["#!/bin/sh"]
    if spec.directory:
        lines.append(f"cd -- {_word(spec.directory)} || exit 125")
    variables = [
        f"{_variable(name)}={shlex.quote(value)}" for name, value in (spec.environment or {}).items()
    ]
    if spec.inherit_environment:
        lines += [f"export {variable}" for variable in variables]
    if spec.pre_launch:
        lines.append(f". {_sourced(spec.pre_launch)}")
    words = [*_launcher(spec), spec.executable, *(spec.arguments or [])]
    command = shlex.join(words)
    if not spec.inherit_environment:
        command = " ".join(["env -i", *variables, command])
    command += _streams(spec)
    if spec.post_launch:
        lines += [command, "code=$?", f". {_sourced(spec.post_launch)}", "exit $code"]
    else:
        lines.append(f"exec {command}")
    script = "\n".join([*lines, ""])
    if "\0" in script:
        raise InvalidJobException("no word of a job can have a null character")
    return script.encode("utf-8", "surrogateescape")


def _launcher(spec: JobSpec) -> list[str]:
    """Return the words that start the processes of a job, which is on one node."""
    count = spec.resources.computed_process_count if isinstance(spec.resources, ResourceSpecV1) else 1
    if spec.launcher in (None, "single"):
        return []
    if spec.launcher == "mpirun":
        return ["mpirun", "-n", str(count)]
    raise InvalidJobException(f"LGI has no launcher {spec.launcher!r}: it can be 'single' or 'mpirun'")


def _variable(name: str) -> str:
    if not _NAME.match(name):
        raise InvalidJobException(f"a variable of the environment cannot be named {name!r}")
    return name


def _streams(spec: JobSpec) -> str:
    streams = {" <": spec.stdin_path, " >": spec.stdout_path, " 2>": spec.stderr_path}
    return "".join(f"{sign} {_word(path)}" for sign, path in streams.items() if path)


def _sourced(path: Path) -> str:
    # A path without a slash would be searched on the PATH.
    return _word(path if path.is_absolute() else f"./{path}")


def _word(path: Path | str) -> str:
    return shlex.quote(str(path))
