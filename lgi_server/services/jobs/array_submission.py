"""Arrays: jobs submitted together as elements of one, in as many calls as they need.

All elements of a call are stored, or none. All elements of an array have one application and the same
readers, so that one check decides who may read any of them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.services.jobs.idempotency import IdempotencyKey
from lgi_server.services.jobs.submit_request import PreparedJob, SubmitContext
from lgi_server.tables import job_arrays
from lgi_server.tables.job_arrays import MOST_ELEMENTS, ArrayRow
from lgi_server.tables.job_queue import elements
from lgi_server.tables.job_queue.jobs import JobRow


@dataclass(frozen=True)
class ArraySubmit:
    """The array of a call: ``key`` is the same in each call for it; `ArrayRow` has the other two."""

    key: IdempotencyKey
    size: int
    at_most: int = 0

    def check(self) -> None:
        """Raise LGIError SUBMIT_REFUSED when ``size`` is not 1 to MOST_ELEMENTS."""
        if not 0 < self.size <= MOST_ELEMENTS:
            why = f"An array has 1 to {MOST_ELEMENTS} elements"
            raise LGIError(ErrorNumber.SUBMIT_REFUSED, f"array_size is {self.size}", message=why)


def known(context: SubmitContext, array: ArraySubmit, prepared: Sequence[PreparedJob]) -> ArrayRow | None:
    """Return the array if a call has made it before; LGIError SUBMIT_REFUSED unless the jobs fit into it."""
    made = job_arrays.of_request(context.transaction, array.key.caller, array.key.request_id)
    if made and (made.size, made.at_most) != (array.size, array.at_most):
        limit = f"at most {made.at_most}" if made.at_most else "any number"
        used = "is of another submit with this request_id (--batch-id of LGI_run)"
        raise _refused(f"array {made.array_id} {used}, and has {made.size} elements, {limit} at once")
    indexes = [one.job.array_index for one in prepared if one.job.array_index is not None]
    stored = elements.stored(context.transaction, made.array_id, indexes) if made else set()
    for index in indexes:
        if index in stored:
            raise _refused(f"element {index} is given twice")
        stored.add(index)
    count = elements.count_all(context.transaction, made.array_id) if made else 0
    if count + len(prepared) > array.size:
        raise _refused(f"it has more than the {array.size} elements of its array_size")
    same = {(one.job.application, one.job.read_access) for one in prepared}
    same |= {(made.application, made.read_access)} if made else set()
    if len(same) > 1:
        raise _refused("its elements differ in application or read_access")
    return made


def create(context: SubmitContext, array: ArraySubmit, first: JobRow) -> ArrayRow:
    """Store the array whose first element is stored already, and return it."""
    made = ArrayRow(
        first.job_id,
        array.key.caller,
        array.key.request_id,
        first.application,
        first.owners,
        first.read_access,
        first.job_name,
        array.size,
        array.at_most,
        context.now,
    )
    job_arrays.insert(context.transaction, made)
    return made


def join(
    context: SubmitContext, array: ArraySubmit, before: ArrayRow | None, new: Sequence[JobRow]
) -> list[JobRow]:
    """Make stored jobs elements of an array, which is created unless it was ``before``; return them."""
    array_id = (before or create(context, array, new[0])).array_id
    elements.join(context.transaction, [job.job_id for job in new], array_id)
    return [replace(job, array_id=array_id) for job in new]


def check_all(outcomes: Iterable[tuple[int | None, object]]) -> None:
    """Raise the first refusal among the outcomes of a call, by index: then no element of it is stored.

    A deleted element is no reason: a submit that is repeated does not make it again.
    """
    for index, outcome in outcomes:
        if isinstance(outcome, LGIError) and outcome.number != ErrorNumber.NO_JOB:
            element = "an element" if index is None else f"element {index}"
            why = f"No element of this part of the array is submitted, because of {element}: "
            raise LGIError(outcome.number, message=f"{why}{outcome.message}")


def _refused(why: str) -> LGIError:
    message = "The elements of this array cannot be submitted"
    return LGIError(ErrorNumber.SUBMIT_REFUSED, why, message=message)
