"""The resource limits of a job's processes."""

import resource
from dataclasses import dataclass

# The defaults under root.
DEFAULT_PROCESSES = 1024
DEFAULT_OPEN_FILES = 4096


@dataclass(frozen=True)
class ResourceLimits:
    """Limits of each process; ``processes`` counts all processes of its user. None means no limit."""

    processes: int | None = None
    open_files: int | None = None
    file_size: int | None = None  # bytes
    cpu_seconds: int | None = None
    core_size: int | None = None  # bytes

    def apply(self, pid: int, is_run_script: bool) -> None:
        """Put a process, and all it starts from now on, under these limits.

        The number of processes applies to the run script alone: a job at its limit would otherwise keep its
        check scripts from starting, and look as if it had ended. Raise OSError when the process has ended.
        """
        limits = {
            resource.RLIMIT_NPROC: self.processes if is_run_script else None,
            resource.RLIMIT_NOFILE: self.open_files,
            resource.RLIMIT_FSIZE: self.file_size,
            resource.RLIMIT_CPU: self.cpu_seconds,
            resource.RLIMIT_CORE: self.core_size,
        }
        for kind, limit in limits.items():
            if limit is not None:
                hardest = resource.prlimit(pid, kind)[1]
                # Only root can exceed the limits of the daemon itself.
                lower = limit if hardest == resource.RLIM_INFINITY else min(limit, hardest)
                resource.prlimit(pid, kind, (lower, lower))
