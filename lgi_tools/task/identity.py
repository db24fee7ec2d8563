"""Whether a job of a server is the one a folder remembers."""

from lgi_protocol import xml
from lgi_tools.client.models import Details, Job
from lgi_tools.client.project import Project
from lgi_tools.task.record import RecordError, TaskRecord
from lgi_tools.task.submission import TAG


def is_of(found: TaskRecord, job: Job) -> bool:
    """Numbers are given out again when a database is restored; tags of submits and addresses are not."""
    if tag := xml.value(job.specifics, TAG):
        return tag == found.request_id
    return not found.repository_url or job.repository_url == found.repository_url


def check(found: TaskRecord, job: Job) -> None:
    """Trouble when a job only has the number of the folder's."""
    if not is_of(found, job):
        raise RecordError(
            f"job {job.id} is another one: the server has given out its number again, as after its "
            "database was restored. Nothing was done; submit --force gives this folder a new job"
        )


def job_of(project: Project, found: TaskRecord) -> Details:
    """The job of a folder as it is now. Trouble when it is another one, ServerError when it is not there."""
    job = project.job(found.job_id)
    check(found, job)
    return job
