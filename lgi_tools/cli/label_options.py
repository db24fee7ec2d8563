"""The options with the name and labels of a new job."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import click

from lgi_tools.cli.completion import complete_names
from lgi_tools.cli.options import Options

_Command = TypeVar("_Command", bound=Callable[..., Any])
NOT_KEPT = "warning: this server is too old to keep names and labels: the job has none"


def label_options(command: _Command) -> _Command:
    """Add --name and --label of a submit; the command gets them as ``name`` and ``labels``."""
    for option in (
        click.option(
            "--label",
            "labels",
            multiple=True,
            metavar="KEY=VALUE",
            help="Label by which to find the job; may be repeated (default: none).",
        ),
        click.option(
            "--name",
            default="",
            shell_complete=complete_names,
            metavar="NAME",
            help="Name by which to find the job, also several jobs (default: none).",
        ),
    ):
        command = option(command)
    return command


def pop_fields(given: Options) -> dict[str, str]:
    """Remove --name and --label and return them as fields of a submit. Raises UsageError."""
    from lgi_tools.client.job_request import label_fields

    try:
        return label_fields(given.pop("name"), read(given.pop("labels")))
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def are_kept(fields: Mapping[str, str], name: str) -> bool:
    """Return whether a server that answered a submit with this name keeps names, or none was sent."""
    return not fields.get("job_name") or bool(name)


def read(texts: Iterable[str]) -> dict[str, str]:
    """Return labels given as KEY=VALUE. Raises ValueError."""
    from lgi_protocol import labels

    return labels.read_labels(texts)
