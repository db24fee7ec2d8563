"""What goes wrong with one job is kept from the others, and the job is left alone for a while."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from lgi_daemon.execution.scripts import NoAnswerError
from lgi_daemon.files.disk_space import Disk
from lgi_daemon.jobs.job import LocalJob
from lgi_daemon.jobs.lifecycle import ServerIntent
from lgi_daemon.servers.clock import Clock

log = logging.getLogger(__name__)

# A job whose scripts do not answer is left alone this many times as long as they were waited for.
SILENCE_FACTOR = 9.0
LONGEST_SILENCE = 1800.0


class ErrorIsolation:
    """Decides how long a job is left alone after something failed."""

    def __init__(self, clock: Clock, disk: Disk, fast: float) -> None:
        """``fast`` is in seconds, the least a job is left alone."""
        self._clock = clock
        self._disk = disk
        self._fast = fast

    @contextmanager
    def kept_to(self, job: LocalJob) -> Iterator[None]:
        """Do something for a job; whatever fails leaves the rest of it for later."""
        try:
            yield
        except NoAnswerError as error:
            self._leave_alone(job, error)
        except OSError as error:
            job.look_at = job.poll_at = self._clock.now + self._fast
            # A full disk is told of once, not for each of the jobs.
            if self._disk.takes_more():
                log.critical("%s: the disk does not take it: %s; tried again later", job.title, error)
        except Exception:
            # One job, whatever it has done to its directory or its server to its description, is not all.
            log.critical("%s: a mistake of ours; it is tried again later", job.title, exc_info=True)
            job.look_at = job.poll_at = self._clock.now + self._fast

    def _leave_alone(self, job: LocalJob, error: NoAnswerError) -> None:
        """After scripts that do not answer: longer each time, and many times as long as they were waited for.

        What the server comes to want of it, as its end, is worth another look. What is left of a job that
        is to end is killed, when that can be told from others: it may be what holds its scripts up.
        """
        job.silences += 1
        lost = SILENCE_FACTOR * error.seconds
        job.pause = max(self._fast, lost, min(2 * job.pause, LONGEST_SILENCE))
        job.look_at = job.quiet_until = self._clock.now + job.pause
        job.quiet_as = job.standing
        log.warning("%s: %s; it is left as it is for %.0f s", job.title, error, job.pause)
        if job.standing in (ServerIntent.UNWANTED, ServerIntent.STALE):
            job.kill_processes()
