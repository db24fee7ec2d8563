"""A daemon as far as its exchanges with a server go, for tests of `resource_exchange`."""

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from lgi_protocol.errors import ServerError
from lgi_protocol.exchange import Exchange, ExchangeAnswer, GivenJob, Hold, Reference, Report, Want
from lgi_protocol.resource_api import ResourceCalls
from tests.support.grid import CAPABILITIES, Grid

NAME = "res1@cluster"
HELLO = "hello_world"
_numbers = itertools.count(1)


def references(number: int) -> tuple[Reference, ...]:
    """Return references that no daemon has used."""
    return tuple(Reference(f"{next(_numbers):032X}") for _ in range(number))


@dataclass
class ExchangingDaemon:
    """The exchanges of one daemon; ``calls`` are those of its resource."""

    calls: ResourceCalls
    number: str = "daemon-1"
    unused: tuple[Reference, ...] = field(default_factory=lambda: references(8))

    def post(self, exchange: Exchange, seconds: int = 0, **more: str) -> ExchangeAnswer:
        """Make an exchange."""
        return self.calls.exchange(exchange, self.number, seconds, **more)  # type: ignore[arg-type]

    def want(self, count: int = 1, owners: str = "", application: str = HELLO) -> tuple[GivenJob, ...]:
        """Ask for jobs with references of their own, and return those that are given."""
        want = Want(application, count, owners)
        return self.post(Exchange(wants=(want,), references=references(count))).jobs

    def report(self, *reports: Report) -> ExchangeAnswer:
        """Report on jobs."""
        return self.post(Exchange(reports=reports))

    def hold(self, *jobs: GivenJob, seconds: int = 0, **more: tuple[str, ...]) -> ExchangeAnswer:
        """Name jobs that are held as they were given."""
        return self.post(Exchange(holds=tuple(map(hold_of, jobs)), **more), seconds)  # type: ignore[arg-type]


def daemon(
    grid: Grid, name: str = NAME, number: str = "daemon-1", capabilities: str = CAPABILITIES
) -> ExchangingDaemon:
    """Return a daemon of a resource that has signed up."""
    return ExchangingDaemon(grid.resource(name, capabilities), number)


def hold_of(job: GivenJob) -> Hold:
    """Return the hold of a job as it was given."""
    one = job.description
    return Hold(one.job_id, one.daemon_reference, one.state_time_stamp)


def end_of(job: GivenJob, output: bytes = b"", state: str = "finished", **more: object) -> Report:
    """Return the report of a given job's end."""
    one = job.description
    return Report(one.job_id, one.daemon_reference, state, output, **more)  # type: ignore[arg-type]


def work_off(servers: Sequence[ExchangingDaemon], done: Counter[str]) -> None:
    """Run jobs until none is left: each exchange, at the next of the servers, reports some and gets others.

    One that is refused as busy is made again, at the next server.
    """
    ended: tuple[GivenJob, ...] = ()
    unused = references(4)
    for server in itertools.cycle(servers):
        exchange = Exchange(tuple(end_of(job, b"out") for job in ended), (), (Want(HELLO, 4),), unused)
        try:
            answer = server.post(exchange)
        except ServerError as error:
            if not error.back_off:
                raise
            continue
        assert [one.error for one in answer.reports] == [None] * len(ended)
        done.update(job.description.job_id for job in ended)
        ended, unused = answer.jobs, references(4)
        if not ended:
            return
