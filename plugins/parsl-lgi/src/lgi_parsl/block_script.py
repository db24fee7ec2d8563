"""The script of a block: how a job runs workers of Parsl on a machine that has no file of the user."""

import re
import shlex
from pathlib import Path

# Directories of the job.
KEYS, LOGS = "parsl-keys", "parsl-logs"
_KEYS = re.compile(r"--cert_dir (.+?)(?= --logdir=)")
_LOGS = re.compile(r"--logdir=(.+?)(?= --logconf=)")
# Workers make sockets of Unix in the directory of temporary files. No path of one has over 107 bytes, and
# that of a job is long. This is a short path of its directory, for as long as its shell lives.
_SHORT_PATH = "[ ! -d /proc/$$/cwd/. ] || { mkdir -p parsl-tmp && export TMPDIR=/proc/$$/cwd/parsl-tmp; }"
_PAIR = re.compile(r'^\s*(public|secret)-key = "([^"\n]+)"', re.MULTILINE)


def block_script(command: str, worker_init: str, variables: dict[str, str]) -> str:
    """Return the script that runs a command of workers, after ``worker_init``, with more variables.

    Directories of the submitting machine that the command of HighThroughputExecutor names become directories
    of the job; the keys that workers need are in the script. Raises ValueError or OSError for keys that
    cannot be read.
    """
    lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    found = _KEYS.search(command)
    if found and found[1] != "None":
        lines += _key_lines(Path(found[1]))
        command = f"{command[: found.start(1)]}{KEYS}{command[found.end(1) :]}"
    command = _LOGS.sub(f"--logdir={LOGS}", command)
    return "\n".join(["#!/bin/bash", _SHORT_PATH, *lines, worker_init, command, ""])


def _key_lines(directory: Path) -> list[str]:
    """Return the lines that write the keys of a worker.

    Parsl's workers read the pair of the server for its public key only: its secret one stays here.
    """
    client, server = _pair(directory / "client.key_secret"), _pair(directory / "server.key_secret")
    files = {"client": client, "server": {"public": server["public"], "secret": client["secret"]}}
    lines = [f"mkdir -m 700 {KEYS} || exit 125"]
    for name, pair in files.items():
        text = "".join(f'    {kind}-key = "{key}"\n' for kind, key in pair.items())
        lines.append(
            f"printf '%s' {shlex.quote(f'curve{chr(10)}{text}')} > {KEYS}/{name}.key_secret || exit 125"
        )
    return lines


def _pair(file: Path) -> dict[str, str]:
    pair = dict(_PAIR.findall(file.read_text()))
    if pair.keys() != {"public", "secret"}:
        raise ValueError(f"{file} has no pair of keys of CurveZMQ")
    return pair
