"""New jobs of an exchange: which a daemon gets for what it wants, and under which of its references."""

from collections.abc import Mapping, Sequence

from lgi_protocol import states
from lgi_protocol.capabilities import GPUS
from lgi_protocol.demand import demand_of
from lgi_protocol.states import State
from lgi_server.services.jobs import claiming, project_limits
from lgi_server.services.jobs.claiming import WorkRequest
from lgi_server.services.jobs.exchange_changes import ExchangeChanges
from lgi_server.services.jobs.exchange_request import GivenJob, PostedReference, PostedWant
from lgi_server.services.jobs.licences import Amounts
from lgi_server.services.jobs.targets import offers
from lgi_server.tables import urgent_jobs
from lgi_server.tables.job_queue.jobs import WHOLE, JobRow

# Searches for one want, in which jobs that request too much are passed over.
SEARCHES = 4
# Bytes of all jobs in an answer, and what the elements of one take beside its data.
MOST_BYTES, ELEMENTS = 8 * 1024 * 1024, 1024
_ALIVE = frozenset({State.RUNNING, State.ABORTING})


class JobHandout:
    """The jobs that one exchange hands out."""

    def __init__(
        self, changes: ExchangeChanges, references: Mapping[str, PostedReference], most: int | None = None
    ) -> None:
        """Begin with the references of the daemon, each for a job; it may get ``most`` new ones."""
        self._changes = changes
        self._unused = dict(references)
        self._left = len(references) if most is None else most
        self._room = MOST_BYTES
        self.jobs: list[GivenJob] = []
        self.spent: list[str] = []
        self.has_more = False

    def answer_again(self, given: Sequence[tuple[str, JobRow]]) -> None:
        """Add the jobs that were given out under these references already: an answer was lost.

        A reference of a job that this resource has no more is spent. The jobs count for what is wanted,
        unless they are named as not wanted: the daemon has counted those.
        """
        resource = self._changes.resource.resource_name
        for reference, row in given:
            job, posted = self._changes.current(row), self._unused.pop(reference)
            if states.normalized(job.state) not in _ALIVE or resource not in job.target_resources:
                self.spent.append(reference)
            elif self._fits(job):
                self.jobs.append(GivenJob(job, posted))

    def _fits(self, job: JobRow) -> bool:
        """Return whether the answer has room for a job; the first always fits."""
        size = 2 * (len(job.input) + len(job.output)) + len(job.job_specifics) + ELEMENTS
        if self.jobs and size > self._room:
            self.has_more = True
        else:
            self._room -= size
        return not self.has_more

    def give(self, wants: Sequence[PostedWant], totals: Amounts, most_running: int = 0) -> None:
        """Give out queued jobs, in the order of the queue, as far as there are references and room.

        The urgent ones of all applications come before the others. ``most_running`` is the project's limit of
        jobs at once, 0 for none.
        """
        bounds = [_Bounds(want) for want in wants if offers(self._changes.resource, want.application)]
        for one in bounds:
            one.count_again([given.job for given in self.jobs])
        if most_running and bounds and self._left and not self._changes.resource.is_drained:
            free = project_limits.free_places(self._changes.transaction, most_running)
            self._left = min(self._left, max(0, free - self._changes.more_running))
        # Of a single application they come first anyway.
        urgent = urgent_jobs.queued_applications(self._changes.transaction) if len(bounds) > 1 else ()
        for one in bounds:
            if one.want.application in urgent:
                self._give(one, totals, urgent_only=True)
        for one in bounds:
            self._give(one, totals)

    def _give(self, bounds: "_Bounds", totals: Amounts, *, urgent_only: bool = False) -> None:
        want, number = bounds.want, min(bounds.count, len(self._unused), self._left)
        # What this exchange takes back or ends is queued in the database until it is stored.
        passed = want.without | {job.job_id for job in self._changes.started}
        for search in range(SEARCHES):
            if number <= 0 or self.has_more:
                return
            # Thousands of jobs for GPUs may stand in front of those that need none.
            is_last = search == SEARCHES - 1
            skips_gpus = bounds.lacked_gpus and (not want.gpus or is_last)
            request = WorkRequest(want.application, 0, number, want.owners, passed, urgent_only, skips_gpus)
            found = self._search(request, totals)
            given = sum(self._take(job, bounds) for job in found)
            if given == len(found) or (len(found) < number and not (bounds.lacked_gpus and not skips_gpus)):
                return
            number -= given
            passed |= {job.job_id for job in found}

    def _search(self, request: WorkRequest, totals: Amounts) -> list[JobRow]:
        changes = self._changes
        available = claiming.grantable_without_session(changes.transaction, request.application, totals)
        return claiming.select(
            changes.transaction,
            changes.resource,
            request,
            available,
            granted=changes.started,
            columns=WHOLE,
        )

    def _take(self, job: JobRow, bounds: "_Bounds") -> bool:
        """Give out a job if it is within the bounds, and return whether it is given."""
        if not (bounds.admit(job) and self._fits(job)):
            return False
        bounds.count -= 1
        posted = self._unused.pop(next(iter(self._unused)))
        self._left -= 1
        self.jobs.append(GivenJob(self._changes.give(job, posted.reference), posted))
        return True


class _Bounds:
    """How many jobs are still given for one want, and what they may request together."""

    def __init__(self, want: PostedWant) -> None:
        self.want, self.count = want, want.count
        self._cores, self._memory, self._gpus = want.cores, want.memory, want.gpus
        # Whether a job was not admitted because of the GPUs that it requests.
        self.lacked_gpus = False

    def count_again(self, jobs: Sequence[JobRow]) -> None:
        """Count those of the jobs that are answered again which their daemon does not know yet."""
        for job in jobs:
            if job.application == self.want.application and job.job_id not in self.want.without:
                self.count -= 1
                self.admit(job)

    def admit(self, job: JobRow) -> bool:
        """Count a job if it is within the bounds, and return whether it is."""
        if self._cores is None and self._memory is None and GPUS not in job.job_specifics:
            return True
        demand = demand_of(job.job_specifics)
        if demand.gpus > self._gpus:
            self.lacked_gpus = True
            return False
        if self._cores is not None and demand.cpus > self._cores:
            return False
        if self._memory is not None and demand.memory > self._memory:
            return False
        self._cores = None if self._cores is None else self._cores - demand.cpus
        self._memory = None if self._memory is None else self._memory - demand.memory
        self._gpus -= demand.gpus
        return True
