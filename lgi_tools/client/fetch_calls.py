"""The call that tells the server that all results of jobs were fetched."""

from collections.abc import Iterator, Sequence

from lgi_protocol import xml
from lgi_protocol.errors import ServerError
from lgi_protocol.reply import leading_number
from lgi_protocol.value_object import value_object
from lgi_tools.client.numbered_calls import Call, job_answers, refusal


@value_object
class FetchOutcome:
    """The outcome for one job: its state, or the ``error`` of the server."""

    job_id: int
    state: str = ""
    error: ServerError | None = None


def confirm_results(call: Call, server: str, job_ids: Sequence[int]) -> Iterator[FetchOutcome]:
    """Tell that the user has all results of jobs that have ended, and yield the outcomes in their order.

    Raises TransportError from a server that is too old.
    """
    answers = job_answers(call, server, "confirm_results", job_ids, {}, what="note that results were fetched")
    yield from map(_outcome, answers)


def _outcome(answer: str) -> FetchOutcome:
    job_id = leading_number(xml.value(answer, "job_id"))
    return FetchOutcome(job_id, xml.value(answer, "state"), refusal(answer))
