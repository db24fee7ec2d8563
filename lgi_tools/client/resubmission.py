"""Submit jobs again: the server makes new jobs like others, with their files."""

from collections.abc import Iterator, Sequence

from lgi_protocol import xml
from lgi_protocol.reply import leading_number
from lgi_tools.client.interface_calls import RESUBMIT
from lgi_tools.client.job_request import Submission
from lgi_tools.client.numbered_calls import Call, job_answers, refusal


def resubmit(call: Call, server: str, job_ids: Sequence[int]) -> Iterator[Submission]:
    """Submit a job like each of these; yield the outcomes in their order.

    ``call`` makes an interface call. Raises TransportError from a server that is too old, or without an
    answer: then the jobs whose outcomes were not yielded may be queued.
    """
    yield from map(_outcome, job_answers(call, server, RESUBMIT, job_ids, {}, what="submit jobs again"))


def _outcome(answer: str) -> Submission:
    source = leading_number(xml.value(answer, "resubmitted_from"))
    if refused := refusal(answer):
        return Submission(error=refused, resubmitted_from=source)
    job_id = leading_number(xml.value(answer, "job_id"))
    return Submission(job_id, xml.value(answer, "repository_url"), resubmitted_from=source)
