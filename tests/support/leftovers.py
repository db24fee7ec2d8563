"""The temporary directory of one run of the tests, and what the run leaves in it and in shared memory."""

import os
import shutil
import tempfile
import time
from pathlib import Path

SHARED_MEMORY = Path("/dev/shm")
# Seconds until what processes of this run hold is gone, also on a busy machine.
PATIENCE = 30.0


class RunDirectory:
    """A directory that is TMPDIR for a whole run, so that nothing of another run is in it."""

    def __init__(self) -> None:
        """Create the directory; this process, and all it starts, use it."""
        self._begin = time.time()
        before = tempfile.gettempdir()
        # Short: the path of a socket may have 107 bytes.
        self.path = Path(tempfile.mkdtemp(prefix="lgi-"))
        # As /tmp: jobs under uids of their own work in it.
        self.path.chmod(0o1777)
        # What pytest keeps of the last three runs is kept where it always is.
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", before)
        os.environ["TMPDIR"] = tempfile.tempdir = str(self.path)

    def leftovers(self) -> list[Path]:
        """Return what is left, after waiting for what is about to go."""
        end = time.monotonic() + PATIENCE
        while (found := [*self.path.iterdir(), *self._abandoned()]) and time.monotonic() < end:
            time.sleep(0.2)
        return sorted(found)

    def _abandoned(self) -> list[Path]:
        """Directories of servers that were started in this run and no longer run."""
        return [path for path in SHARED_MEMORY.glob("LGI_server-*-*") if self._is_abandoned(path)]

    def _is_abandoned(self, path: Path) -> bool:
        try:
            status = path.stat()
        except FileNotFoundError:
            return False
        process = Path("/proc", path.name.split("-")[1])
        return status.st_uid == os.geteuid() and status.st_mtime > self._begin and not process.exists()

    def remove(self) -> None:
        """Remove the directory, what is left in it, and the status of batch systems that jobs have cached."""
        shutil.rmtree(self.path, ignore_errors=True)
        # Shared by all jobs of a user, so no test may remove it: others may run beside.
        for cache in Path("/tmp").glob("LGI_backend.*"):
            if cache.stat().st_mtime > self._begin:
                shutil.rmtree(cache, ignore_errors=True)
