"""LGI_stage: fetch the files of a job's repository into its directory, or store the job's results."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lgi_protocol.job_directory import JobDirectory
from lgi_tools.cli import options, program, terminal
from lgi_tools.cli.session import timing
from lgi_tools.client import settings

if TYPE_CHECKING:
    # Slow to load: functions that need them import them.
    from lgi_tools.client.result_patterns import ResultPatterns
    from lgi_tools.staging.user_store import UserStore

NAME = "LGI_stage"


@click.command(context_settings=options.CONTEXT, no_args_is_help=True)
@click.option(
    "-j", "--job-directory", metavar="DIR", default=".", show_default=True, help="Directory of the job."
)
@click.argument("direction", type=click.Choice(["in", "out"]))
@options.version
def command(job_directory: str, direction: str) -> int:
    """Fetch all files of a job's repository (in), or store the job's new and changed files there (out).

    Files whose names begin with LGI_ or .LGI_ and symbolic links are not stored, files in directories only
    if the job has patterns that choose them (LGI_run --output). An interrupted run continues where it
    stopped. The exit code is 0 on success, 1 when a retry may succeed, 2 when the server refuses, 65 when a
    file can never be fetched into this directory, 75 when the server cannot be reached. Files that can never
    be stored do not change it: they are listed on standard error and in the file not_stored of the directory
    $LGI_STATE_DIRECTORY.

    Example: LGI_stage -j /var/lib/lgi/job7 out
    """
    if sys.platform != "linux":
        raise click.UsageError("LGI_stage runs in jobs, which are on Linux")
    from lgi_tools.client import result_patterns
    from lgi_tools.client.repository import Repository
    from lgi_tools.staging.fetch import fetch
    from lgi_tools.staging.marks import Marks
    from lgi_tools.staging.outcome import PERMANENT
    from lgi_tools.staging.store import store

    try:
        job = settings.job_at(Path(job_directory))
    except settings.SettingsError as error:
        raise click.UsageError(str(error)) from None
    url = repository_url(job)
    patterns = result_patterns.read(job.text("LGI_job_specifics"))
    if not url and direction == "out":
        return store(job.path, None, patterns)
    if not url:
        Marks(job.path).note({})
        return 0
    chosen = settings.read_job(job)
    if not os.access(chosen.key, os.R_OK):
        terminal.warn(NAME, f"user {os.geteuid()} cannot read the key {chosen.key}: {_ADVICE}")
        return PERMANENT
    try:
        repository = Repository(url, chosen.credentials().session(), timing())
    except ValueError as error:
        terminal.warn(NAME, str(error))
        return PERMANENT
    own = _own_store(job, patterns)
    if direction == "in":
        return fetch(job.path, repository, has_paths=patterns.has_paths, own=own)
    return store(job.path, repository, patterns, own=own)


def _own_store(job: JobDirectory, patterns: "ResultPatterns") -> "UserStore | None":
    """Return the object store of the user that the job names, if it names one."""
    if "<user_store>" not in job.text("LGI_job_specifics"):
        return None
    from lgi_tools.staging.user_store import UserStore

    return UserStore(job.path, patterns)


_ADVICE = "the administrator can make it readable, or set stage=no"


def repository_url(job: JobDirectory) -> str:
    """Return the URL of the job's repository, empty when it has none."""
    from lgi_protocol import job_repository

    return job_repository.url_of(job.text("LGI_job_specifics"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run LGI_stage and return its exit code, which says whether a retry may succeed."""
    return program.run(command, NAME, arguments)
