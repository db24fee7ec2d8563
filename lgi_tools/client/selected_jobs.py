"""The jobs of a selection, fetched page by page."""

from collections.abc import Callable, Iterator, Mapping

from lgi_protocol.reply import Reply
from lgi_tools.client.job import Job, read_job
from lgi_tools.client.selection import SHOW, Selection, check_known

PAGE = 1024


def selected_jobs(
    call: Callable[[Mapping[str, str]], Reply], server: str, selection: Selection
) -> Iterator[Job]:
    """Yield the jobs of a selection, each once; ``call`` asks the server with some fields for a list."""
    seen: set[int] = set()
    for part in selection.parts():
        start, chosen = 0, part.fields()
        while True:
            page = {"start": str(start), "limit": str(PAGE)}
            reply = call(chosen | page | SHOW)
            check_known(server, chosen, reply)
            # The pages are no snapshot: a job whose state changed meanwhile comes again further down.
            new = [job for job in map(read_job, reply.all("job")) if job.id not in seen]
            if not new:
                break
            seen.update(job.id for job in new)
            # A server that knows no `ended` lists all.
            ended = selection.ended
            yield from (job for job in new if not ended or job.end.outcome == ended)
            start += PAGE
