"""Why a job failed, in words for the log of Snakemake."""

from lgi_tools import Job, Project, ServerError, TransportError
from snakemake_executor_plugin_lgi.labels import printable

_LINES, _BYTES = 30, 8000


def failure_of(project: Project, job: Job, log: str) -> str:
    """Return how a job has ended, where its output is, and the last lines of it."""
    where = f"its output is in {log}" if log else f"LGI_tail {job.id} shows its output"
    lines = _last_lines(project, job, log)
    return f"LGI job {job.id} {job.end.text}; {where}. {lines}"


def _last_lines(project: Project, job: Job, log: str) -> str:
    try:
        data = _end_of_file(log) if log else project.job(job).output[-_BYTES:]
    except (OSError, ServerError, TransportError):
        return ""
    # Programs of others wrote it: no control characters go to a terminal.
    lines = [printable(line, 200) for line in data.decode("utf-8", "replace").splitlines() if line.strip()]
    return "It ends with:\n" + "".join(f"    {line}\n" for line in lines[-_LINES:]) if lines else ""


def _end_of_file(path: str) -> bytes:
    with open(path, "rb") as opened:
        opened.seek(max(0, opened.seek(0, 2) - _BYTES))
        return opened.read()
