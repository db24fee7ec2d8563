"""What would be lost with a job, before somebody removes it."""

from lgi_protocol import xml
from lgi_tools.client.models import STREAMS, Details
from lgi_tools.task.submission import TAG

OF_A_FOLDER = "belongs to a folder of LGI_task"
WITH_FILES = "has files on the server"


def loss(job: Details) -> str:
    """Why a job should not be removed unasked; nothing when there is no reason.

    Whether somebody has fetched its files is known where they were fetched to, and nowhere else.
    """
    if not job.ended:
        return ""
    if xml.value(job.specifics, TAG):
        return OF_A_FOLDER
    return WITH_FILES if _has_files(job) else ""


def _has_files(job: Details) -> bool:
    """Whether there is more than its output tells: files it made or got, or streams that were cut there."""
    streams = sum(one.size for one in job.files if one.name in STREAMS)
    return streams > len(job.output) or any(one.name not in STREAMS for one in job.files)
