"""A job as a project server describes it to a resource (wire.md 6)."""

import re
from collections.abc import Mapping

from lgi_protocol import comma_lists, hexcode, xml
from lgi_protocol.job_end import FIELDS, NO_END, End, end_of
from lgi_protocol.value_object import value_object

# The elements of a `<job>` that `job_of` reads.
ELEMENTS = (
    *("job_id", "state", "application", "target_resources", "owners", "read_access", "write_access"),
    *("job_specifics", "state_time_stamp", "input", "output"),
    *FIELDS,
)


@value_object
class JobDescription:
    """A job as a project server describes it to a resource."""

    job_id: str
    state: str
    application: str
    target_resources: tuple[str, ...]
    owners: tuple[str, ...]
    read_access: tuple[str, ...]
    write_access: tuple[str, ...]
    job_specifics: str
    state_time_stamp: str
    input: bytes
    output: bytes
    end: End = NO_END

    @property
    def daemon_reference(self) -> str:
        """The reference of the daemon that has taken the job; empty when none has."""
        return xml.value(self.job_specifics, "daemon_reference")


def is_job_id(text: str) -> bool:
    """Return whether a text is a job id: 1 to 9 digits. Ids appear in calls, logs and environments."""
    return re.fullmatch("[0-9]{1,9}", text) is not None


def read_job(text: str) -> JobDescription:
    """Parse the content of ``<job>``; raise ValueError when input or output is not hexadecimal."""
    return job_of(xml.values(text, *ELEMENTS))


def job_of(found: Mapping[str, str]) -> JobDescription:
    """Return a job from the texts of its `ELEMENTS`; raise ValueError as `read_job`."""
    return JobDescription(
        job_id=found["job_id"],
        state=found["state"],
        application=found["application"],
        target_resources=comma_lists.split(found["target_resources"]),
        owners=comma_lists.split(found["owners"]),
        read_access=comma_lists.split(found["read_access"]),
        write_access=comma_lists.split(found["write_access"]),
        job_specifics=found["job_specifics"],
        state_time_stamp=found["state_time_stamp"],
        input=hexcode.decode(found["input"]),
        output=hexcode.decode(found["output"]),
        end=end_of(found),
    )
