"""Lets the kernel bound the memory of jobs where it can; elsewhere `memory_watch` adds it up."""

import logging
from pathlib import Path

from lgi_daemon.config.model import Configuration
from lgi_daemon.execution.job_cgroups import JobCgroups
from lgi_daemon.execution.job_scope import JobScope, NoScopeError
from lgi_daemon.jobs.job_table import JobTable
from lgi_daemon.rundir import daemon_number

log = logging.getLogger(__name__)


class MemoryControl:
    """Has a scope for the cgroups of jobs from the time when one of them has a limit."""

    def __init__(self, jobs: JobTable, cgroups: JobCgroups, run_directory: Path) -> None:
        """Open no scope yet."""
        self.jobs = jobs
        self.cgroups = cgroups
        self.scope = JobScope(daemon_number.make(run_directory))
        self._is_decided = False

    def start(self, configuration: Configuration) -> None:
        """Open the scope, or log why there is none; once, if a job of this resource is or will be bounded."""
        if self._is_decided or not (_has_bounds(configuration) or self._has_bounded_job()):
            return
        self._is_decided = True
        try:
            self.scope.open()
        except NoScopeError as error:
            log.info("job_max_memory is enforced by adding up the memory of processes: %s", error)
            return
        self.cgroups.folder = self.scope.folder
        self.cgroups.recover({job.record.reference for job in self.jobs})
        log.info("job_max_memory is enforced by the kernel, in the cgroups of %s", self.scope.name)

    def close(self) -> None:
        """Leave the scope to the jobs in it."""
        self.scope.close()

    def _has_bounded_job(self) -> bool:
        return any(job.record.bounds.memory for job in self.jobs)


def _has_bounds(configuration: Configuration) -> bool:
    projects = configuration.projects
    return any(application.bounds.memory for project in projects for application in project.applications)
