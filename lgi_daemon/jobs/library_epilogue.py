"""The epilogue of a short job on plain processes of applications/library, without a program."""

import os
from contextlib import suppress

from lgi_daemon.files import atomic_file
from lgi_daemon.jobs import library, library_output, streams
from lgi_daemon.jobs.job import LocalJob
from lgi_protocol import shared_directory


def finish(job: LocalJob) -> bool:
    """Do what the epilogue of a job would do; return False where the script must do it.

    The processes of the job have ended. All of it can be repeated, by the script too.
    """
    settings = library.settings_of(job.record, job.run.script(job.record, "job_epilogue_script"))
    if settings is None or not library.is_plain(settings):
        return False
    if shared_directory.is_asked(job.record.job_specifics):
        # The script stores the streams beside its files.
        return False
    state, files = job.run.state(job.record), job.run.files(job.record)
    is_staged = settings["stage"] == "yes" and (state / library.STAGED).exists()
    if is_staged and not streams.can_be_stored(job):
        return False
    if not library_output.write(state, files.path, files.owner, job.record.max_output_size):
        return False
    return not is_staged or _mark(job)


def _mark(job: LocalJob) -> bool:
    """Note that the daemon stores the streams; return whether the disk takes it."""
    state, owner = job.run.state(job.record), job.run.files(job.record).owner
    try:
        folder = os.open(state, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            with suppress(FileExistsError):
                atomic_file.create(folder, streams.MARK, b"", 0o600, owner=owner, group=owner)
        finally:
            os.close(folder)
    except OSError:
        return False
    return True
