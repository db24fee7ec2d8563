"""Submit jobs again: the server makes new jobs like others, with their files."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from lgi_protocol import xml
from lgi_protocol.errors import ServerError, TransportError
from lgi_protocol.reply import Reply, leading_number
from lgi_tools.client.interface_calls import RESUBMIT, is_unknown_call
from lgi_tools.client.job_request import Submission

# Jobs of one call: what servers take by default.
MOST = 256


def resubmit(
    call: Callable[[str, Mapping[str, str]], Reply], server: str, job_ids: Sequence[int]
) -> Iterator[Submission]:
    """Submit a job like each of these; yield the outcomes in their order.

    ``call`` makes an interface call. Raises TransportError from a server that is too old, or without an
    answer: then the jobs whose outcomes were not yielded may be queued.
    """
    for begin in range(0, len(job_ids), MOST):
        numbers = ", ".join(map(str, job_ids[begin : begin + MOST]))
        try:
            reply = call(RESUBMIT, {"job_ids": numbers})
        except TransportError as error:
            if is_unknown_call(error):
                raise TransportError(server, "this server is too old to submit jobs again") from None
            raise
        yield from map(_outcome, reply.all("job"))


def _outcome(answer: str) -> Submission:
    source = leading_number(xml.value(answer, "resubmitted_from"))
    if xml.find(answer, "error"):
        number = leading_number(xml.value(answer, "error", "number"))
        refused = ServerError(number, xml.value(answer, "error", "message"))
        return Submission(error=refused, resubmitted_from=source)
    job_id = leading_number(xml.value(answer, "job_id"))
    return Submission(job_id, xml.value(answer, "repository_url"), resubmitted_from=source)
