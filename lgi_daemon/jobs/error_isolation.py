"""Keeps an error with one job from the other jobs, and retries that job later."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from lgi_daemon.execution.scripts import NoAnswerError
from lgi_daemon.files.disk_space import DiskSpace
from lgi_daemon.jobs.job import LocalJob
from lgi_daemon.jobs.lifecycle import ServerIntent
from lgi_daemon.servers.clock import Clock

log = logging.getLogger(__name__)


class ErrorIsolation:
    """Handles what goes wrong while a worker works on a job."""

    def __init__(self, clock: Clock, disk: DiskSpace) -> None:
        """``disk`` says whether a failed write has been logged already as a full disk."""
        self._clock = clock
        self._disk = disk

    @contextmanager
    def guard(self, job: LocalJob) -> Iterator[None]:
        """Run a block for a job; after any error the rest of the block is left for later."""
        try:
            yield
        except NoAnswerError as error:
            self._leave_alone(job, error)
        except OSError as error:
            job.schedule.failed(self._clock.now)
            # A full disk is logged once, not for each job.
            if self._disk.has_space(max_age=0):
                log.critical("%s: cannot write to disk: %s; will retry", job.title, error)
        except Exception:
            # Whatever one job has done to its directory, or its server to its description.
            log.critical("%s: internal error (please report); will retry", job.title, exc_info=True)
            job.schedule.failed(self._clock.now)

    def _leave_alone(self, job: LocalJob, error: NoAnswerError) -> None:
        """Leave a job alone whose scripts did not answer, and kill its processes when it must end.

        One of these processes may be what blocks its scripts.
        """
        seconds = job.schedule.not_answered(self._clock.now, error.seconds, job.intent)
        log.warning("%s: %s; left alone for %.0f s", job.title, error, seconds)
        if job.intent in (ServerIntent.UNWANTED, ServerIntent.STALE):
            job.kill_processes()
