"""The jobs that are chosen with the boxes of a list, or as the failed ones of an array."""

import re
from collections.abc import Callable, Sequence

from lgi_protocol import whole_number
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.job_end import Result
from lgi_server.api import fields
from lgi_server.basic_interface.job import seen
from lgi_server.basic_interface.registry import PageContext
from lgi_server.tables.job_queue import elements
from lgi_server.tables.job_queue.jobs import JobRow
from lgi_server.tables.job_queue.selection import Selection

Outcome = JobRow | LGIError
# Jobs in one form: those on a page of the list.
MOST = 50
# The check boxes of the list.
CHOSEN = "chosen"
# The array all of whose failed elements are chosen, and the parameter of a list in which none was.
FAILED_OF = fields.Field("failed_of", fields.INTEGER, fields.E.JOB_ID_TOO_BIG, fields.E.JOB_ID)
NONE_CHOSEN = "none_chosen"
# A page from which a form comes: a list with its filters, an array or a job.
_BACK = re.compile(r"(jobs|arrays/[0-9]{1,9}|jobs/[0-9]{1,9})(\?[A-Za-z0-9%&=+._~*-]{0,4000})?")


def back(visit: PageContext) -> str:
    """Return the address, below the project's, of the page that a form comes from; empty if it says none."""
    text = visit.posted.get("back", "")
    return text if _BACK.fullmatch(text) else ""


def none_chosen(visit: PageContext) -> str:
    """Return the address of the list that a form comes from if no job is chosen there, otherwise empty."""
    text = back(visit)
    if not text or text.startswith("jobs/") or visit.posted.getlist(CHOSEN):
        return ""
    return f"{text}{'&' if '?' in text else '?'}{NONE_CHOSEN}=1"


def numbers(visit: PageContext) -> list[int]:
    """Return the numbers of the chosen jobs, in their order; LGIError JOB_ID unless there are any."""
    texts = visit.posted.getlist(CHOSEN)
    read = [whole_number.read(text, 1) for text in texts[: MOST + 1]]
    found = sorted({number for number in read if number is not None})
    if not found or None in read or len(texts) > MOST:
        raise LGIError(ErrorNumber.JOB_ID, message=f"Choose 1 to {MOST} jobs of the list")
    return found


def failed_elements(visit: PageContext) -> list[int]:
    """Return the first failed elements of the array in the form, as many as one call may have.

    Raises LGIError NO_JOB when the array has none that the user may read.
    """
    array_id = visit.form.number(FAILED_OF)
    selection = Selection(visit.user.names, array=array_id, ended=Result.FAILED.value)
    most = visit.visitor.server.config.max_jobs_at_once
    found = elements.page(visit.transaction, selection, 0, most)
    if not found:
        raise LGIError(ErrorNumber.NO_JOB, message=f"No element of array {array_id} has failed")
    return found


def each(
    visit: PageContext, chosen: Sequence[int], run: Callable[[Sequence[int]], Sequence[Outcome]]
) -> list[Outcome]:
    """Return what ``run`` returns for the jobs that the user may read, and the LGIError of each other."""
    outcomes: dict[int, Outcome] = {}
    for number in chosen:
        try:
            seen(visit, number)
        except LGIError as error:
            outcomes[number] = error
    there = [number for number in chosen if number not in outcomes]
    outcomes.update(zip(there, run(there) if there else (), strict=True))
    return [outcomes[number] for number in chosen]
