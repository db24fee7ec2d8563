"""The options with which LGI_run describes a job, on its command line and in the lines of a batch."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lgi_protocol import comma_lists
from lgi_protocol.value_object import value_object
from lgi_tools.cli import (
    access_options,
    environment_options,
    label_options,
    options,
    plan_options,
    result_options,
)
from lgi_tools.cli.request_options import request_options
from lgi_tools.client import command_line

if TYPE_CHECKING:
    # Slow to load: functions that need them import them.
    from lgi_protocol.shared_directory import SharedDirectory
    from lgi_tools.client.job import Details
    from lgi_tools.client.job_request import JobRequest
    from lgi_tools.client.project import Project

_Command = TypeVar("_Command", bound=Callable[..., Any])
# The requests that resources announce limits for, by the name of the option.
_REQUESTS = {"cpus": "cpus", "gpus": "gpus", "mem": "memory", "seconds": "walltime", "image": "image"}
# The options that describe a job; to these lists a line adds to those of the command line.
_LISTS = (
    "resources",
    "files",
    "labels",
    "after",
    "after_any",
    "not_on",
    environment_options.NAME,
    *result_options.NAMES,
)
_NAMES = (
    *_REQUESTS,
    *_LISTS,
    *access_options.NAMES,
    "targets",
    "output",
    "errors",
    "name",
    "hold",
    "keep",
    "retries",
    "retry_on",
    "backoff",
    "priority",
    "deadline",
    "urgent",
    "notify",
    "mail",
    "webhook",
    "here",
    "store",
)


def job_options(command: _Command) -> _Command:
    """Add the options of a job; the command gets them as keywords, as `split` expects them."""
    for option in reversed(_OPTIONS):
        command = option(command)
    command = access_options.access_options(plan_options.plan_options(command))
    command = result_options.result_options(command)
    return request_options()(label_options.label_options(environment_options.environment_option(command)))


_OPTIONS = (
    click.option(
        "--store",
        default="",
        metavar="s3://BUCKET/PREFIX",
        help="Keep the files of -f and the results in your own object store (default: in the project's).",
    ),
    click.option(
        "--here",
        is_flag=True,
        help="Run the job in this directory, on a resource that shares the file system and allows it.",
    ),
    click.option(
        "--image", metavar="NAME:VERSION", help="Container image to run in (default: set by the resource)."
    ),
    click.option(
        "-f",
        "--file",
        "files",
        multiple=True,
        type=options.FILE,
        metavar="FILE",
        help="Also send this file; may be repeated (default: none).",
    ),
    click.option(
        "-o",
        "--stdout",
        "output",
        default="",
        metavar="FILE",
        help="Write standard output to this file in the job's repository; null discards it"
        " (default: joblog.txt).",
    ),
    click.option(
        "-e",
        "--stderr",
        "errors",
        default="",
        metavar="FILE",
        help="Write standard error to this file; it may be the file of --stdout (default: joberr.txt).",
    ),
)


def split(given: options.Options) -> options.Options:
    """Remove the options of a job from those of a command and return them."""
    return {name: given.pop(name) for name in _NAMES}


def merged(line: options.Options, command: options.Options) -> options.Options:
    """Return the options of a line of a batch, completed with those of the command line."""
    lists = {name: (*command[name], *line[name]) for name in _LISTS}
    return {name: line[name] or command[name] for name in _NAMES} | lists


@value_object
class Plan:
    """A job to submit: ``requests`` are the part of its specifics that resources announce limits for.

    ``store`` is the place of its files in an object store of the user, empty without one.
    """

    request: "JobRequest"
    requests: str
    warnings: tuple[str, ...]
    store: str = ""

    def submit(self, project: "Project") -> "Details":
        """Queue the job."""
        if not self.store:
            return project.submit_request(self.request)
        from lgi_tools.commands import run_store

        return run_store.submit(project, self.request, self.store)


def plan(
    words: Sequence[str],
    given: options.Options,
    request_id: str = "",
    variables: Mapping[str, str] | None = None,
    *,
    takes_store: bool = False,
) -> Plan:
    """Return the job of a command line with the options of a job. Raises ValueError for an invalid one.

    ``variables`` are added to its environment, in place of others with their names. Only a job that is
    submitted with `Plan.submit` ``takes_store``.
    """
    from lgi_tools.client.job_request import JobRequest

    environment = environment_options.read(given[environment_options.NAME]) | dict(variables or {})
    if given["store"] and (given["here"] or not takes_store):
        raise ValueError("--store is for one job: leave out --here, --batch and what makes an array")
    own = _own_directory(given)
    line = command_line.of_words(
        words,
        given["files"],
        given["output"],
        given["errors"],
        environment,
        here=own.path if own else "",
    )
    licences = command_line.licences(given["resources"])
    specifics = {name: given[key] for key, name in _REQUESTS.items() if given[key] is not None}
    request = JobRequest(
        command_line.APPLICATION,
        input=line.input,
        files=line.files,
        targets=comma_lists.split(given["targets"]) or (comma_lists.ANY,),
        specifics=f"{command_line.as_specifics(specifics, licences)} {own.as_xml() if own else ''}".strip(),
        request_id=request_id,
        name=given["name"],
        labels=label_options.read(given["labels"]),
        plan=plan_options.of_options(given),
        results=result_options.patterns(given, _stream_files(given)),
        **access_options.lists(given),
    )
    left = (f"the local file {word} is not sent: use -f {word} to send it" for word in line.left_here)
    warnings = (*left, *([line.flaw] if line.flaw else []))
    return Plan(request, command_line.as_specifics(specifics, {}), warnings, given["store"])


def _stream_files(given: options.Options) -> list[str]:
    """Return the files in which a job stores its streams itself."""
    return [given[name] for name in ("output", "errors") if given[name] not in {"", command_line.NULL}]


def _own_directory(given: options.Options) -> "SharedDirectory | None":
    """Return the current directory for a job that runs there. Raises ValueError, OSError."""
    if not given["here"]:
        return None
    if given["image"] or any(given[name] for name in result_options.NAMES):
        raise ValueError("--here cannot be combined with --image, --output and --exclude")
    from lgi_tools.client import submit_directory

    return submit_directory.current_directory()
