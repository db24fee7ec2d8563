"""The page of a resource: what it offers and has, what runs there, and what has failed there lately."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from lgi_protocol import capabilities, job_usage
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.job_end import Result
from lgi_protocol.states import State
from lgi_protocol.time_span import span
from lgi_server.basic_interface.project import Seen, seen_resources
from lgi_server.basic_interface.registry import Answer, PageContext, Template
from lgi_server.tables.job_queue import listing
from lgi_server.tables.job_queue.selection import Selection

# Jobs of each kind on the page, images of an application, and seconds of a day.
MOST_JOBS, MOST_IMAGES, DAY = 20, 100, 86400
_WORDS = {"cpus": "cores", "nodes": "nodes", "memory": "memory", "walltime": "time", "gpus": "GPUs"}


@dataclass(frozen=True)
class OfferedApplication:
    """An application of a resource: the most that a job may request of each thing, as text, and its images.

    ``hidden`` is the number of images that are not shown, ``is_complete``: there are no others.
    """

    name: str
    limits: Mapping[str, str]
    images: Sequence[str]
    hidden: int
    is_complete: bool
    unavailable: str
    running: int


def resource(visit: PageContext, name: str) -> Answer:
    """Return the page of a resource; LGIError RESOURCE_UNKNOWN."""
    found = next((one for one in seen_resources(visit) if one.resource.resource_name == name), None)
    if found is None:
        raise LGIError(ErrorNumber.RESOURCE_UNKNOWN, message=f"There is no resource {name[:80]!r}")
    names = visit.user.names if visit.visitor.is_administrator else visit.visitor.own_names
    running = Selection(names, state=State.RUNNING.value, target=name)
    failed = Selection(names, ended=Result.FAILED.value, target=name, since=max(1, visit.now - DAY))
    return Template(
        "basic_interface/resource.html",
        {
            "seen": found,
            "applications": list(_applications(found)),
            "number": sum(found.running.values()),
            "running": listing.newest(visit.transaction, running, MOST_JOBS, None),
            "failed": listing.newest(visit.transaction, failed, MOST_JOBS, None),
            "filters": {"resource": name},
            "failures": {"resource": name, "ended": Result.FAILED.value, "since": "24h"},
        },
    )


def _applications(found: Seen) -> Iterator[OfferedApplication]:
    for name in found.applications:
        said = capabilities.read_capabilities(found.resource.resource_capabilities, name)
        yield OfferedApplication(
            name,
            {_WORDS[tag]: _amount(tag, number) for tag, number in said.maximum.items()},
            said.images[:MOST_IMAGES],
            len(said.images[MOST_IMAGES:]),
            said.is_complete,
            said.unavailable,
            found.running.get(name, 0),
        )


def _amount(tag: str, number: int) -> str:
    if tag == "memory":
        return job_usage.size(number * job_usage.MEGABYTE)
    return span(number) if tag == "walltime" else str(number)
