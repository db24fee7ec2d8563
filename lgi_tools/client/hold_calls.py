"""The calls that hold and release jobs."""

from collections.abc import Iterator, Mapping, Sequence

from lgi_protocol import xml
from lgi_protocol.errors import ServerError
from lgi_protocol.reply import leading_number
from lgi_protocol.value_object import value_object
from lgi_tools.client.hold import Hold, read_holds
from lgi_tools.client.numbered_calls import Call, job_answers, refusal

HOLD, RELEASE = "hold_jobs", "release_jobs"


@value_object
class HoldOutcome:
    """The outcome of a hold or a release of one job: its state and holds, or the ``error`` of the server.

    ``is_released`` says whether a release has taken away a hold; None where an older server does not say so.
    """

    job_id: int
    state: str = ""
    holds: tuple[Hold, ...] = ()
    error: ServerError | None = None
    is_released: bool | None = None


def change_holds(
    call: Call, server: str, name: str, job_ids: Sequence[int], more: Mapping[str, str]
) -> Iterator[HoldOutcome]:
    """Hold or release jobs, as the call ``name`` does, and yield the outcomes in their order.

    Raises TransportError from a server that is too old.
    """
    yield from map(_outcome, job_answers(call, server, name, job_ids, more, what="hold jobs"))


def _outcome(answer: str) -> HoldOutcome:
    job_id = leading_number(xml.value(answer, "job_id"))
    if refused := refusal(answer):
        return HoldOutcome(job_id, error=refused)
    said = xml.value(answer, "released")
    released = bool(leading_number(said)) if said else None
    return HoldOutcome(job_id, xml.value(answer, "state"), read_holds(answer), is_released=released)
