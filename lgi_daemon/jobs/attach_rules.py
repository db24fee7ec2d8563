"""With which jobs of this resource a session of LGI_attach is possible: those that run on this machine."""

import re

from lgi_daemon.jobs import library
from lgi_daemon.jobs.job import LocalJob

_BACKEND = re.compile(rb"^[ \t]*(?:export[ \t]+)?backend=[\"']?(\w*)", re.MULTILINE)
_CONTAINER = re.compile(rb"^[ \t]*(?:export[ \t]+)?container=[\"']?(\w+)", re.MULTILINE)
_PLAIN = "process"


def problem(job: LocalJob) -> str:
    """Return why a program cannot be started beside the processes of a job; empty when it can."""
    record = job.record
    if record.ending or job.removed or record.disowned:
        return "the job has ended"
    if elsewhere := _elsewhere(job):
        return elsewhere
    if record.run is None:
        return "the job has not started yet, try again in a moment"
    return "" if job.is_alive() else "the job does not run on this machine itself, or has just ended"


def _elsewhere(job: LocalJob) -> str:
    """Return which back-end of the library runs a job elsewhere or in a container; empty for none."""
    if not job.record.uses_library:
        return ""
    try:
        script = job.run.script(job.record, "job_run_script").read_bytes()
        settings = library.settings_of(job.record, job.run.script(job.record, "job_run_script")) or {}
    except OSError:
        return "the scripts of the job cannot be read"
    backend = settings.get("backend", "") or _last(_BACKEND.findall(script))
    if backend and backend != _PLAIN:
        return f"the job is run by {backend}, and LGI_attach works with plain processes of this machine"
    container = settings.get("container", "") or _last(_CONTAINER.findall(script))
    return f"the job runs in a container of {container}, where LGI_attach cannot enter" if container else ""


def _last(found: list[bytes]) -> str:
    return found[-1].decode("ascii", "replace") if found else ""
