"""What the daemon knows of a job. Kept where no job can write, it is the truth; LGI_* files are a copy."""

import json
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any

from lgi_daemon.execution.processes import ProcessId
from lgi_daemon.execution.rlimits import ResourceLimits
from lgi_protocol.job_end import NO_END, End
from lgi_protocol.resource_api import JobDescription


class Phase(StrEnum):
    """How far a job has come on this resource."""

    CLAIMING = "claiming"  # on disk; whether the server has given it to us is not known
    ACCEPTED = "accepted"  # the server has confirmed that it is ours
    REMOVING = "removing"  # done; whatever is still on disk is to go


@dataclass(frozen=True)
class JobRecord:
    """One job of this resource, and what the server said of it last."""

    reference: str
    project: str
    application: str
    server: str
    master_server: str
    job_id: str
    owners: tuple[str, ...]
    read_access: tuple[str, ...]
    write_access: tuple[str, ...]
    key_file: str
    certificate_file: str
    ca_file: str
    max_output_size: int
    uid: int
    target_resources: tuple[str, ...]
    job_specifics: str
    state: str
    state_time_stamp: str
    input: bytes = b""
    phase: Phase = Phase.CLAIMING
    run: ProcessId | None = None
    # The uid was chosen for this job alone: whatever runs under it is the job's.
    own_uid: bool = False
    limits: ResourceLimits = field(default_factory=ResourceLimits)
    # PEM, where jobs are given certificates: the job's own key, its certificate once it has one, the CA's.
    job_key: str = field(default="", repr=False)
    job_certificate: str = field(default="", repr=False)
    job_ca: str = field(default="", repr=False)
    # When to ask for the next certificate, in unix seconds: at once while there is none.
    job_certificate_half_over: float = 0.0
    # The resource's certificate that it was asked for with, as `servers.fingerprint` has it.
    job_certificate_shown: str = ""
    # Its scripts keep their marks in a directory beside this record; an older daemon's in the job's own.
    has_state_directory: bool = False
    # True when another has it, or nobody: kill it and tell no server.
    disowned: bool = False
    # The scripts of its end have succeeded, and this is what the server has to be told: "" while it lives.
    ending: str = ""
    # What it is told of the end, and what stands of it in the output before the last line.
    end: End = NO_END
    remark: str = ""

    @property
    def title(self) -> str:
        """How a job is called in the log."""
        return f"job {self.job_id} {self.project}/{self.application} {self.reference[:8]}"


def claimed_by(record: JobRecord, job: JobDescription) -> bool:
    """Whether the server's description of a job says that this record's acceptance holds it."""
    return job.daemon_reference == record.reference


def to_json(record: JobRecord) -> bytes:
    """The record as it is stored."""
    values = asdict(record)
    values["input"] = record.input.hex()
    return json.dumps(values, indent=1).encode()


def from_json(data: bytes) -> JobRecord:
    """A stored record. ValueError when it is none."""
    try:
        values: dict[str, Any] = json.loads(data)
        for name in ("owners", "read_access", "write_access", "target_resources"):
            values[name] = tuple(values[name])
        values["input"] = bytes.fromhex(values["input"])
        values["phase"] = Phase(values["phase"])
        values["run"] = ProcessId(**values["run"]) if values["run"] else None
        # An older daemon noted none.
        values["limits"] = ResourceLimits(**values.get("limits", {}))
        values["end"] = End(**values.get("end", {}))
        # A newer daemon may have noted more.
        known = {field.name for field in fields(JobRecord)}
        return JobRecord(**{name: value for name, value in values.items() if name in known})
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"it is not the record of a job: {error}") from None
