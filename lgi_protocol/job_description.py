"""A job as a project server describes it to a resource (wire.md 6)."""

import re
from dataclasses import dataclass

from lgi_protocol import comma_lists, hexcode, xml
from lgi_protocol.job_end import NO_END, End, read_end


@dataclass(frozen=True)
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

    def value(name: str) -> str:
        return xml.value(text, name)

    return JobDescription(
        job_id=value("job_id"),
        state=value("state"),
        application=value("application"),
        target_resources=comma_lists.split(value("target_resources")),
        owners=comma_lists.split(value("owners")),
        read_access=comma_lists.split(value("read_access")),
        write_access=comma_lists.split(value("write_access")),
        job_specifics=value("job_specifics"),
        state_time_stamp=value("state_time_stamp"),
        input=hexcode.decode(value("input")),
        output=hexcode.decode(value("output")),
        end=read_end(text),
    )
