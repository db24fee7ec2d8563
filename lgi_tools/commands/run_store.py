"""The submit of LGI_run --store: the files of the job are in an object store of the user."""

import click

from lgi_protocol.s3_errors import S3Error
from lgi_tools.client.job import Details
from lgi_tools.client.job_request import JobRequest
from lgi_tools.client.project import Project
from lgi_tools.client.user_store import submission


def submit(project: Project, request: JobRequest, address: str) -> Details:
    """Queue a job with its files in a place of a store. Raises ClickException for what is wrong there."""
    try:
        return submission.submit(project, request, address)
    except S3Error as error:
        raise click.ClickException(f"nothing was submitted: the object store: {error}") from None
    except ValueError as error:
        raise click.ClickException(f"nothing was submitted: --store: {error}") from None
