"""With which jobs of this resource a session of LGI_attach is possible: those that run on this machine."""

import re

from lgi_daemon.jobs import library
from lgi_daemon.jobs.job import LocalJob
from lgi_protocol.job_directory import DamagedFileError, JobDirectory

_BACKEND = re.compile(rb"^[ \t]*(?:export[ \t]+)?backend=[\"']?(\w*)", re.MULTILINE)
_CONTAINER = re.compile(rb"^[ \t]*(?:export[ \t]+)?container=[\"']?(\w+)", re.MULTILINE)
_PLAIN = "process"
# How the library starts a job in a container (payload.sh and container.sh), and bytes of this.
_ENGINE = re.compile(
    rb"^set -- .*(?<= )(?:(bwrap|apptainer) |env -u LGI_DAEMON_REFERENCE (\w+) run )", re.MULTILINE
)
_MOST_BATCH = 2**20


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
        known = library.settings_of(job.record, job.run.script(job.record, "job_run_script"))
    except OSError:
        return "the scripts of the job cannot be read"
    settings = known or {}
    backend = settings.get("backend", "") or _last(_BACKEND.findall(script))
    if backend and backend != _PLAIN:
        return f"the job is run by {backend}, and LGI_attach works with plain processes of this machine"
    container = settings.get("container", "") or _last(_CONTAINER.findall(script))
    if container:
        return _in_container(container)
    return "" if known is not None else _elsewhere_by_marks(job)


def _elsewhere_by_marks(job: LocalJob) -> str:
    """Return the same of scripts that do more than set values, by what the library has started.

    They may read settings from other files; beside a container a user would have rights that no job has.
    """
    state = JobDirectory(job.run.state(job.record))
    try:
        state.read_plain("process")
        batch = state.read_plain("batch", _MOST_BATCH)
    except (DamagedFileError, OSError):
        batch = b""
    if not 0 < len(batch) < _MOST_BATCH:
        return "the scripts of the job do not say that it runs on this machine itself"
    found = _ENGINE.search(batch)
    return _in_container((found[1] or found[2]).decode("ascii", "replace")) if found else ""


def _in_container(engine: str) -> str:
    return f"the job runs in a container of {engine}, where LGI_attach cannot enter"


def _last(found: list[bytes]) -> str:
    return found[-1].decode("ascii", "replace") if found else ""
