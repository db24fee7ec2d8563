"""Recovers jobs from the run directory at the start: those of this daemon and of an older one."""

import logging
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from lgi_daemon.execution.processes import ProcessId
from lgi_daemon.rundir.record import JobRecord, Phase, from_json
from lgi_daemon.rundir.run_directory import RECORD, REMOVED, RunDirectory
from lgi_protocol import comma_lists, whole_number
from lgi_protocol.job_description import is_job_id
from lgi_protocol.job_directory import SCRIPTS, DamagedFileError, JobDirectory

log = logging.getLogger(__name__)

_REFERENCE = re.compile(r"[0-9A-F]{32}")
# Larger than any LGI_* file, and small enough to hash quickly.
_LARGEST_FILE = 512 * 1024


def recover(run: RunDirectory) -> list[JobRecord]:
    """Return the records of all jobs. Damaged LGI_* files are restored; broken jobs move to ``.broken``.

    What cannot even be moved is logged and left as it is, so that the others are recovered nevertheless.
    """
    records = list(_recorded(run))
    known = {run.files(record).path for record in records}
    for path in sorted(run.path.glob("[!.]*/*/JOB_*")):
        if path not in known:
            with _isolated(path):
                adopted = _adopt(run, path)
                records += [adopted] if adopted else []
    return records


@contextmanager
def _isolated(path: Path) -> Iterator[None]:
    """Keep an error with one job from the others."""
    try:
        yield
    except (OSError, RecursionError, ValueError) as error:
        log.critical("cannot recover %s, left as it is until the next start: %s", path, error)


def _recorded(run: RunDirectory) -> Iterator[JobRecord]:
    """Yield the jobs with a record of this daemon."""
    for folder in sorted(run.records.iterdir()):
        record = None
        with _isolated(folder):
            record = _resumed(run, folder)
        if record is not None:
            yield record


def _resumed(run: RunDirectory, folder: Path) -> JobRecord | None:
    """Return a job with its files restored; None when it had ended or was never claimed."""
    if not (folder / RECORD).exists():
        # Or all but its record was removed.
        log.info("removing %s, which was never accepted", folder.name)
        shutil.rmtree(folder)
        return None
    record = _read(run, folder)
    if record is None:
        return None
    if _is_leftover(record, folder):
        log.info("%s: completing its removal", record.title)
        run.remove(record)
        return None
    if record.run is None and not record.has_state_directory:
        # An older daemon claimed it but has not started it, so there are no marks yet.
        record = replace(record, has_state_directory=True)
        run.save(record)
    for name in run.restore(record):
        log.warning("%s: %s was damaged or missing and has been restored", record.title, name)
    return record


def _read(run: RunDirectory, folder: Path) -> JobRecord | None:
    """Return a record with all its scripts; None when it was moved to ``.broken``."""
    try:
        record = from_json((folder / RECORD).read_bytes())
        if record.reference != folder.name.removeprefix(REMOVED):
            raise ValueError(f"it contains the reference {record.reference!r}")
        missing = [
            name
            for name in SCRIPTS
            if not _is_leftover(record, folder) and not run.script(record, name).exists()
        ]
        if missing:
            raise ValueError(f"its {missing[0]} is missing")
    except ValueError as error:
        run.set_aside(folder, f"its record cannot be used: {error}")
        return None
    return record


def _is_leftover(record: JobRecord, folder: Path) -> bool:
    """Return whether the removal of a stored job was interrupted; older daemons wrote it into the record."""
    return folder.name.startswith(REMOVED) or record.phase is Phase.REMOVING


def _adopt(run: RunDirectory, path: Path) -> JobRecord | None:
    """Create a record for the directory of an older daemon; move it to ``.broken`` unless it is complete."""
    directory = JobDirectory(path)
    try:
        directory.verify(_LARGEST_FILE)
        record = _record_of(run, directory)
    except (DamagedFileError, ValueError) as error:
        run.set_aside(path, str(error))
        return None
    scripts = {name: directory.read(f"LGI_{name}", _LARGEST_FILE) for name in SCRIPTS}
    run.create(record, scripts)
    log.info("%s: adopted from an older daemon", record.title)
    return record


def _record_of(run: RunDirectory, directory: JobDirectory) -> JobRecord:
    """Return the record for the directory of an older daemon. Raise ValueError when a value is invalid.

    The uid is the owner of the directory, never the content of a file: the job could have written that file.
    """
    read = directory.text
    reference = directory.path.name.removeprefix("JOB_")
    project, application = directory.path.parts[-3:-1]
    uid = directory.path.stat().st_uid
    if not _REFERENCE.fullmatch(reference):
        raise ValueError("its name is not JOB_ and 32 hexadecimal digits")
    if (read("LGI_project"), read("LGI_application")) != (project, application):
        raise ValueError("it belongs to another project or application")
    if run.sandboxed and uid == 0:
        raise ValueError("it belongs to root, and no job runs as root")
    max_output_size = whole_number.read(read("LGI_max_output_size"))
    if max_output_size is None:
        raise ValueError("its LGI_max_output_size is not a number")
    if not is_job_id(read("LGI_job_id")):
        raise ValueError("its LGI_job_id is not the number of a job")
    reference_file = read("LGI_daemon_reference")
    record = JobRecord(
        reference=reference,
        project=project,
        application=application,
        server=read("LGI_this_project_server"),
        master_server=read("LGI_project_master_server"),
        job_id=read("LGI_job_id"),
        owners=comma_lists.split(read("LGI_owners")),
        read_access=comma_lists.split(read("LGI_read_access")),
        write_access=comma_lists.split(read("LGI_write_access")),
        key_file=read("LGI_key_file"),
        certificate_file=read("LGI_certificate_file"),
        ca_file=read("LGI_ca_certificate_file"),
        max_output_size=max_output_size,
        uid=uid,
        target_resources=comma_lists.split(read("LGI_target_resources")),
        job_specifics=read("LGI_job_specifics"),
        state=read("LGI_state"),
        state_time_stamp=read("LGI_state_time_stamp"),
        input=directory.read("LGI_input"),
        phase=Phase.ACCEPTED,
    )
    pid = whole_number.read(read("LGI_job_run_script_pid"), 1, 2**31 - 1)
    # That process is no longer known, only that it was started.
    run_before = ProcessId(pid, 0, "") if pid else None
    return replace(record, run=run_before, disowned=reference_file != reference)
