"""The arrays of jobs on a server: one value for all elements, and how far they are."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

from lgi_protocol import comma_lists, xml
from lgi_protocol.errors import TransportError
from lgi_protocol.reply import Reply, leading_number
from lgi_protocol.value_object import value_object
from lgi_tools.client.interface_calls import is_unknown_call
from lgi_tools.client.job_progress import Progress, progress_in
from lgi_tools.client.timestamp import parse_time


@value_object
class JobArray:
    """An array; ``size`` elements were submitted, of which ``at_most`` run at once (0: any number)."""

    id: int
    application: str
    name: str
    owners: tuple[str, ...]
    submitted_at: datetime
    size: int
    at_most: int
    progress: Progress


def job_arrays(call: Callable[[Mapping[str, str]], Reply]) -> Iterator[JobArray]:
    """Yield the arrays that the user may read, newest first; ``call`` asks with some fields for a page."""
    before: dict[str, str] = {}
    while True:
        try:
            page = [_read(text) for text in call(before).all("array")]
        except TransportError as error:
            if is_unknown_call(error):
                return
            raise
        yield from (array for array in page if array.progress.total)
        if not page:
            return
        before = {"before": str(page[-1].id)}


def _read(text: str) -> JobArray:
    names = ("array_id", "application", "job_name", "owners", "submitted", "array_size", "at_most")
    texts = xml.values(text, *names)
    return JobArray(
        leading_number(texts["array_id"]),
        texts["application"],
        texts["job_name"],
        comma_lists.split(texts["owners"]),
        parse_time(texts["submitted"]),
        leading_number(texts["array_size"]),
        leading_number(texts["at_most"]),
        progress_in(text),
    )
