"""The calls that delete jobs."""

from collections.abc import Iterator, Sequence

from lgi_protocol import states, xml
from lgi_protocol.errors import ErrorNumber, ServerError
from lgi_protocol.reply import leading_number
from lgi_protocol.states import State
from lgi_protocol.value_object import value_object
from lgi_tools.client.numbered_calls import Call, UnknownCallError, job_answers, refusal


@value_object
class DeleteOutcome:
    """The outcome for one job: its state, ``deleted`` or ``aborting``; or the ``error`` of the server."""

    job_id: int
    state: str = ""
    error: ServerError | None = None

    @property
    def is_done(self) -> bool:
        """Whether the job is deleted or being aborted."""
        return self.state in {states.DELETED, State.ABORTING}


def delete_jobs(call: Call, server: str, job_ids: Sequence[int]) -> Iterator[DeleteOutcome]:
    """Delete jobs, or abort those that run, and yield the outcomes in their order, each once.

    A server that is too old for several jobs at once gets a call for each.
    """
    every = list(dict.fromkeys(job_ids))
    left = iter(every)
    if len(every) > 1:
        try:
            for answer in job_answers(call, server, "delete_jobs", every, {}, what="delete jobs at once"):
                next(left)
                yield _outcome(call, answer)
        except UnknownCallError:
            pass
    for job_id in left:
        yield _delete(call, job_id)


def _outcome(call: Call, answer: str) -> DeleteOutcome:
    job_id = leading_number(xml.value(answer, "job_id"))
    refused = refusal(answer)
    if refused and refused.number == ErrorNumber.CANNOT_LOCK:
        # A call about this one alone waits for the lock.
        return _delete(call, job_id)
    return DeleteOutcome(job_id, xml.value(answer, "state"), refused)


def _delete(call: Call, job_id: int) -> DeleteOutcome:
    try:
        reply = call("delete_job", {"job_id": str(job_id)})
    except ServerError as error:
        return DeleteOutcome(job_id, error=error)
    return DeleteOutcome(job_id, reply.value("job", "state"))
