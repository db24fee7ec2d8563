"""The call that orders the queued jobs of a user."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lgi_protocol import xml
from lgi_protocol.errors import ServerError
from lgi_protocol.reply import leading_number, signed_number
from lgi_tools.client.numbered_calls import Call, job_answers, refusal


@dataclass(frozen=True)
class PriorityOutcome:
    """The outcome for one job: its state and priority, or the ``error`` of the server."""

    job_id: int
    state: str = ""
    priority: int = 0
    error: ServerError | None = None


def change_priorities(
    call: Call, server: str, job_ids: Sequence[int], priority: int
) -> Iterator[PriorityOutcome]:
    """Give queued jobs a priority and yield the outcomes in their order.

    Raises TransportError from a server that is too old.
    """
    more = {"priority": str(priority)}
    yield from map(
        _outcome, job_answers(call, server, "prioritize_jobs", job_ids, more, what="order queued jobs")
    )


def _outcome(answer: str) -> PriorityOutcome:
    job_id = leading_number(xml.value(answer, "job_id"))
    if refused := refusal(answer):
        return PriorityOutcome(job_id, error=refused)
    priority = signed_number(xml.value(answer, "priority"))
    return PriorityOutcome(job_id, xml.value(answer, "state"), priority)
