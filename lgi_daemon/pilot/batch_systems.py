"""The batch systems that pilots are submitted to: SLURM, SGE and its successors, OpenPBS and Torque, LGI."""

import os
import pwd
import re
from collections.abc import Sequence

from lgi_daemon.pilot.batch_system import BatchJob, BatchState, BatchSystem, PilotScript
from lgi_daemon.pilot.project import LGI
from lgi_protocol import xml

# States in which SLURM lists a job that has ended; one that is in no list still exists.
_SLURM_ENDED = frozenset(
    (
        *("COMPLETED", "CANCELLED", "FAILED", "TIMEOUT", "NODE_FAIL", "PREEMPTED", "BOOT_FAIL", "DEADLINE"),
        *("OUT_OF_MEMORY", "REVOKED"),
    )
)
_SLURM_WAITING = frozenset(("PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD"))
_PBS_STATES = {
    **dict.fromkeys("CFX", BatchState.ENDED),
    **dict.fromkeys("QHWTM", BatchState.WAITING),
}


def _submit_slurm(script: PilotScript) -> Sequence[str]:
    return (
        *("sbatch", "--parsable", f"--job-name={script.name}", f"--chdir={script.file.parent}"),
        *(f"--output={_slurm_path(script)}", "--no-requeue"),
    )


def _slurm_path(script: PilotScript) -> str:
    # In names of files SLURM replaces what follows "%".
    return str(script.output).replace("%", "%%")


def _read_slurm_id(text: str) -> str:
    """Read 12, or 12;cluster."""
    found = re.fullmatch(r"([0-9]{1,18})(;.*)?", text.strip(), re.ASCII)
    return found[1] if found else ""


def _query_slurm() -> Sequence[str]:
    return ("squeue", "--noheader", "--states=all", f"--user={os.getuid()}", "--format=%i %T %j")


def _read_slurm(text: str) -> list[BatchJob]:
    jobs = []
    for line in text.splitlines():
        words = line.split(None, 2)
        if len(words) < 2 or not words[0][0].isdigit():
            raise ValueError(f"no line of squeue: {line[:80]!r}")
        word = words[1]
        state = BatchState.WAITING if word in _SLURM_WAITING else BatchState.RUNNING
        if word in _SLURM_ENDED:
            state = BatchState.ENDED
        jobs.append(BatchJob(words[0], words[2] if len(words) > 2 else "", state))
    return jobs


def _submit_sge(script: PilotScript) -> Sequence[str]:
    return (
        *("qsub", "-terse", "-N", script.name, "-S", "/bin/sh", "-r", "n"),
        *("-wd", str(script.file.parent), "-j", "y", "-o", str(script.output)),
    )


def _read_sge_id(text: str) -> str:
    found = re.search(r"^([0-9]{1,18})$", text, re.ASCII | re.MULTILINE)
    return found[1] if found else ""


def _query_sge() -> Sequence[str]:
    # As XML, because the table truncates names.
    return ("qstat", "-u", pwd.getpwuid(os.getuid()).pw_name, "-xml")


def _read_sge(text: str) -> list[BatchJob]:
    if "</job_info>" not in text:
        raise ValueError("the answer of qstat does not end with </job_info>")
    jobs = []
    for inside in re.findall(r"<job_list\b[^>]*>(.*?)</job_list>", text, re.DOTALL):
        state = xml.value(inside, "state")
        # E: the job failed to start and waits for an administrator.
        kind = BatchState.WAITING if re.search("[qwh]", state) else BatchState.RUNNING
        if "E" in state:
            kind = BatchState.ENDED
        jobs.append(BatchJob(xml.value(inside, "JB_job_number"), xml.value(inside, "JB_name"), kind))
    return jobs


def _submit_pbs(script: PilotScript) -> Sequence[str]:
    return ("qsub", "-N", script.name, "-r", "n", "-j", "oe", "-o", str(script.output), "-S", "/bin/sh")


def _read_pbs_id(text: str) -> str:
    """Read 12.server: the number is unique, and qstat truncates the rest."""
    found = re.search(r"^([0-9]{1,18})\.[A-Za-z0-9._-]*$", text, re.ASCII | re.MULTILINE)
    return found[1] if found else ""


def _query_pbs() -> Sequence[str]:
    return ("qstat",)


def _read_pbs(text: str) -> list[BatchJob]:
    """Read the columns id, name, user, time, state, queue, below two lines. Without jobs there is no line."""
    lines = text.splitlines()
    if lines and not (re.match(r"Job [Ii][Dd] ", lines[0]) and "".join(lines[1:2]).startswith("-")):
        raise ValueError(f"no answer of qstat: {lines[0][:80]!r}")
    jobs = []
    for line in lines[2:]:
        words = line.split()
        if len(words) != 6 or not words[0][0].isdigit():
            raise ValueError(f"no line of qstat: {line[:80]!r}")
        state = _PBS_STATES.get(words[4], BatchState.RUNNING)
        jobs.append(BatchJob(words[0].partition(".")[0], words[1], state))
    return jobs


BATCH_SYSTEMS = {
    one.name: one
    for one in (
        BatchSystem("slurm", _submit_slurm, _read_slurm_id, _query_slurm, _read_slurm),
        BatchSystem("sge", _submit_sge, _read_sge_id, _query_sge, _read_sge),
        LGI,
        BatchSystem("pbs", _submit_pbs, _read_pbs_id, _query_pbs, _read_pbs),
    )
}
