"""Calls about several jobs by their numbers, in as many parts as servers take."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from lgi_protocol import xml
from lgi_protocol.errors import ErrorNumber, ServerError, TransportError
from lgi_protocol.reply import Reply, leading_number
from lgi_tools.client.interface_calls import is_unknown_call

# Jobs of one call: what servers take by default.
MOST = 256

Call = Callable[[str, Mapping[str, str]], Reply]


class UnknownCallError(TransportError):
    """A server is too old to know a call about several jobs."""


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

    Raises UnknownCallError from a server that is too old for ``what``, TransportError without an answer: then
    the call may have been done for the jobs whose answers were not yielded.
    """
    begin, size = 0, MOST
    while begin < len(job_ids):
        numbers = ", ".join(map(str, job_ids[begin : begin + size]))
        try:
            reply = call(name, {"job_ids": numbers, **more})
        except TransportError as error:
            if is_unknown_call(error):
                raise UnknownCallError(server, f"this server is too old to {what}") from None
            raise
        except ServerError as error:
            if error.number != ErrorNumber.POST_TOO_BIG or size == 1:
                raise
            # Administrators may allow fewer at once.
            size //= 2
            continue
        begin += size
        yield from reply.all("job")
