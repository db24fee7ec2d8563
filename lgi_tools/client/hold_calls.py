"""The calls that hold and release jobs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from lgi_protocol import xml
from lgi_protocol.errors import ServerError, TransportError
from lgi_protocol.reply import Reply, leading_number
from lgi_tools.client.hold import Hold, read_holds
from lgi_tools.client.interface_calls import is_unknown_call

# Jobs of one call: what servers take by default.
MOST = 256
HOLD, RELEASE = "hold_jobs", "release_jobs"


@dataclass(frozen=True)
class HoldOutcome:
    """The outcome of a hold or a release of one job: its state and holds, or the ``error`` of the server."""

    job_id: int
    state: str = ""
    holds: tuple[Hold, ...] = ()
    error: ServerError | None = None


def change_holds(
    call: Callable[[str, Mapping[str, str]], Reply],
    server: str,
    name: str,
    job_ids: Sequence[int],
    more: Mapping[str, str],
) -> Iterator[HoldOutcome]:
    """Hold or release jobs, as the call ``name`` does, and yield the outcomes in their order.

    Raises TransportError from a server that is too old.
    """
    for begin in range(0, len(job_ids), MOST):
        numbers = ", ".join(map(str, job_ids[begin : begin + MOST]))
        try:
            reply = call(name, {"job_ids": numbers, **more})
        except TransportError as error:
            if is_unknown_call(error):
                raise TransportError(server, "this server is too old to hold jobs") from None
            raise
        yield from map(_outcome, reply.all("job"))


def _outcome(answer: str) -> HoldOutcome:
    job_id = leading_number(xml.value(answer, "job_id"))
    if xml.find(answer, "error"):
        number = leading_number(xml.value(answer, "error", "number"))
        return HoldOutcome(job_id, error=ServerError(number, xml.value(answer, "error", "message")))
    return HoldOutcome(job_id, xml.value(answer, "state"), read_holds(answer))
