"""A job on disk: the LGI_* files and their ``.hash`` companions (clients.md 4.3-4.5).

Read by the daemon, and by LGI_qsub and LGI_filetransfer when they run inside a job.
"""

import os
import stat
from pathlib import Path
from typing import BinaryIO

from lgi_protocol import open_flags
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
# Our extension: key and certificate of the job, and a copy of the CA certificate. The names begin with a dot,
# since scripts upload "*"; repositories reject them.
JOB_KEY = ".LGI_job_key"
JOB_CERTIFICATE = ".LGI_job_certificate"
JOB_CA = ".LGI_job_ca_certificate"
MAX_FILE = 16 * 1024 * 1024


class DamagedFileError(Exception):
    """A file of a job directory is missing, is not a regular file, or does not match its digest."""


class JobDirectory:
    """The files of one job, read without following links."""

    def __init__(self, path: Path) -> None:
        """Set the path; nothing is read."""
        self.path = path

    def read(self, name: str, limit: int = MAX_FILE) -> bytes:
        """Return the content of a file; raise DamagedFileError unless it matches its digest."""
        data = self.read_plain(name, limit + 1)
        if len(data) > limit:
            raise DamagedFileError(f"{self.path / name} is longer than {limit} bytes")
        noted = self.read_plain(f"{name}.hash", 64).split(b"\n", 1)[0].decode("ascii", "replace")
        if noted != digest(data):
            raise DamagedFileError(f"{self.path / name} does not match its .hash file")
        return data

    def text(self, name: str) -> str:
        """Return a file as trimmed text; raise DamagedFileError as `read`."""
        return self.read(name).decode("utf-8", "replace").strip()

    def read_plain(self, name: str, limit: int = MAX_FILE) -> bytes:
        """Return at most ``limit`` bytes of a regular file; raise DamagedFileError for anything else."""
        with self.open_plain(name) as opened:
            return opened.read(limit)

    def open_plain(self, name: str) -> BinaryIO:
        """Open a regular file to read; raise DamagedFileError when it is missing, a link or anything else."""
        flags = os.O_RDONLY | open_flags.NO_FOLLOW | open_flags.NO_BLOCK
        try:
            directory = os.open(self.path, os.O_RDONLY | open_flags.DIRECTORY | open_flags.NO_FOLLOW)
            try:
                descriptor = os.open(name, flags, dir_fd=directory)
            finally:
                os.close(directory)
        except OSError as error:
            raise DamagedFileError(f"{self.path / name}: {error.strerror}") from None
        # Checked before os.fdopen(), which raises for a directory and leaves the descriptor open.
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise DamagedFileError(f"{self.path / name} is not a plain file")
        return os.fdopen(descriptor, "rb")

    def verify(self, limit: int = MAX_FILE) -> None:
        """Raise DamagedFileError unless all files of an accepted job are intact and within a limit."""
        for name in HASHED:
            self.read(name, limit)
        self.read_plain(OUTPUT, 0)

    def is_valid(self) -> bool:
        """Return whether this is the directory of an accepted job."""
        try:
            self.verify()
        except DamagedFileError:
            return False
        return True
