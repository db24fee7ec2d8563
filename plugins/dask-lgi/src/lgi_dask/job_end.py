"""The end of a worker's job that was not asked for: Dask waits for such a worker, and does not say so."""

import asyncio
import logging
from contextlib import suppress

from lgi_tools import Details, ErrorNumber, Project, ServerError, TransferError, TransportError

logger = logging.getLogger(__name__)
_NAME = "joberr.txt"
_MOST = 1024**2
_LINES = 10
# Seconds between two looks: workers that cannot work end soon.
_FIRST, _LONGEST = 2.0, 60.0


async def warn_of_end(project: Project, job_id: int, worker: str) -> None:
    """Return when the job has ended, or is deleted, with a warning that has the end of its standard error."""
    pause = _FIRST
    while not (text := await asyncio.to_thread(_end_of, project, job_id)):
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST)
    logger.warning("Job %s of the worker %r has ended: %s", job_id, worker, text)


def _end_of(project: Project, job_id: int) -> str:
    """Return how the job has ended, empty while it has not, or nothing is known."""
    try:
        job = project.job(job_id)
    except ServerError as error:
        return "it is not on the server any more" if error.number == ErrorNumber.NO_JOB else ""
    except (TransportError, OSError):
        return ""
    return "\n".join([job.end.text, *_last_errors(project, job)]) if job.ended else ""


def _last_errors(project: Project, job: Details) -> list[str]:
    """Return the last lines of the standard error of a job, without what a terminal would obey."""
    text = ""
    if any(file.name == _NAME and file.size <= _MOST for file in job.files):
        with suppress(ServerError, TransportError, TransferError, OSError):
            text = project.files(job).read(_NAME).decode("utf-8", "replace")
    lines = text.splitlines()[-_LINES:]
    return ["".join(char if char.isprintable() else "?" for char in line) for line in lines]
