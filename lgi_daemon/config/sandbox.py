"""The configured uids and resource limits of jobs."""

import re
from pathlib import Path

from lgi_daemon.config.section import ConfigurationError, Section
from lgi_daemon.execution import sandbox
from lgi_daemon.execution.bounds import JobBounds
from lgi_daemon.execution.rlimits import DEFAULT_OPEN_FILES, DEFAULT_PROCESSES, ResourceLimits


def check_sandbox(resource: Section, run_directory: Path) -> None:
    """Raise ConfigurationError unless root can run jobs under uids that can enter their directories."""
    if sandbox.problem():
        raise ConfigurationError(sandbox.problem())
    for folder in (run_directory, *run_directory.parents):
        if not folder.stat().st_mode & 0o001:
            raise ConfigurationError(
                f"{resource.path}/run_directory: jobs under uids of their own cannot enter {folder}: "
                f"chmod o+x {folder}, or choose another directory"
            )


def sandbox_uids(resource: Section, needed: int) -> range:
    """Return the uids of ``job_sandbox_uids``, by default `UIDS`. Raise ConfigurationError when invalid."""
    text = resource.optional("job_sandbox_uids")
    if not text:
        return sandbox.UIDS
    found = re.fullmatch(r"(\d{1,10})\s*-\s*(\d{1,10})", text, re.ASCII)
    uids = range(int(found[1]), int(found[2]) + 1) if found else range(0)
    if uids.start < sandbox.LOWEST_UID or uids.stop > sandbox.HIGHEST_UID or len(uids) < needed:
        raise ConfigurationError(
            f"{resource.path}/job_sandbox_uids is {text!r}: it must be FIRST-LAST, from {sandbox.LOWEST_UID} "
            f"to {sandbox.HIGHEST_UID}, with as many uids as job_limit has jobs, {needed}"
        )
    return uids


def job_bounds(section: Section) -> JobBounds:
    """Return the bounds of each job of an application as a whole."""
    return JobBounds(
        memory=section.optional_number("job_max_memory"), disk=section.optional_number("job_max_disk")
    )


def resource_limits(section: Section, as_root: bool, shares_uid: bool) -> ResourceLimits:
    """Return the limits of an application; under root with defaults, and without core dumps."""
    processes = DEFAULT_PROCESSES if as_root and not shares_uid else None
    open_files = DEFAULT_OPEN_FILES if as_root else None
    return ResourceLimits(
        processes=section.optional_number("job_max_processes") or processes,
        open_files=section.optional_number("job_max_open_files") or open_files,
        file_size=section.optional_number("job_max_file_size") or None,
        cpu_seconds=section.optional_number("job_max_cpu_seconds") or None,
        core_size=0 if as_root else None,
    )
