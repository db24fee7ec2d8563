"""What a daemon finds in its run directory when it starts: its own jobs, an older daemon's, and debris."""

import logging
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from lgi_daemon.execution.processes import ProcessId
from lgi_daemon.rundir.job_files import INVALID
from lgi_daemon.rundir.record import JobRecord, Phase, from_json
from lgi_daemon.rundir.run_directory import RECORD, RunDirectory, is_leftover
from lgi_protocol import comma_lists
from lgi_protocol.job_directory import SCRIPTS, DamagedFileError, JobDirectory
from lgi_protocol.resource_api import is_job_id

log = logging.getLogger(__name__)

_REFERENCE = re.compile(r"[0-9A-F]{32}")
# Larger than any file of a job, and small enough that digesting what a job wrote is soon done.
_LARGEST_FILE = 512 * 1024


def recover(run: RunDirectory) -> list[JobRecord]:
    """All jobs to look after. Torn LGI_* files are written again; what is broken is moved to ``.broken``.

    What cannot even be moved is left as it is, with a word in the log: the others are taken up all the same.
    """
    records = list(_recorded(run))
    known = {run.files(record).path for record in records}
    for path in sorted(run.path.glob("[!.]*/*/JOB_*")):
        if path not in known:
            with _apart(path):
                adopted = _adopt(run, path)
                records += [adopted] if adopted else []
    return records


@contextmanager
def _apart(path: Path) -> Iterator[None]:
    """Keep what goes wrong with one job from the others."""
    try:
        yield
    except (OSError, RecursionError, ValueError) as error:
        log.critical("%s is left as it is until the next start: %s", path, error)


def _recorded(run: RunDirectory) -> Iterator[JobRecord]:
    """The jobs this daemon's records tell of."""
    for folder in sorted(run.records.iterdir()):
        record = None
        with _apart(folder):
            record = _resumed(run, folder)
        if record is not None:
            yield record


def _resumed(run: RunDirectory, folder: Path) -> JobRecord | None:
    """A job to look after, its files whole again; nothing when it had ended or never began."""
    if not (folder / RECORD).exists():
        log.info("%s was never accepted and is removed", folder.name)
        shutil.rmtree(folder)
        return None
    record = _read(run, folder)
    if record is None:
        return None
    if is_leftover(record):
        log.info("%s: its removal is completed", record.title)
        run.remove(record)
        return None
    if record.run is None and not record.has_state_directory:
        # An older daemon took it and has not started it: there are no marks yet that count.
        record = replace(record, has_state_directory=True)
        run.save(record)
    for name in run.restore(record):
        log.warning("%s: %s was damaged or missing and is restored", record.title, name)
    return record


def _read(run: RunDirectory, folder: Path) -> JobRecord | None:
    """A record with all its scripts, or nothing when it had to be set aside."""
    try:
        record = from_json((folder / RECORD).read_bytes())
        if record.reference != folder.name:
            raise ValueError(f"it says {record.reference!r} of itself")
        missing = [
            name for name in SCRIPTS if not is_leftover(record) and not run.script(record, name).exists()
        ]
        if missing:
            raise ValueError(f"its {missing[0]} is missing")
    except ValueError as error:
        run.set_aside(folder, f"its record cannot be used: {error}")
        return None
    return record


def _adopt(run: RunDirectory, path: Path) -> JobRecord | None:
    """Take over the directory of an older daemon, which kept no record; set it aside unless it is whole."""
    directory = JobDirectory(path)
    try:
        directory.verify(_LARGEST_FILE)
        record = _record_of(run, directory)
    except (DamagedFileError, ValueError) as error:
        run.set_aside(path, str(error))
        return None
    scripts = {name: directory.read(f"LGI_{name}", _LARGEST_FILE) for name in SCRIPTS}
    run.create(record, scripts)
    log.info("%s: taken over from an older daemon", record.title)
    return record


def _record_of(run: RunDirectory, directory: JobDirectory) -> JobRecord:
    """The record an older daemon would have kept.

    The uid is the owner of the directory, never what a file in it claims: the job could write that file.
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
    if not read("LGI_max_output_size").isdigit():
        raise ValueError("its LGI_max_output_size is not a number")
    if not is_job_id(read("LGI_job_id")):
        raise ValueError("its LGI_job_id is not the number of a job")
    noted = read("LGI_daemon_reference")
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
        max_output_size=int(read("LGI_max_output_size")),
        uid=uid,
        target_resources=comma_lists.split(read("LGI_target_resources")),
        job_specifics=read("LGI_job_specifics"),
        state=read("LGI_state"),
        state_time_stamp=read("LGI_state_time_stamp"),
        input=directory.read("LGI_input"),
        phase=Phase.ACCEPTED,
    )
    pid = read("LGI_job_run_script_pid")
    # Which process that was nobody knows any more, but that it was started.
    run_before = ProcessId(int(pid), 0, "") if pid.isdigit() and len(pid) < 10 and int(pid) else None
    return replace(record, run=run_before, disowned=noted == INVALID or noted != reference)
