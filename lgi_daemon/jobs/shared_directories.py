"""What the scripts of a job are told of the directory in which it was submitted and is to run.

By name it must be one of those that the administrator has allowed. Whether it is here, and the same one, the
scripts look up with the rights of the job (applications/library/requests.sh).
"""

from lgi_daemon.rundir.record import JobRecord
from lgi_protocol import shared_directory


def variables(record: JobRecord) -> dict[str, str]:
    """Return LGI_HERE_DIRECTORY, empty unless a job runs there, and LGI_HERE_TOKEN or LGI_HERE_REFUSAL."""
    try:
        found = shared_directory.read(record.job_specifics)
        refusal = _refusal(found, record) if found else ""
    except ValueError as error:
        found, refusal = None, f"it cannot run where it was submitted: {error}"
    if refusal or found is None:
        return {"LGI_HERE_DIRECTORY": "", "LGI_HERE_REFUSAL": refusal}
    return {"LGI_HERE_DIRECTORY": found.path, "LGI_HERE_TOKEN": found.token}


def _refusal(asked: shared_directory.SharedDirectory, record: JobRecord) -> str:
    if not any(map(asked.is_below, record.shared_directories)):
        return f"jobs may not run in {asked.path} here"
    if record.own_uid:
        return "jobs have uids of their own here, and run in their own directories"
    return ""
