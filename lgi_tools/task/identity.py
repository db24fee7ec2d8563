"""Check that a job on the server is the one recorded in a folder."""

from lgi_protocol import xml
from lgi_tools.client.job import Details, Job
from lgi_tools.client.project import Project
from lgi_tools.task.record import RecordError, TaskRecord
from lgi_tools.task.submission import TAG


def is_of(found: TaskRecord, job: Job) -> bool:
    """Return whether a job is that of the record: after a restore of the database job ids are reused."""
    if tag := xml.value(job.specifics, TAG):
        return tag == found.request_id
    return not found.repository_url or job.repository_url == found.repository_url


def check(found: TaskRecord, job: Job) -> None:
    """Raise RecordError when a job is another one with the same id."""
    if not is_of(found, job):
        raise RecordError(
            f"job {job.id} is another one: the server has reused the job id, as after a restore of its "
            "database. Nothing was changed; submit --force submits this folder as a new job"
        )


def job_of(project: Project, found: TaskRecord) -> Details:
    """Return the current job of a folder. Raises RecordError for another one, ServerError NO_JOB for none."""
    job = project.job(found.job_id)
    check(found, job)
    return job
