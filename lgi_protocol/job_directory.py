"""A job on disk: the LGI_* files and their ``.hash`` companions (clients.md 4.3-4.5).

Read by the daemon, and by LGI_qsub and LGI_filetransfer when they run inside a job.
"""

import os
import stat
from pathlib import Path
from typing import BinaryIO

from lgi_protocol.digest import digest

SCRIPTS = (
    "job_check_limits_script",
    "job_check_running_script",
    "job_check_finished_script",
    "job_prologue_script",
    "job_run_script",
    "job_epilogue_script",
    "job_abort_script",
)
HASHED = (
    "LGI_project",
    "LGI_this_project_server",
    "LGI_project_master_server",
    "LGI_application",
    "LGI_target_resources",
    "LGI_job_id",
    "LGI_owners",
    "LGI_read_access",
    "LGI_write_access",
    "LGI_job_specifics",
    "LGI_state",
    "LGI_state_time_stamp",
    "LGI_input",
    *(f"LGI_{script}" for script in SCRIPTS),
    "LGI_key_file",
    "LGI_certificate_file",
    "LGI_ca_certificate_file",
    "LGI_max_output_size",
    "LGI_job_sandbox_uid",
    "LGI_job_run_script_pid",
    "LGI_daemon_reference",
)
OUTPUT = "LGI_output"
# Ours, where the server gives jobs certificates: the job's own key and certificate, and a copy of the CA's.
# Scripts upload all there is: a * leaves out such names, and no repository takes them.
JOB_KEY = ".LGI_job_key"
JOB_CERTIFICATE = ".LGI_job_certificate"
JOB_CA = ".LGI_job_ca_certificate"
MAX_FILE = 16 * 1024 * 1024


class DamagedFileError(Exception):
    """A file of a job directory is missing, is no plain file, or does not match its digest."""


class JobDirectory:
    """The files of one job, read without following links and written so that none is ever half there."""

    def __init__(self, path: Path) -> None:
        """Nothing is read yet."""
        self.path = path

    def read(self, name: str, limit: int = MAX_FILE) -> bytes:
        """A file and the proof that it is whole; Damaged says which file and why not."""
        data = self.read_plain(name, limit + 1)
        if len(data) > limit:
            raise DamagedFileError(f"{self.path / name} is longer than {limit} bytes")
        noted = self.read_plain(f"{name}.hash", 64).split(b"\n", 1)[0].decode("ascii", "replace")
        if noted != digest(data):
            raise DamagedFileError(f"{self.path / name} does not match its .hash file")
        return data

    def text(self, name: str) -> str:
        """A file as text, trimmed."""
        return self.read(name).decode("utf-8", "replace").strip()

    def read_plain(self, name: str, limit: int = MAX_FILE) -> bytes:
        """At most ``limit`` bytes of a plain file, no link followed and no device or pipe opened for long."""
        with self.open_plain(name) as opened:
            return opened.read(limit)

    def open_plain(self, name: str) -> BinaryIO:
        """A plain file to read; Damaged when it is missing, a link, or anything else."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            directory = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                descriptor = os.open(name, flags, dir_fd=directory)
            finally:
                os.close(directory)
        except OSError as error:
            raise DamagedFileError(f"{self.path / name}: {error.strerror}") from None
        # Looked at before Python opens it: for a directory that would raise, and leave the descriptor open.
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise DamagedFileError(f"{self.path / name} is not a plain file")
        return os.fdopen(descriptor, "rb")

    def verify(self, limit: int = MAX_FILE) -> None:
        """Damaged unless all files of an accepted job are there, whole and within a limit."""
        for name in HASHED:
            self.read(name, limit)
        self.read_plain(OUTPUT, 0)

    def is_valid(self) -> bool:
        """Whether this is the directory of an accepted job."""
        try:
            self.verify()
        except DamagedFileError:
            return False
        return True
