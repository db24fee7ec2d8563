"""A command line as a job of the application `command`: its input, files and requests."""

import codecs
import os
import re
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import datetime
from pathlib import Path

from lgi_protocol.value_object import value_object
from lgi_tools.client.text import shortened

# Bytes in which the first line of a script ends.
_BEGIN = 4096
_ADVICE = "it may not start: save it as UTF-8 without byte order mark and with Unix line ends"
APPLICATION = "command"
# Prefixes of reserved file names: repositories refuse them, and they are not sent with a job.
RESERVED = ("LGI_", ".LGI_")
_UNITS = {"": 1, "m": 1, "mb": 1, "g": 1024, "gb": 1024, "t": 1024**2, "tb": 1024**2}
# The most bytes of a file name in common file systems.
LONGEST_NAME = 255
# The name of a file that means: discard this stream.
NULL = "null"
# The names of licences that servers accept.
_LICENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}\Z")
_AMOUNT = re.compile(r"[1-9][0-9]{0,5}\Z")
# The line of a script that `_redirection` makes, with its files as words of a shell.
_FILE = r"""((?:'[^']*'|"'"|[^\s'"&|;<>])+)"""
_REDIRECTION = re.compile(rf"exec(?: > {_FILE})?(?: 2>(&1| {_FILE}))?")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@value_object
class CommandLine:
    """The command to run: ``input`` is a shell script, ``files`` are sent to its working directory."""

    input: bytes
    files: tuple[Path, ...]
    # Words that name files here, which the job will not find.
    left_here: tuple[str, ...] = field(default=())
    # Why the program that is sent with the job may not start; usually empty.
    flaw: str = ""


def of_words(
    words: Sequence[str],
    more: Sequence[str] = (),
    output: str = "",
    errors: str = "",
    variables: Mapping[str, str] | None = None,
    *,
    here: str = "",
) -> CommandLine:
    """Return the command line of some words, with ``more`` files. Raises ValueError for an invalid one.

    A program with a relative path, as ``./my_script.py``, is a local file and is sent; any other is searched
    where the job runs. No word is interpreted by a shell. ``output`` and ``errors`` are the files in which
    the job stores its streams, which may be one file, or `NULL`. ``variables`` are added to its environment.
    A job that runs ``here``, in this directory on a shared file system, is sent no files.
    """
    if not words or not words[0]:
        raise ValueError("the command line has no program: its first word is the program to run")
    program = Path(words[0])
    files = [Path(name) for name in more]
    first = words[0]
    lines = [f"export {name}={shlex.quote(value)}" for name, value in (variables or {}).items()]
    lines += [*_start_here(here), *_redirection(output, errors)]
    if here and files:
        raise ValueError("--here sends no files, since the job sees this directory: leave out -f and --each")
    if "/" in words[0] and not here and not program.is_absolute():
        first = f"./{program.name}"
        files = [*(file for file in files if not _same(file, program)), program]
        # A file from a repository is not executable.
        lines.append(f"chmod u+x {shlex.quote(first)} || exit 126")
    lines.append(f"exec {shlex.join([first, *words[1:]])}")
    _check(files)
    sent = {file.name for file in files}
    left_here = tuple(word for word in words[1:] if not here and word not in sent and _is_file(word))
    # A word that is not UTF-8 is sent as the bytes that were typed.
    script = "\n".join(["#!/bin/sh", *lines, ""]).encode("utf-8", "surrogateescape")
    _check_size(script)
    flaw = script_flaw(program) if program in files else ""
    return CommandLine(script, tuple(files), left_here, flaw)


def _start_here(directory: str) -> list[str]:
    """Return the lines that begin a job which runs in a directory here: an older resource knows no such jobs.

    Files that it makes get the permissions that they would get here.
    """
    if not directory:
        return []
    mask = os.umask(0)
    os.umask(mask)
    text = shlex.quote(f"LGI_run: this resource does not run jobs in {directory}")
    return [
        f'[ "$(pwd -P)" = {shlex.quote(directory)} ] || {{ echo {text} >&2; exit 125; }}',
        f"umask {mask:03o}",
    ]


def _check_size(script: bytes) -> None:
    """Raise ValueError for a script that no server takes as the input of a job."""
    from lgi_protocol.xml import MAX_FIELD_SIZE

    if len(script) > MAX_FIELD_SIZE:
        raise ValueError(
            f"the command line is too long: {len(script)} bytes as a script, servers take {MAX_FIELD_SIZE}."
            " Write what is long into a file, send it with -f FILE, and let the command read it"
        )


def _redirection(output: str, errors: str) -> list[str]:
    """Return the redirection, as ``exec > out 2> err``; a stream without a file is reported as usual."""
    both = output == errors
    sent = [f"> {_stream(output)}"] if output else []
    sent += ["2>&1" if both else f"2> {_stream(errors)}"] if errors else []
    return [f"exec {' '.join(sent)}"] if sent else []


def error_file(script: bytes) -> str:
    """Return the file in which the script of a job stores its standard error, as `of_words` has made it.

    `NULL` for an error that is discarded; empty for one that is stored as usual, and of any other script.
    """
    for line in script.decode("utf-8", "replace").splitlines():
        if match := _REDIRECTION.fullmatch(line):
            word = match[1] if match[2] == "&1" else match[3]
            name = "".join(shlex.split(word or ""))
            return NULL if name == "/dev/null" else name
    return ""


def _stream(name: str) -> str:
    from lgi_tools.client.stored_file import STREAMS

    if name == NULL:
        return "/dev/null"
    taken = name in {".", "..", *STREAMS} or name.startswith(RESERVED)
    if taken or "/" in name or not name.isprintable() or len(name.encode()) > LONGEST_NAME:
        raise ValueError(
            f"{shortened(name)!r} is not a valid file for a stream: "
            "write a name without directories that is not "
            f"reserved by LGI, or {NULL} to discard it"
        )
    return shlex.quote(name)


def _same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()


def _is_file(word: str | Path) -> bool:
    """Return whether a word names a regular file here; a word too long for a file name does not."""
    try:
        return Path(word).is_file()
    except (OSError, ValueError):
        return False


def _check(files: Sequence[Path]) -> None:
    from lgi_tools.client.stored_file import STREAMS

    for file in files:
        shown = shortened(str(file))
        if not _is_file(file):
            raise ValueError(f"{shown} does not exist or is not a regular file")
        if any("\udc80" <= char <= "\udcff" for char in file.name):
            raise ValueError(f"{shown!r} cannot be sent: its name is not UTF-8")
        if file.name.startswith(RESERVED):
            raise ValueError(f"{shown} cannot be sent: names that begin with LGI_ or .LGI_ are reserved")
        if file.name in STREAMS:
            raise ValueError(f"{shown} cannot be sent: the job's own output is stored under that name")
        if sum(other.name == file.name for other in files) > 1:
            raise ValueError(
                f"several files have the name {file.name!r}, which must be unique where the job runs"
            )


def memory(text: str) -> int:
    """Return megabytes from ``2000``, ``500M`` or ``2G``. Raises ValueError for other text."""
    found = re.fullmatch(r"([0-9]{1,9})\s*([A-Za-z]*)", text.strip())
    if found is None or found[2].lower() not in _UNITS or int(found[1]) == 0:
        raise ValueError(f"{text!r} is not a memory size: write megabytes, as 2000, or 500M or 2G")
    return int(found[1]) * _UNITS[found[2].lower()]


def deadline(text: str) -> int:
    """Return the Unix time of a date, or of a time span from now on. Raises ValueError, also for the past."""
    now = int(time.time())
    try:
        when = int(datetime.fromisoformat(text.strip()).astimezone().timestamp())
    except (ValueError, OverflowError):
        try:
            when = now + seconds(text)
        except ValueError:
            why = "is neither a date nor a time span: write 2026-11-30T18:00, 90m, 6h or 2d"
            raise ValueError(f"{text[:40]!r} {why}") from None
    if when <= now:
        raise ValueError(f"the deadline {text[:40]!r} is over")
    return when


def seconds(text: str) -> int:
    """Return seconds from ``90``, ``90m``, ``2h``, ``1d`` or ``HH:MM:SS``. Raises ValueError otherwise."""
    text = text.strip().lower()
    if found := re.fullmatch("([0-9]{1,4}):([0-5][0-9]):([0-5][0-9])", text):
        amount = int(found[1]) * 3600 + int(found[2]) * 60 + int(found[3])
    elif found := re.fullmatch("([0-9]{1,9})([smhd]?)", text):
        amount = int(found[1]) * _SECONDS[found[2] or "s"]
    else:
        amount = 0
    if amount == 0:
        raise ValueError(f"{text!r} is not a time: write seconds, as 90, or 90m, 2h, 1d or 01:30:00")
    return amount


def licences(words: Sequence[str]) -> dict[str, int]:
    """Return the amount per name: ``genus`` is 1, ``primelib=4`` is 4. Raises ValueError for other text."""
    wanted: dict[str, int] = {}
    for word in words:
        name, has_amount, amount = word.partition("=")
        if not _LICENCE.match(name) or (has_amount and not _AMOUNT.match(amount)):
            raise ValueError(f"{word!r} is not a licence: write NAME or NAME=NUMBER")
        wanted[name] = wanted.get(name, 0) + int(amount or 1)
    return wanted


def as_specifics(requests: dict[str, str | int], licences: dict[str, int]) -> str:
    """Return the requests and licences as job specifics (XML). Raises ValueError unless all is UTF-8."""
    from lgi_tools.client.specifics import as_xml

    needed = ", ".join(f"{name}={amount}" for name, amount in licences.items())
    return as_xml(requests | ({"licences": needed} if needed else {}))


def script_flaw(path: Path) -> str:
    """Return why a script may not start and what to do, empty when it can start.

    Raises OSError when the file cannot be read.
    """
    with path.open("rb") as opened:
        begin = opened.read(_BEGIN)
    if begin.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return f"{path.name} is encoded in UTF-16: {_ADVICE}"
    if begin.startswith(codecs.BOM_UTF8):
        return f"{path.name} begins with a byte order mark: {_ADVICE}"
    if b"\0" not in begin and begin.partition(b"\n")[0].endswith(b"\r"):
        return f"{path.name} has Windows line ends: {_ADVICE}"
    return ""
