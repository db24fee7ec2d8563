"""Calls about several jobs by their numbers, in as many parts as servers take."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from lgi_protocol import xml
from lgi_protocol.errors import ServerError, TransportError
from lgi_protocol.reply import Reply, leading_number
from lgi_tools.client.interface_calls import is_unknown_call

# Jobs of one call: what servers take by default.
MOST = 256

Call = Callable[[str, Mapping[str, str]], Reply]


def refusal(answer: str) -> ServerError | None:
    """Return the error in a ``<job>``, None for a job for which the call was done."""
    if not xml.find(answer, "error"):
        return None
    number = leading_number(xml.value(answer, "error", "number"))
    return ServerError(number, xml.value(answer, "error", "message"))


def job_answers(
    call: Call, server: str, name: str, job_ids: Sequence[int], more: Mapping[str, str], *, what: str
) -> Iterator[str]:
    """Make the call ``name`` for these jobs, and yield the content of each ``<job>`` in their order.

    Raises TransportError from a server that is too old for ``what``, or without an answer: then the call may
    have been done for the jobs whose answers were not yielded.
    """
    for begin in range(0, len(job_ids), MOST):
        numbers = ", ".join(map(str, job_ids[begin : begin + MOST]))
        try:
            reply = call(name, {"job_ids": numbers, **more})
        except TransportError as error:
            if is_unknown_call(error):
                raise TransportError(server, f"this server is too old to {what}") from None
            raise
        yield from reply.all("job")
