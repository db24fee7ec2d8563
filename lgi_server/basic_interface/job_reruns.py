"""The jobs that were made from a job by submitting it again, and the one that it was made from."""

from collections.abc import Mapping

from lgi_protocol import labels
from lgi_server.basic_interface.registry import PageContext
from lgi_server.services.jobs.resubmission import SOURCE
from lgi_server.tables.job_queue import listing
from lgi_server.tables.job_queue.jobs import JobRow
from lgi_server.tables.job_queue.selection import Selection

# Jobs of each owner.
MOST = 3


def values(visit: PageContext, found: JobRow) -> Mapping[str, object]:
    """Return the newest jobs made from this one, and its own label if that is the number of a job.

    They are those of its owner and of the visitor: anybody can write such a label.
    """
    own = dict(map(_pair, labels.split_labels(found.labels)))
    source = own.get(SOURCE, "")
    is_number = source.isascii() and source.isdigit() and len(source) < 10
    return {
        "reruns": _reruns(visit, found) if found.ended else [],
        "source_label": f"{SOURCE}={source}" if is_number else "",
    }


def _pair(label: str) -> tuple[str, str]:
    key, _, value = label.partition("=")
    return key, value


def _reruns(visit: PageContext, found: JobRow) -> list[JobRow]:
    term, rerun = f"{SOURCE}={found.job_id}", list[JobRow]()
    for owner in dict.fromkeys((found.owners[0], visit.user.name)):
        some = Selection(visit.user.names, labels=(term,), owner=owner)
        rerun += listing.newest(visit.transaction, some, MOST, None)
    return rerun
