"""The standard error of a block that has failed, for Parsl's message about it."""

import logging
from pathlib import Path

from lgi_tools import Project, ServerError, TransferError, TransportError

logger = logging.getLogger(__name__)
_NAME = "joberr.txt"
_MOST = 1024**2


def store_errors(project: Project, job_id: str, directory: Path) -> str | None:
    """Store the standard error of a job that has ended in a directory and return the path of the file.

    Returns None when the job has none, or more than 1 MiB, or when it cannot be had: the log says why.
    """
    try:
        job = project.job(job_id)
        if not any(file.name == _NAME and file.size <= _MOST for file in job.files):
            return None
        path = directory / f"lgi-{job.id}.stderr"
        path.write_bytes(project.files(job).read(_NAME))
    except (ServerError, TransportError, TransferError, OSError) as error:
        logger.warning("The standard error of job %s cannot be had: %s", job_id, error)
        return None
    return str(path)
