"""LGI_stage: fetch the files of a job's repository into its directory, or store what the job has made."""

import os
from collections.abc import Sequence
from pathlib import Path

import click

from lgi_protocol import xml
from lgi_protocol.job_directory import JobDirectory
from lgi_tools.cli import options, program, terminal
from lgi_tools.client import settings
from lgi_tools.client.repository import Repository
from lgi_tools.staging.fetch import fetch
from lgi_tools.staging.marks import Marks
from lgi_tools.staging.outcome import NEVER
from lgi_tools.staging.store import store

NAME = "LGI_stage"


@click.command(context_settings=options.CONTEXT, no_args_is_help=True)
@click.option("-j", "--job-directory", metavar="DIR", default=".", help="The job's directory.")
@click.argument("direction", type=click.Choice(["in", "out"]))
@options.version
def command(job_directory: str, direction: str) -> int:
    """Fetch all files of a job's repository (in), or store the job's new and changed files there (out).

    Files whose names begin with LGI_ or .LGI_, links, and directories stay where they are. A run that was cut
    goes on where it stopped. The exit code is 0 when all is done, 1 when it may succeed later, 2 when it will
    not, 75 when the server cannot be reached. What can never be stored does not change it: it is named on
    standard error, and in the file not_stored of the directory $LGI_STATE_DIRECTORY.
    """
    try:
        job = settings.job_at(Path(job_directory))
    except settings.SettingsError as error:
        raise click.UsageError(str(error)) from None
    url = repository_url(job)
    if not url and direction == "out":
        return store(job.path, None)
    if not url:
        Marks(job.path).note({})
        return 0
    chosen = settings.read_job(job)
    if not os.access(chosen.key, os.R_OK):
        terminal.warn(NAME, f"user {os.geteuid()} cannot read the key {chosen.key}: {_ADVICE}")
        return NEVER
    try:
        repository = Repository(url, chosen.credentials().session())
    except ValueError as error:
        terminal.warn(NAME, str(error))
        return NEVER
    return fetch(job.path, repository) if direction == "in" else store(job.path, repository)


_ADVICE = "the administrator can let it, or set stage=no"


def repository_url(job: JobDirectory) -> str:
    """Where the job's files are, empty when it has none.

    The server's own tag stands at the end, after what the user wrote, and at the top level only.
    """
    found = xml.find_all(job.text("LGI_job_specifics"), "repository_url")
    return found[-1].text if found else ""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command LGI_stage; its exit code says whether to try again."""
    return program.run(command, NAME, arguments)
