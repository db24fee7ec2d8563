"""The start of a job on plain processes of applications/library, whose run script need not examine it again.

As job_run in its shell scripts. What is rare is left to that: containers, directories of users, an input that
must be converted or is no program, requests that the job's end explains.
"""

from pathlib import Path

from lgi_daemon.jobs import library, library_requests
from lgi_daemon.jobs.library_settings import Settings
from lgi_daemon.rundir.record import JobRecord

# What process_start.sh of the library reads.
VARIABLE, _PART = "LGI_START", "process_start.sh"
_NUMBERS = ("cpus", "memory", "walltime", "nodes")
_ELF, _SCRIPT = b"\x7fELF", b"#!"
# Byte order marks; a text in UTF-16 has NUL in its first bytes too.
_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
# Bytes at the begin of a file by which a shell decides whether it is a script.
_EXAMINED = 80


def variables(record: JobRecord, settings: Settings | None, programs: Path) -> dict[str, str]:
    """Return the variable that tells the run script of a job what to start; none where it finds that out."""
    form = _form_of(record.input)
    if settings is None or not form or not library.is_plain(settings) or settings["program"]:
        return {}
    if not library.is_installed(programs, _PART):
        return {}
    numbers = [library_requests.number(settings, record.job_specifics, name) for name in _NUMBERS]
    if None in numbers or not library_requests.is_allowed(settings, record.job_specifics):
        return {}
    cpus, memory, walltime, _nodes = numbers
    return {VARIABLE: f"{cpus} {memory} {walltime} {form}"}


def _form_of(data: bytes) -> str:
    """Return "program" for an input that the kernel starts, "text" for one for a shell; empty for others."""
    if data.startswith(_ELF):
        return "program"
    first = data[:_EXAMINED]
    if not first or data.partition(b"\n")[0].endswith(b"\r") or first.startswith(_MARKS):
        return ""
    if first.startswith(_SCRIPT):
        return "program"
    return "" if b"\0" in first else "text"
