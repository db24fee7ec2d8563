"""What LGI_top shows: jobs, arrays and resources of a project as a server has them at one moment."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from lgi_protocol.states import State
from lgi_protocol.value_object import value_object
from lgi_tools.cli import output_jobs
from lgi_tools.client.job import Job, read_job
from lgi_tools.client.job_array import JobArray
from lgi_tools.client.job_end import Outcome
from lgi_tools.client.project import Project
from lgi_tools.client.resource import Resource
from lgi_tools.client.selection import SHOW, Selection, check_known
from lgi_tools.commands.qstat_arrays import values

# Jobs of one list, arrays that are looked through, and for how many seconds ended jobs are shown.
MOST, MOST_ARRAYS, RECENT = 500, 200, 900


@value_object
class Board:
    """The jobs of a user, or all that the user may read, with those that ended lately; arrays that go on.

    ``queued`` is the number of queued jobs, also of those that are too many to be listed.
    """

    server: str
    user: str
    read_at: datetime
    jobs: tuple[Job, ...]
    arrays: tuple[JobArray, ...]
    resources: tuple[Resource, ...]
    queued: int

    def counts(self) -> Mapping[str, int]:
        """Return the number of jobs that are no elements of arrays by state; failed ones by themselves."""
        found = Counter(
            "failed" if job.end.outcome is Outcome.FAILED else job.shown_state for job in self.jobs
        )
        listed = sum(job.state == State.QUEUED for job in self.jobs)
        found[State.QUEUED] += self.queued - listed
        return {state: number for state, number in sorted(found.items()) if number}

    def running_on(self, resource: str) -> int:
        """Return how many of the jobs run on a resource."""
        return sum(
            resource in job.targets for job in self.jobs if not job.ended and job.state != State.QUEUED
        )

    def as_json(self) -> dict[str, Any]:
        """Return all of it as JSON."""
        return {
            "server": self.server,
            "user": self.user,
            "time": int(self.read_at.timestamp()),
            "counts": dict(self.counts()),
            "arrays": [values(array) for array in self.arrays],
            "jobs": [output_jobs.of_job(job) for job in self.jobs],
            "resources": [self._resource(one) for one in self.resources],
        }

    def _resource(self, one: Resource) -> dict[str, Any]:
        found: dict[str, Any] = {
            "resource_name": one.name,
            "applications": list(one.applications),
            "last_call_time": int(one.last_call.timestamp()),
            "running": self.running_on(one.name),
        }
        if one.drained_since:
            found |= {"drained_since": int(one.drained_since.timestamp()), "drain_reason": one.drain_reason}
        return found


def read_board(project: Project, *, everyone: bool = False) -> Board:
    """Ask the server. Raises TransportError, also from one that is too old to select jobs by their owner."""
    now = datetime.now(UTC)
    owner = "" if everyone else project.user
    since = int(now.timestamp()) - RECENT
    waiting = Selection(owner=owner, single=True, state=State.QUEUED)
    active = (Selection(owner=owner, single=True, state=state) for state in (State.RUNNING, State.ABORTING))
    lately = Selection(owner=owner, single=True, state=f"!{State.QUEUED}", since=since)
    queued = _jobs(project, waiting)
    found = {job.id: job for one in (*active, lately) for job in _jobs(project, one)}
    arrays = (array for array in islice(project.arrays(), MOST_ARRAYS) if not owner or owner in array.owners)
    return Board(
        project.server,
        project.user,
        now,
        tuple(sorted(found.values(), key=_place)) + tuple(sorted(queued, key=_place)),
        tuple(array for array in arrays if array.progress.ended < array.progress.total),
        project.resources(),
        _count(project, waiting) if len(queued) == MOST else len(queued),
    )


def _place(job: Job) -> tuple[int, int, int]:
    """Return the place of a job: running and urgent ones first, then by priority, the latest end first."""
    if job.ended:
        return 2, -int(job.changed.timestamp()), job.id
    return int(not job.urgent), -job.priority, job.id


def _jobs(project: Project, selection: Selection) -> list[Job]:
    fields = selection.fields()
    reply = project.call("job_state", fields | SHOW | {"start": "0", "limit": str(MOST)})
    check_known(project.server, fields, reply)
    return [read_job(text) for text in reply.all("job")]


def _count(project: Project, selection: Selection) -> int:
    return project.call("job_state", selection.fields() | {"limit": "0"}).number("number_of_jobs")
