"""One exchange as it is sent, with the jobs and references it was made of."""

from dataclasses import dataclass, replace
from functools import lru_cache

from lgi_daemon.claiming.vacancies import Vacancies
from lgi_daemon.jobs.exchange_jobs import Held, Reported
from lgi_daemon.rundir.reference_pool import StoredReference
from lgi_protocol.exchange import MOST_REFERENCES, Exchange, ExchangeAnswer, Reference, Report
from lgi_protocol.machine_state import MachineState


@dataclass(frozen=True)
class OutgoingExchange:
    """Reports of jobs that were here, then ``returned`` ones of jobs that were never; holds; what is wanted.

    ``watched`` are the jobs whose output is sent, ``machine`` is what has changed of this machine.
    ``attached`` are the sessions of LGI_attach that are known.
    """

    reported: tuple[Reported, ...] = ()
    returned: tuple[Report, ...] = ()
    held: tuple[Held, ...] = ()
    vacancies: Vacancies = Vacancies()  # noqa: RUF009 - it is frozen
    references: tuple[StoredReference, ...] = ()
    watched: tuple[str, ...] = ()
    machine: MachineState | None = None
    attached: tuple[str, ...] = ()

    @property
    def has_reports(self) -> bool:
        """Whether there is anything to report."""
        return bool(self.reported or self.returned)

    @property
    def names(self) -> tuple[str, ...]:
        """The references for new jobs."""
        return tuple(one.reference for one in self.references[:MOST_REFERENCES])

    def parts(self) -> list["OutgoingExchange"]:
        """Return this as two or three exchanges, for a server that refuses it; itself if it has one item.

        The kinds come apart first: a report is not delayed by a want that nobody can read.
        """
        kinds = [
            OutgoingExchange(reported=self.reported, returned=self.returned),
            OutgoingExchange(held=self.held, watched=self.watched, attached=self.attached),
            OutgoingExchange(vacancies=self.vacancies, references=self.references, watched=self.watched),
        ]
        kinds = [one for one in kinds if one.has_reports or one.held or one.references]
        if len(kinds) > 1:
            return kinds
        reported, returned, held = len(self.reported) // 2, len(self.returned) // 2, len(self.held) // 2
        if not self.has_reports:
            halves = [replace(self, held=self.held[:held]), replace(self, held=self.held[held:])]
            return halves if held else [self]
        first = replace(self, reported=self.reported[:reported], returned=self.returned[:returned])
        second = replace(self, reported=self.reported[reported:], returned=self.returned[returned:])
        if len(self.reported) == len(self.returned) == 1:
            first, second = replace(self, returned=()), replace(self, reported=())
        return [first, second] if first.has_reports else [self]

    def is_filled_by(self, answer: ExchangeAnswer) -> bool:
        """Return whether as many jobs of an application have come as were wanted."""
        applications = [given.description.application for given in answer.jobs]
        if applications and len(applications) >= self.vacancies.number:
            return True
        return any(0 < one.count <= applications.count(one.application) for one in self.vacancies.wants)

    def message(self) -> Exchange:
        """Return what is sent."""
        return Exchange(
            reports=(*(one.report for one in self.reported), *self.returned),
            holds=tuple(one.hold for one in self.held),
            wants=self.vacancies.wants,
            references=tuple(_reference(one) for one in self.references[:MOST_REFERENCES]),
            watched=self.watched,
            machine=self.machine,
            attached=self.attached,
        )


def _reference(stored: StoredReference) -> Reference:
    return Reference(stored.reference, _signing_request(stored.key) if stored.key else b"")


@lru_cache(maxsize=MOST_REFERENCES)
def _signing_request(key: str) -> bytes:
    from lgi_daemon.files import job_key

    return job_key.signing_request(key)
