"""The call that orders the queued jobs of a user."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from lgi_protocol import xml
from lgi_protocol.errors import ErrorNumber, ServerError, TransportError
from lgi_protocol.reply import leading_number, signed_number
from lgi_protocol.value_object import value_object
from lgi_tools.client.numbered_calls import Call, job_answers, refusal
from lgi_tools.client.timestamp import parse_time

_TOO_OLD = "this server is too old to change deadlines"


@value_object
class PriorityOutcome:
    """The outcome for one job: its state, priority and, if it was changed, deadline; or the ``error``."""

    job_id: int
    state: str = ""
    priority: int = 0
    error: ServerError | None = None
    deadline: datetime | None = None


def change_priorities(
    call: Call,
    server: str,
    job_ids: Sequence[int],
    priority: int | None = None,
    deadline: int | None = None,
) -> Iterator[PriorityOutcome]:
    """Give queued jobs a priority, a deadline or both, and yield the outcomes in their order.

    A ``deadline`` is in Unix seconds, 0 for none. Raises ValueError for neither, TransportError from a server
    that is too old: one that does not know deadlines has changed the priorities.
    """
    given = {"priority": priority, "deadline": deadline}
    more = {name: str(value) for name, value in given.items() if value is not None}
    if not more:
        raise ValueError("there is nothing to change: give a priority or a deadline")
    try:
        for answer in job_answers(call, server, "prioritize_jobs", job_ids, more, what="order queued jobs"):
            if deadline is not None and not (xml.find(answer, "error") or xml.find(answer, "deadline")):
                raise TransportError(server, _TOO_OLD)
            yield _outcome(answer)
    except ServerError as refused:
        # For a server that reads over the deadline the priority is missing.
        if priority is None and refused.number == ErrorNumber.STATE:
            raise TransportError(server, _TOO_OLD) from None
        raise


def _outcome(answer: str) -> PriorityOutcome:
    job_id = leading_number(xml.value(answer, "job_id"))
    if refused := refusal(answer):
        return PriorityOutcome(job_id, error=refused)
    priority = signed_number(xml.value(answer, "priority"))
    time = xml.value(answer, "deadline")
    deadline = parse_time(time) if leading_number(time) else None
    return PriorityOutcome(job_id, xml.value(answer, "state"), priority, deadline=deadline)
