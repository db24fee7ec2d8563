"""What the processes of a job may use up of the machine."""

import resource
from dataclasses import dataclass

# Under root, where nothing is configured.
MOST_PROCESSES = 1024
MOST_OPEN_FILES = 4096


@dataclass(frozen=True)
class ResourceLimits:
    """Limits of each process, but for ``processes``: those are all of its user together. None is no limit."""

    processes: int | None = None
    open_files: int | None = None
    file_size: int | None = None  # bytes
    cpu_seconds: int | None = None
    core_size: int | None = None  # bytes

    def hold(self, pid: int, is_run_script: bool) -> None:
        """Put a process, and all it starts from now on, under these limits. OSError when it has ended.

        The number of processes holds for the run script alone: a job at its limit would else keep the
        scripts that ask about it from starting, and look as if it had ended.
        """
        wanted = {
            resource.RLIMIT_NPROC: self.processes if is_run_script else None,
            resource.RLIMIT_NOFILE: self.open_files,
            resource.RLIMIT_FSIZE: self.file_size,
            resource.RLIMIT_CPU: self.cpu_seconds,
            resource.RLIMIT_CORE: self.core_size,
        }
        for kind, limit in wanted.items():
            if limit is not None:
                hardest = resource.prlimit(pid, kind)[1]
                # Only root could raise what the daemon itself was given.
                least = limit if hardest == resource.RLIM_INFINITY else min(limit, hardest)
                resource.prlimit(pid, kind, (least, least))
