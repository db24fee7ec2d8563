"""The calls by which users see how far arrays and other jobs are: wire.md 7, ours."""

from collections.abc import Sequence

from lgi_protocol import comma_lists
from lgi_protocol.xml import Element
from lgi_server.api import end_fields, fields
from lgi_server.api.context import InterfaceContext
from lgi_server.api.responses import Elements
from lgi_server.interfaces import selections
from lgi_server.services.jobs import progress
from lgi_server.services.jobs.progress import Progress
from lgi_server.tables import job_arrays
from lgi_server.tables.job_arrays import ArrayRow


def interface_job_arrays(call: InterfaceContext) -> Elements:
    """Return arrays that the caller may read, the newest first, and how far each is."""
    before = call.form.number(fields.BEFORE) if call.form.has(fields.BEFORE.name) else 0
    limit = min(call.form.number_or(fields.LIMIT, progress.MOST_ARRAYS), progress.MOST_ARRAYS)
    found = progress.newest_arrays(call.transaction, call.user.names, limit, before, call.now)
    listed = [_array(one, how_far, number) for number, (one, how_far) in enumerate(found, 1)]
    return (*call.header(), Element("number_of_arrays", len(listed)), *listed)


def interface_job_progress(call: InterfaceContext) -> Elements:
    """Return how far the jobs of a list are, with the filters of `interface_job_state`."""
    selection = selections.read(call, end_fields.result_filter(call.form))
    found = progress.of_selection(call.transaction, selection, call.now)
    array = job_arrays.find(call.transaction, selection.array) if selection.array and found.counts else None
    about = _about(array) if array else ()
    return (*call.header(), *selections.repeated(call), Element("progress", (*about, *_progress(found))))


def _array(array: ArrayRow, how_far: Progress, number: int) -> Element:
    return Element("array", (*_about(array), *_progress(how_far)), number)


def _about(array: ArrayRow) -> Elements:
    return (
        Element("array_id", array.array_id),
        Element("application", array.application),
        *((Element("job_name", array.job_name),) if array.job_name else ()),
        Element("owners", comma_lists.join(array.owners)),
        Element("submitted", array.submitted),
        Element("array_size", array.size),
        *((Element("at_most", array.at_most),) if array.at_most else ()),
    )


def _progress(found: Progress) -> Elements:
    counts: Sequence[Element] = [
        Element("count", (Element("state", state), Element("number_of_jobs", number)))
        for state, number in sorted(found.counts.items())
    ]
    times = {
        "mean_run_seconds": None if found.mean is None else round(found.mean),
        "remaining_seconds": found.remaining,
    }
    known = [Element(name, value) for name, value in times.items() if value is not None]
    return (Element("number_of_jobs", sum(found.counts.values())), *counts, *known)
