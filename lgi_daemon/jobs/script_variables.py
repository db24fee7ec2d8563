"""The LGI_* environment variables of the scripts of a job: what the daemon knows, scripts need not ask."""

import re
from pathlib import Path

from lgi_daemon.jobs import shared_directories
from lgi_daemon.rundir.record import JobRecord

# The requests in the specifics of a job, as its user has written them.
REQUESTS = ("cpus", "nodes", "memory", "walltime", "image", "licences", "gpus", "store_server")
_VALUES = {name: re.compile(f"<{name}>([^<>]*)</{name}>") for name in REQUESTS}
# Bytes; a longer value is no valid request.
_LONGEST = 200


def variables(record: JobRecord, directory: Path, state: Path) -> dict[str, str]:
    """Return the variables of a job whose own and whose state directory these are."""
    found = {
        "LGI_DAEMON_REFERENCE": record.reference,
        "LGI_JOB_DIRECTORY": str(directory),
        "LGI_JOB_ID": record.job_id,
        "LGI_PROJECT": record.project,
        "LGI_APPLICATION": record.application,
    }
    for name, bound in (("MEMORY", record.bounds.memory), ("DISK", record.bounds.disk)):
        if bound:
            found[f"LGI_JOB_MAX_{name}"] = str(bound)
    if record.gpus is not None:
        # A job that requests none sees none.
        found["CUDA_VISIBLE_DEVICES"] = ",".join(record.gpus)
    if record.has_state_directory:
        found["LGI_STATE_DIRECTORY"] = str(state)
    for name in REQUESTS:
        found[f"LGI_REQUEST_{name.upper()}"] = request(record.job_specifics, name)
    if record.uses_library:
        found["LGI_INPUT_BEGINNING"] = beginning(record.input)
    if record.uses_library:
        found |= shared_directories.variables(record)
    if record.repository_files >= 0:
        found["LGI_REPOSITORY_FILES"] = str(record.repository_files)
    return found


def beginning(program: bytes) -> str:
    """Return the first bytes of a program, in hexadecimal: as many as a shell examines."""
    return program[:80].hex(" ")


def request(specifics: str, name: str) -> str:
    """Return the text of the last element of a name on one line, cut to 200 bytes; empty without one."""
    values = _VALUES[name].findall(specifics)
    text = re.sub("[\n\t\r]", " ", values[-1]).strip(" ") if values else ""
    return text.encode("utf-8", "replace")[:_LONGEST].decode("utf-8", "ignore").replace("\0", "")
