"""The streams of a job of applications/library: what its epilogue is told, and their files in the repository.

The daemon stores joblog.txt and joberr.txt with its report where a job has made no other files and they are
short; otherwise the epilogue starts LGI_stage, which stores all of them.
"""

import logging
import os
import stat
from contextlib import suppress
from pathlib import Path

from lgi_daemon.jobs.job import LocalJob
from lgi_protocol import file_properties, job_repository
from lgi_protocol.job_directory import HASHED, OUTPUT, DamagedFileError, JobDirectory
from lgi_protocol.job_repository import RepositoryError, SmallFile
from lgi_protocol.resource_api import ResourceCalls

log = logging.getLogger(__name__)

# Bytes, each.
LONGEST = 64 * 1024
# The names in the repository, and in the state directory.
STREAMS = {"joblog.txt": "stdout", "joberr.txt": "stderr"}
# Left in the state directory by an epilogue that leaves the streams to the daemon.
MARK = "streams"
# As max_stagings of the library.
MAX_FAILURES = 40
# The files in the state directory from which an epilogue writes the output and the end of a job.
_MEASURED = ("stdout", "stderr", "end", "exit", "memory", "not_stored")
_OWN_NAMES = frozenset((*HASHED, OUTPUT, *(f"{name}.hash" for name in (*HASHED, OUTPUT))))


def hints(job: LocalJob) -> dict[str, str]:
    """Return the variables for the epilogue of a job, whose processes have ended.

    LGI_STREAMS is "report" when the daemon stores the streams. Sizes are those of `sizes`, and not there when
    LGI_output has to be replaced.
    """
    found = {"LGI_STREAMS": "report"} if can_be_stored(job) else {}
    if job.record.uses_library and job.run.files(job.record).has_plain_output():
        found |= sizes(job.run.state(job.record))
    return found


def sizes(state: Path) -> dict[str, str]:
    """Return LGI_STATE_SIZES with the bytes of plain files of a state directory, and LGI_OPEN_LINES.

    The latter has the names of streams that do not end with a line end.
    """
    directory, found, open_lines = JobDirectory(state), {}, []
    for name in _MEASURED:
        with suppress(DamagedFileError, OSError), directory.open_plain(name) as opened:
            size = found[name] = os.fstat(opened.fileno()).st_size
            if name in STREAMS.values() and size and os.pread(opened.fileno(), 1, size - 1) != b"\n":
                open_lines.append(name)
    pairs = " ".join(f"{name}={size}" for name, size in found.items())
    return {"LGI_STATE_SIZES": pairs, "LGI_OPEN_LINES": " ".join(open_lines)}


def can_be_stored(job: LocalJob) -> bool:
    """Return whether the daemon can store all files that a job of the library has made."""
    record = job.record
    if not (record.uses_library and job_repository.is_at(record.server, _url(job))):
        return False
    return not _has_files(job.run.files(record).path) and _are_short(job.run.state(record))


def _url(job: LocalJob) -> str:
    return job_repository.url_of(job.record.job_specifics)


def _has_files(directory: Path) -> bool:
    """Return whether a job's directory contains more than the files of LGI itself."""
    try:
        with os.scandir(directory) as entries:
            return any(not (one.name.startswith(".LGI_") or one.name in _OWN_NAMES) for one in entries)
    except OSError:
        return True


def _are_short(state: Path) -> bool:
    try:
        found = [(state / place).lstat() for place in STREAMS.values()]
    except OSError:
        return False
    return all(stat.S_ISREG(one.st_mode) and one.st_size <= LONGEST for one in found)


def for_report(job: LocalJob) -> tuple[SmallFile, ...]:
    """Return the streams of a job for its report; none if `store` must store them, or say why not."""
    if job.files_refused or not _are_left(job):
        return ()
    try:
        return _files(job)
    except (DamagedFileError, OSError):
        return ()


def store(job: LocalJob, calls: ResourceCalls) -> str:
    """Store the streams of a job if its epilogue has left them; return why not, empty when they are stored.

    Raise RepositoryError when a retry may help, and TransportError without an answer.
    """
    if not _are_left(job):
        return ""
    try:
        calls.store_files(_url(job), _files(job))
    except (DamagedFileError, OSError) as error:
        return f"not all files were stored: {error}"
    except RepositoryError as error:
        job.stream_failures += 1
        if error.may_pass and job.stream_failures < MAX_FAILURES:
            raise
        return f"not all files were stored: {error}"
    return ""


def _are_left(job: LocalJob) -> bool:
    """Return whether the epilogue of a job has left its streams to the daemon."""
    if not job.record.uses_library or not os.path.lexists(job.run.state(job.record) / MARK):
        return False
    return job_repository.is_at(job.record.server, _url(job))


def _files(job: LocalJob) -> tuple[SmallFile, ...]:
    state, owner = job.run.state(job.record), job.run.files(job.record).owner
    return tuple(_read(state, name, owner) for name in STREAMS)


def _read(state: Path, name: str, owner: int | None) -> SmallFile:
    """Read a stream; the job owns the directory and may have replaced it by a file of somebody else."""
    with JobDirectory(state).open_plain(STREAMS[name]) as opened:
        status = os.fstat(opened.fileno())
        if status.st_nlink != 1 or owner not in (None, status.st_uid):
            raise DamagedFileError(f"{STREAMS[name]} has a second hard link or another owner")
        return SmallFile(name, opened.read(LONGEST), file_properties.of_file(status))
