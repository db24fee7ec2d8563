"""The jobs that are chosen with the boxes of a list."""

from collections.abc import Callable, Sequence

from lgi_protocol import whole_number
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.basic_interface.job import seen
from lgi_server.basic_interface.registry import PageContext
from lgi_server.tables.job_queue.jobs import JobRow

Outcome = JobRow | LGIError
# Jobs in one form: those on a page of the list.
MOST = 50
# The check boxes of the list.
CHOSEN = "chosen"


def numbers(visit: PageContext) -> list[int]:
    """Return the numbers of the chosen jobs, in their order; LGIError JOB_ID unless there are any."""
    texts = visit.posted.getlist(CHOSEN)
    read = [whole_number.read(text, 1) for text in texts[: MOST + 1]]
    found = sorted({number for number in read if number is not None})
    if not found or None in read or len(texts) > MOST:
        raise LGIError(ErrorNumber.JOB_ID, message=f"Choose 1 to {MOST} jobs of the list")
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
