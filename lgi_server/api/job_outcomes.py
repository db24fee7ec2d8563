"""Answers about several jobs by their numbers, of which each is judged by itself (wire.md 7, ours)."""

from collections.abc import Callable, Sequence

from lgi_protocol.errors import LGIError
from lgi_protocol.xml import Element
from lgi_server.api import responses
from lgi_server.api.context import InterfaceContext
from lgi_server.api.responses import Elements
from lgi_server.tables.job_queue.jobs import JobRow


def answer(
    call: InterfaceContext,
    numbers: Sequence[int],
    outcomes: Sequence[JobRow | LGIError],
    shown: Callable[[JobRow], Elements] = lambda _job: (),
) -> Elements:
    """Return the answer with the state of each job and what is ``shown`` of it, or its error."""

    def outcome(one: JobRow | LGIError) -> Elements:
        if isinstance(one, LGIError):
            return (responses.error(one),)
        return (Element("state", one.state), *shown(one))

    jobs = [
        Element("job", (Element("job_id", job_id), *outcome(one)), number)
        for number, (job_id, one) in enumerate(zip(numbers, outcomes, strict=True), 1)
    ]
    most = Element("most_jobs", call.runtime.config.max_jobs_at_once)
    return (*call.header(), most, Element("number_of_jobs", len(jobs)), *jobs)
