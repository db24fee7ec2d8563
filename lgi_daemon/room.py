"""Room for more jobs: what is here, and what is about to be taken, against the limits of every level."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from lgi_daemon.acceptance import Offered
from lgi_daemon.configuration import Application, Configuration, Project
from lgi_daemon.jobs import Jobs
from lgi_daemon.limits import Level, refusal
from lgi_daemon.sandbox import choose_uid


class NoRoom(Exception):
    """A job may not be taken; the text says why."""


class Room:
    """Asked by all who take jobs at the same time: what one of them has reserved the next one sees."""

    def __init__(self, jobs: Jobs) -> None:
        """``jobs`` are those that are here."""
        self._jobs = jobs
        self._guard = Lock()
        self._coming: list[tuple[Offered, int]] = []

    def levels(
        self, configuration: Configuration, project: Project, application: Application
    ) -> tuple[Level, Level, Level]:
        """The three levels as full as they are now."""
        records = [job.record for job in self._jobs]
        taken = [(one.project, one.application, one.owners) for one in records]
        taken += [(one.project.name, one.application.name, one.told.owners) for one, _uid in self._coming]
        here = [one for one in taken if one[0] == project.name]
        same = [one for one in here if one[1] == application.name]
        return (
            Level("the resource", configuration.rules, tuple(owners for *_, owners in taken)),
            Level(f"project {project.name}", project.rules, tuple(owners for *_, owners in here)),
            Level(f"application {application.name}", application.rules, tuple(owners for *_, owners in same)),
        )

    @contextmanager
    def reserved(self, offer: Offered, configuration: Configuration) -> Iterator[int]:
        """A place for an offered job, with its uid, until it is one of the jobs or was refused; or NoRoom."""
        with self._guard:
            levels = self.levels(configuration, offer.project, offer.application)
            why_not = refusal(levels, offer.told.owners)
            if why_not:
                raise NoRoom(why_not)
            reservation = offer, self._uid(offer, configuration)
            self._coming.append(reservation)
        try:
            yield reservation[1]
        finally:
            with self._guard:
                self._coming.remove(reservation)

    def _uid(self, offer: Offered, configuration: Configuration) -> int:
        taken = {job.record.uid for job in self._jobs} | {uid for _offer, uid in self._coming}
        # One that others are to share, now or later, is no job's own.
        taken |= {one.sandbox_uid for each in configuration.projects for one in each.applications}
        try:
            return choose_uid(offer.application.sandbox_uid, taken, configuration.sandbox_uids)
        except RuntimeError as error:
            raise NoRoom(str(error)) from None
