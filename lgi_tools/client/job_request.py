"""A job to submit, and the outcome of its submit."""

from collections.abc import Iterable, Mapping
from dataclasses import field
from pathlib import Path

from lgi_protocol import comma_lists, hexcode, labels
from lgi_protocol.errors import ServerError
from lgi_protocol.value_object import value_object
from lgi_tools.client.job_plan import NO_PLAN, JobPlan
from lgi_tools.client.result_patterns import ALL, ResultPatterns
from lgi_tools.client.selection import SHOW
from lgi_tools.client.specifics import as_xml


@value_object
class JobRequest:
    """A job to submit, with the arguments of `Project.submit`.

    ``request_id`` has 1 to 64 letters, digits or characters of ``_.:-``. For a day, a submit that is repeated
    with the same id creates no second job, also after the program has ended. Without one each submit is new.
    ``name`` and ``labels`` are what the job is found by; older servers do not keep them. ``plan`` says when
    it is started, ``results`` which of its files are kept.
    """

    application: str
    input: bytes | str = field(default=b"", kw_only=True)
    files: Iterable[str | Path] = field(default=(), kw_only=True)
    targets: Iterable[str] = field(default=(comma_lists.ANY,), kw_only=True)
    specifics: str | Mapping[str, str | int] = field(default="", kw_only=True)
    read_access: Iterable[str] = field(default=(), kw_only=True)
    write_access: Iterable[str] = field(default=(), kw_only=True)
    request_id: str = field(default="", kw_only=True)
    name: str = field(default="", kw_only=True)
    labels: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    plan: JobPlan = field(default=NO_PLAN, kw_only=True)
    results: ResultPatterns = field(default=ALL, kw_only=True)

    def fields(self) -> dict[str, str]:
        """Return the fields of a submit that have a value. Raises ValueError for an invalid value."""
        specifics, data = self.specifics, self.input
        own = specifics if isinstance(specifics, str) else as_xml(specifics)
        fields = {
            "application": self.application,
            "target_resources": comma_lists.join(self.targets),
            "job_specifics": f"{own} {self.results.as_xml()}".strip(),
            "input": hexcode.encode(data.encode() if isinstance(data, str) else data),
            "read_access": comma_lists.join(self.read_access),
            "write_access": comma_lists.join(self.write_access),
            **label_fields(self.name, self.labels),
            **self.plan.fields(),
        }
        return {name: text for name, text in fields.items() if text}

    def show(self) -> dict[str, str]:
        """Return the field by which an answer shows name, labels and holds, if the job has any."""
        return SHOW if self.name or self.labels or self.plan != NO_PLAN else {}

    def paths(self) -> tuple[Path, ...]:
        """Return the files to send."""
        return tuple(Path(name) for name in self.files)


def label_fields(name: str, of_job: Mapping[str, str]) -> dict[str, str]:
    """Return the fields of a submit for a name and labels, with empty values. Raises ValueError."""
    texts = [f"{key}={value}" for key, value in of_job.items()]
    return {"job_name": labels.check_name(name), "labels": labels.write_labels(labels.read_labels(texts))}


@value_object
class Submission:
    """The outcome of one submit of many: the id and repository of the job, or the ``error`` of the server.

    ``resubmitted_from`` is the id of the job that it is like, if it is like one, ``array_id`` the array that
    it is an element of.
    """

    job_id: int = 0
    repository_url: str = ""
    error: ServerError | None = None
    resubmitted_from: int = 0
    array_id: int = 0
