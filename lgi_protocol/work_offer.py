"""What a project server answers to resources that look for work: offered and pending jobs (wire.md 6)."""

from lgi_protocol.job_description import JobDescription
from lgi_protocol.value_object import value_object

# Not a state: a user follows the output of the job.
WATCHED = "watched"


@value_object
class WorkOffer:
    """Answer to a request for work: the name of the caller and the jobs locked for it."""

    resource: str
    jobs: tuple[JobDescription, ...]


@value_object
class PendingJob:
    """A job to take (state ``queued``), to abort (``aborting``), or whose output to send (``WATCHED``)."""

    job_id: str
    application: str
    state: str
