"""The record of a job, stored where no job can write. LGI_* files are a copy that is never read back."""

import json
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any

from lgi_daemon.execution.bounds import JobBounds
from lgi_daemon.execution.processes import ProcessId
from lgi_daemon.execution.rlimits import ResourceLimits
from lgi_protocol.job_description import JobDescription
from lgi_protocol.job_end import NO_END, End
from lgi_protocol.job_usage import JobUsage


class Phase(StrEnum):
    """The phase of a job on this resource."""

    CLAIMING = "claiming"  # on disk; the server has not confirmed the claim yet
    ACCEPTED = "accepted"  # the server has confirmed the claim
    REMOVING = "removing"  # ended; what is left on disk must be deleted


@dataclass(frozen=True)
class JobRecord:
    """One job of this resource, with the last known state at the server."""

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
    # The uid was chosen for this job alone: all processes under it are the job's.
    own_uid: bool = False
    limits: ResourceLimits = field(default_factory=ResourceLimits)
    bounds: JobBounds = field(default_factory=JobBounds)
    # The GPUs that are its own, by the names that CUDA_VISIBLE_DEVICES takes; None: nothing is set.
    gpus: tuple[str, ...] | None = None
    # In or below these it may run where it was submitted.
    shared_directories: tuple[str, ...] = ()
    # PEM, where jobs get certificates: the job's key, its certificate (empty before the first) and the CA's.
    job_key: str = field(default="", repr=False)
    job_certificate: str = field(default="", repr=False)
    job_ca: str = field(default="", repr=False)
    # When to request the next certificate, in Unix seconds: at once while there is none.
    job_certificate_half_over: float = 0.0
    # The `fingerprint` of the resource's certificate with which it was requested.
    job_certificate_shown: str = ""
    # The marks of its scripts are in a directory beside this record; with an older daemon in the job's own.
    has_state_directory: bool = False
    # Its scripts are those of applications/library, which write "end" when the job has ended.
    uses_library: bool = False
    # The number of files in its repository when it was claimed; -1 when it is not known.
    repository_files: int = -1
    # Its job_check_limits_script has answered; that of a job from an exchange is asked before the prologue.
    limits_checked: bool = True
    # How often its prologue and its epilogue have failed, as far as that counts towards giving them up.
    failed_prologues: int = 0
    failed_epilogues: int = 0
    # The job belongs to another daemon, or to none: kill it and report nothing.
    disowned: bool = False
    # The state to report once the scripts of the job's end have succeeded; "" before. ``queued`` gives back a
    # job of which nothing was run.
    ending: str = ""
    # The end to report, and the remark for the output, before its trailer.
    end: End = NO_END
    remark: str = ""

    @property
    def title(self) -> str:
        """The name of the job in the log."""
        return f"job {self.job_id} {self.project}/{self.application} {self.reference[:8]}"


def claimed_by(record: JobRecord, job: JobDescription) -> bool:
    """Return whether the job is claimed by this record, by its reference at the server."""
    return job.daemon_reference == record.reference


def to_json(record: JobRecord) -> bytes:
    """Serialize a record."""
    values = vars(record) | {"input": record.input.hex()}
    # Six times as fast as with asdict() and an indent, and a line for each value too.
    return json.dumps(values, separators=(",\n ", ": "), default=vars).encode()


def from_json(data: bytes) -> JobRecord:
    """Parse a stored record. Raise ValueError when it is invalid."""
    try:
        values: dict[str, Any] = json.loads(data)
        for name in ("owners", "read_access", "write_access", "target_resources"):
            values[name] = tuple(values[name])
        # Older daemons stored none.
        values["gpus"] = None if values.get("gpus") is None else tuple(values["gpus"])
        values["shared_directories"] = tuple(values.get("shared_directories", ()))
        values["input"] = bytes.fromhex(values["input"])
        values["phase"] = Phase(values["phase"])
        values["run"] = ProcessId(**_known(ProcessId, values["run"])) if values["run"] else None
        values["limits"] = ResourceLimits(**_known(ResourceLimits, values.get("limits", {})))
        values["bounds"] = JobBounds(**_known(JobBounds, values.get("bounds", {})))
        end = _known(End, values.get("end", {}))
        usage = JobUsage(**_known(JobUsage, end.pop("usage", {})))
        values["end"] = End(**end, usage=usage)
        return JobRecord(**_known(JobRecord, values))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"it is not the record of a job: {error}") from None


def _known(
    kind: type[JobRecord | ProcessId | ResourceLimits | JobBounds | End | JobUsage], values: dict[str, Any]
) -> dict[str, Any]:
    """Return the stored values without those that only a newer daemon knows."""
    names = {one.name for one in fields(kind)}
    return {name: value for name, value in values.items() if name in names}
