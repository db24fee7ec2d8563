"""One exchange that a server holds."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lgi_daemon.claiming.limits import covers
from lgi_daemon.jobs.exchange_jobs import Held
from lgi_daemon.loop.outgoing_exchange import OutgoingExchange
from lgi_protocol.deadline import CallEnd


@dataclass
class HeldExchange:
    """An exchange under way: the applications it has room for, and the references of the jobs it names.

    Each application has the filter of the owners whose jobs are asked for.
    """

    applications: Mapping[str, str]
    references: frozenset[str]
    # The references that it posts for new jobs.
    names: frozenset[str]
    # Whether it asks for jobs of each application that has room.
    complete: bool
    # The applications of jobs whose changes its server tells without their names.
    unnamed: frozenset[str]
    # Since when there are jobs that it does not serve.
    incomplete_since: float | None = None
    call_end: CallEnd = field(default_factory=CallEnd)

    @classmethod
    def of(cls, outgoing: OutgoingExchange, *, hears_unnamed: bool) -> "HeldExchange":
        """Return an exchange as it is given to its server, which may hear of jobs that it does not name."""
        wanted = {one.application: one.owners for one in outgoing.vacancies.wants}
        named = frozenset(one.job.record.application for one in outgoing.held)
        return cls(
            wanted,
            frozenset(one.hold.daemon_reference for one in outgoing.held),
            frozenset(outgoing.names),
            outgoing.vacancies.complete,
            named | wanted.keys() if hears_unnamed else frozenset(),
        )

    def asks_for_all(self, required: Mapping[str, str]) -> bool:
        """Return whether it asks for all jobs of these applications and owners."""
        return all(
            application in self.applications and covers(self.applications[application], owners)
            for application, owners in required.items()
        )

    def has_named(self, one: Held) -> bool:
        """Return whether it names a job."""
        return one.hold.daemon_reference in self.references

    def serves(self, one: Held) -> bool:
        """Return whether its server answers it when a job that is here is aborted, watched or attached to."""
        return self.has_named(one) or one.job.record.application in self.unnamed
