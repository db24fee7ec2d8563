"""The file of LGI_flow: jobs by their names, with commands, options of LGI_run and what each follows."""

import graphlib
import shlex
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lgi_protocol.value_object import value_object
from lgi_tools.cli import access_options, environment_options, result_options
from lgi_tools.client import command_line

# Jobs of one file.
MOST = 1000
# The keys that make an array, as the options of LGI_run: each has a text, or a list of texts.
ARRAYS = ("array", "each_line", "each")
# The keys with the names of jobs: these as a whole, or the like element of each.
FOLLOWED = ("after", "after_any", "after_each", "after_any_each")
# All other keys but command and at_most: each with its type and its option of LGI_run.
_KEYS: Mapping[str, tuple[type, str]] = {
    "name": (str, "name"),
    "labels": (dict, "labels"),
    "files": (list, "files"),
    "targets": (str, "targets"),
    "image": (str, "image"),
    "resources": (list, "resources"),
    "cpus": (int, "cpus"),
    "gpus": (int, "gpus"),
    "mem": (str, "mem"),
    "time": (str, "seconds"),
    "stdout": (str, "output"),
    "stderr": (str, "errors"),
    "retries": (int, "retries"),
    "retry_on": (str, "retry_on"),
    "backoff": (str, "backoff"),
    "priority": (int, "priority"),
    "deadline": (str, "deadline"),
    "urgent": (bool, "urgent"),
    "not_on": (list, "not_on"),
    "notify": (str, "notify"),
    "mail": (str, "mail"),
    "webhook": (str, "webhook"),
    "keep_after_failure": (bool, "keep"),
    "env": (dict, environment_options.NAME),
    "read_access": (str, "read_access"),
    "write_access": (str, "write_access"),
    "output": (list, "output_files"),
    "exclude": (list, "exclude_files"),
    "here": (bool, "here"),
}
_USUAL: Mapping[str, Any] = {
    **dict.fromkeys(("cpus", "gpus", "mem", "seconds", "image", "retries", "backoff", "deadline")),
    **dict.fromkeys(("targets", "output", "errors", "name", "retry_on", "store", *access_options.NAMES), ""),
    **dict.fromkeys(("resources", "files", "labels", "after", "after_any", "not_on"), ()),
    **dict.fromkeys((environment_options.NAME, *result_options.NAMES), ()),
    **dict.fromkeys(("notify", "mail", "webhook"), ""),
    **dict.fromkeys(("hold", "keep", "urgent", "here"), False),
    "priority": 0,
}


@value_object
class FlowJob:
    """A job of a flow: its words, the options of LGI_run, and the names of the jobs that it follows.

    An array has ``dimensions``: the key of `ARRAYS` and the text of each. It runs ``at_most`` elements at
    once (0: any number), of which each follows the like elements of ``after_each`` and ``after_any_each``.
    """

    key: str
    words: tuple[str, ...]
    options: Mapping[str, Any]
    after: tuple[str, ...]
    after_any: tuple[str, ...]
    after_each: tuple[str, ...] = ()
    after_any_each: tuple[str, ...] = ()
    dimensions: tuple[tuple[str, str], ...] = ()
    at_most: int = 0


def read(path: Path) -> list[FlowJob]:
    """Return the jobs of a file, each behind those that it follows. Raises ValueError or OSError."""
    try:
        tables = tomllib.loads(path.read_text("utf-8")).get("jobs")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no TOML: {error}") from None
    if not isinstance(tables, dict) or not tables or len(tables) > MOST:
        raise ValueError(f"{path} has no tables [jobs.NAME], or more than {MOST}")
    jobs = {key: _job(key, table) for key, table in tables.items()}
    graph = {key: {name for kind in FOLLOWED for name in getattr(job, kind)} for key, job in jobs.items()}
    for key, others in graph.items():
        if unknown := others - jobs.keys():
            raise ValueError(f"job {key} is to follow {min(unknown)!r}, which the file does not have")
    for job in jobs.values():
        _check_arrays(job, jobs)
    try:
        return [jobs[key] for key in graphlib.TopologicalSorter(graph).static_order()]
    except graphlib.CycleError as error:
        raise ValueError(f"these jobs follow each other in a circle: {' - '.join(error.args[1])}") from None


def _check_arrays(job: FlowJob, jobs: Mapping[str, FlowJob]) -> None:
    """Raise ValueError for a job that has what only arrays have."""
    each = (*job.after_each, *job.after_any_each)
    if not job.dimensions and (each or job.at_most):
        raise ValueError(f"job {job.key} is no array: at_most, after_each and after_any_each are for arrays")
    for name in each:
        if not jobs[name].dimensions:
            raise ValueError(f"job {job.key} is to follow each element of {name}, which is no array")


def _job(key: str, table: Any) -> FlowJob:
    if not isinstance(table, dict):
        raise ValueError(f"jobs.{key} is no table: write [jobs.{key}]")
    left = dict(table)
    words = left.pop("command", None)
    words = shlex.split(words) if isinstance(words, str) else words
    if not words or not _is_list(words):
        raise ValueError(f"job {key} has no command: write a text, or a list of words")
    follows = {name: left.pop(name, []) for name in FOLLOWED}
    if not all(map(_is_list, follows.values())):
        raise ValueError(f"job {key}: {', '.join(FOLLOWED)} are lists of names")
    return FlowJob(
        key,
        tuple(words),
        dimensions=_dimensions(key, left),
        at_most=_at_most(key, left),
        options=_options(key, left),
        **{name: tuple(names) for name, names in follows.items()},
    )


def _dimensions(key: str, left: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """Remove the keys of an array and return them with each of their texts, in the order of the file."""
    found = []
    for name in [name for name in left if name in ARRAYS]:
        value = left.pop(name)
        texts = [value] if isinstance(value, str) else value
        if not texts or not _is_list(texts):
            raise ValueError(f"job {key}: {name} is no text or list of texts: {value!r}")
        found += [(name, text) for text in texts]
    return tuple(found)


def _at_most(key: str, left: dict[str, Any]) -> int:
    most = left.pop("at_most", 0)
    if type(most) is not int or most < 0:
        raise ValueError(f"job {key}: at_most is no number of elements: {most!r}")
    return most


def _options(key: str, left: Mapping[str, Any]) -> Mapping[str, Any]:
    options = dict(_USUAL)
    for name, value in left.items():
        kind, option = _KEYS.get(name, (None, ""))
        if kind is None:
            known = ", ".join(sorted({*_KEYS, *ARRAYS, *FOLLOWED, "at_most", "command"}))
            raise ValueError(f"job {key} has a key {name!r}, known are: {known}")
        if type(value) is not kind or (kind is list and not _is_list(value)):
            raise ValueError(f"job {key}: {name} is no {_WORDS[kind]}: {value!r}")
        options[option] = _READ.get(name, _same)(value)
    return options


_WORDS = {str: "text", int: "number", bool: "true or false", list: "list of texts", dict: "table"}


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _same(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _pairs(table: dict[str, Any]) -> tuple[str, ...]:
    return tuple(f"{key}={value}" for key, value in table.items())


_READ: Mapping[str, Callable[[Any], Any]] = {
    "mem": command_line.memory,
    "time": command_line.seconds,
    "backoff": command_line.seconds,
    "deadline": command_line.deadline,
    "labels": _pairs,
    "env": _pairs,
}
