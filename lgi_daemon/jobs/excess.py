"""A job that uses more than it may: the reason is noted for its end, and its processes are killed."""

import logging

from lgi_daemon.execution import process_table
from lgi_daemon.execution.process_table import ProcessTable
from lgi_daemon.files import atomic_file
from lgi_daemon.jobs.job import LocalJob

log = logging.getLogger(__name__)

# In the state directory, for the script that writes the end of the job.
FOR_SCRIPTS = "memory"
# Beside the record, out of the job's reach: after a restart of the daemon it is still known.
FOR_DAEMON = "excess"
_MAX_BYTES = 254


def note(job: LocalJob, reason: str) -> None:
    """Store why a job is killed, before its processes are; on a full disk only this daemon knows it."""
    job.excess = reason
    kept, state = job.run.records / job.record.reference, job.run.state(job.record)
    for folder, name, mode in ((kept, FOR_DAEMON, 0o600), (state, FOR_SCRIPTS, 0o644)):
        try:
            atomic_file.write(folder, name, f"{reason}\n".encode(), mode=mode, durable=False)
        except OSError as error:
            log.warning("%s: cannot store why it was killed: %s", job.title, error)


def reason_of(job: LocalJob) -> str:
    """Return why a job was killed, empty when it was not."""
    if job.excess:
        return job.excess
    try:
        data = (job.run.records / job.record.reference / FOR_DAEMON).read_bytes()
    except OSError:
        return ""
    return data[:_MAX_BYTES].decode("utf-8", "replace").strip()


def kill(job: LocalJob, table: ProcessTable, *, spares_run_script: bool) -> None:
    """Kill the processes of a job in a table that was just read.

    The run script of `command` reports how its program has ended: it is spared unless it is the only one.
    """
    pids = table.select(job.process_selector)
    run = job.record.run
    if spares_run_script and run is not None and len(pids) > 1:
        pids.discard(run.pid)
    process_table.kill(pids)
