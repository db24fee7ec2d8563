"""What a new job is made of, as its user would write it: of a job that exists, or of the form."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from lgi_protocol import comma_lists
from lgi_protocol import labels as job_labels
from lgi_protocol.daemon_reference import without_reference
from lgi_protocol.retry_rule import DEFAULT_BACKOFF
from lgi_server.basic_interface import filters
from lgi_server.services.jobs.submit_request import NO_PLAN, JobPlan
from lgi_server.tables.job_queue.jobs import JobRow

# Bytes of an input that stands in the command itself.
MOST_INPUT = 2000


@dataclass(frozen=True)
class ArrayDescription:
    """The numbers and lines of an array as typed, of whose elements ``at_most`` run at once (0: any)."""

    numbers: str
    lines: str
    at_most: int


@dataclass(frozen=True)
class JobDescription:
    """The parts of a submit. ``groups`` are named when they are not those of the certificate.

    ``after`` and ``after_any`` are numbers of jobs and arrays as typed. It gets the files of the job ``like``
    too, -1 for none.
    """

    application: str
    targets: tuple[str, ...] = (comma_lists.ANY,)
    input: bytes = b""
    specifics: str = ""
    read_access: tuple[str, ...] = ()
    write_access: tuple[str, ...] = ()
    job_name: str = ""
    labels: str = ""
    plan: JobPlan = NO_PLAN
    after: tuple[str, ...] = ()
    after_any: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    like: int = -1
    array: ArrayDescription | None = None

    @property
    def has_targets(self) -> bool:
        """Whether it may run on some resources only."""
        return self.targets != (comma_lists.ANY,)

    @property
    def input_text(self) -> str | None:
        """The input as text that a person can copy; None for any other."""
        shown = filters.content(self.input)
        if shown.is_binary or len(self.input) > MOST_INPUT:
            return None
        text = self.input.decode()
        return text if filters.visible(text) == text else None

    @property
    def label_values(self) -> Mapping[str, str]:
        """The labels by their keys."""
        return dict(label.split("=", 1) for label in job_labels.split_labels(self.labels))

    @property
    def backoff(self) -> int | None:
        """The seconds before the second try, None for the default."""
        return self.plan.backoff if self.plan.backoff != DEFAULT_BACKOFF else None

    @property
    def deadline(self) -> str:
        """The deadline in ISO 8601, empty for none."""
        if self.plan.deadline is None:
            return ""
        return datetime.fromtimestamp(self.plan.deadline, UTC).isoformat()


def of_job(job: JobRow, targets: tuple[str, ...]) -> JobDescription:
    """Return the description of a job that exists, without its files and its time of start."""
    return JobDescription(
        job.application,
        targets,
        bytes(job.input),
        without_reference(job.job_specifics).strip(),
        job_name=job.job_name,
        labels=job.labels,
        plan=JobPlan(retries=job.retries, priority=job.user_priority),
    )
