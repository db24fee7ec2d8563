"""The call that changes who else has access to jobs."""

from collections.abc import Iterable, Iterator, Sequence

from lgi_protocol import comma_lists, xml
from lgi_protocol.errors import ServerError
from lgi_protocol.reply import leading_number
from lgi_protocol.value_object import value_object
from lgi_tools.client.numbered_calls import Call, job_answers, refusal


@value_object
class ShareOutcome:
    """Who may read and who may change a job, users and groups; or the ``error`` of the server.

    ``unknown`` are those of the given names that the project has not seen yet: they may be misspelt.
    """

    job_id: int
    readers: tuple[str, ...] = ()
    writers: tuple[str, ...] = ()
    error: ServerError | None = None
    unknown: tuple[str, ...] = ()


def change_access(
    call: Call,
    server: str,
    job_ids: Sequence[int],
    *,
    readers: Iterable[str] = (),
    writers: Iterable[str] = (),
    removed: Iterable[str] = (),
) -> Iterator[ShareOutcome]:
    """Give names access to jobs, or take it away, and yield the outcomes in their order.

    Raises TransportError from a server that is too old.
    """
    given = {"read_access": readers, "write_access": writers, "no_access": removed}
    lists = {field: comma_lists.join(names) for field, names in given.items()}
    more = {field: text for field, text in lists.items() if text}
    yield from map(_outcome, job_answers(call, server, "share_jobs", job_ids, more, what="share jobs"))


def _outcome(answer: str) -> ShareOutcome:
    job_id = leading_number(xml.value(answer, "job_id"))
    if refused := refusal(answer):
        return ShareOutcome(job_id, error=refused)
    texts = xml.values(answer, "read_access", "write_access", "unknown_names").values()
    readers, writers, unknown = map(comma_lists.split, texts)
    return ShareOutcome(job_id, readers, writers, unknown=unknown)
