"""What has come of an exchange, or of the parts in which it was sent."""

from dataclasses import dataclass

from lgi_protocol.exchange import GivenJob


@dataclass(frozen=True)
class ExchangeOutcome:
    """What has come of an exchange: the jobs it has brought, and whether another may bring more."""

    has_more: bool = False
    is_refused: bool = False
    jobs: tuple[GivenJob, ...] = ()

    def __add__(self, other: "ExchangeOutcome") -> "ExchangeOutcome":
        """Return what has come of two parts of an exchange."""
        return ExchangeOutcome(
            self.has_more or other.has_more, self.is_refused or other.is_refused, self.jobs + other.jobs
        )
