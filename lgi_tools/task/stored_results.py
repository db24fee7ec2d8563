"""Results on the server that would be lost with a job."""

from lgi_protocol import xml
from lgi_tools.client.job import Details, Job
from lgi_tools.client.stored_file import STREAMS
from lgi_tools.task.submission import TAG

OF_A_FOLDER = "belongs to a folder of LGI_task"
WITH_FILES = "has files on the server"


def loss(job: Details) -> str:
    """Return why a job should not be removed without confirmation, empty when there is no reason.

    Whether somebody has fetched its files does not matter here.
    """
    if not job.ended:
        return ""
    if is_of_folder(job):
        return OF_A_FOLDER
    return WITH_FILES if _has_files(job) else ""


def is_of_folder(job: Job) -> bool:
    """Return whether a job belongs to a folder of LGI_task."""
    return bool(xml.value(job.specifics, TAG))


def _has_files(job: Details) -> bool:
    """Return whether the job has files, or streams that its output has in part only."""
    streams = sum(one.size for one in job.files if one.name in STREAMS)
    return streams > len(job.output) or any(one.name not in STREAMS for one in job.files)
