"""The elements of ours at the end of a job in an answer; a job without them is answered as by LGI."""

from collections.abc import Collection
from typing import Protocol

from lgi_protocol import labels
from lgi_protocol.xml import Element
from lgi_server.tables.job_holds import Hold
from lgi_server.tables.job_queue.jobs import JobRow

Elements = tuple[Element, ...]


def more(job: JobRow, shown: Collection[str], keep: int = 0) -> Elements:
    """Return, ours, what is ``shown`` and known.

    That is any of ``labels``, ``times``, ``array``, ``holds``, ``tries``, ``usage``, ``priority`` and
    ``fetched``. A job is deleted ``keep`` seconds after its end, 0: never.
    """
    times = {"submitted": job.submitted, "started": job.started}
    times["ended"] = job.state_time_stamp if job.ended else None
    times["kept_until"] = job.state_time_stamp + keep if job.ended and keep else None
    place = {"array_id": job.array_id, "array_index": job.array_index} if "array" in shown else {}
    used = vars(job.end.usage) if "usage" in shown else {}
    known = {**(times if "times" in shown else {}), **place, **used}
    held = holds(job) if "holds" in shown else ()
    tries = {"tried": job.tried, "retries": job.retries} if "tries" in shown and job.retries else {}
    tries |= {"deadline": job.deadline} if "priority" in shown and job.deadline else {}
    tries |= {"priority": job.user_priority} if "priority" in shown and job.user_priority else {}
    values = [Element(name, value) for name, value in {**known, **tries}.items() if value is not None]
    urgent = (Element("urgent", job.urgent_group),) if "priority" in shown and job.urgent_group else ()
    last = fetched(job) if "fetched" in shown else ()
    return (*named(job, shown), *values, *urgent, *held, *last)


def fetched(job: JobRow) -> Elements:
    """Return, ours, when somebody last fetched all results of a job, and who; nothing if nobody has."""
    if job.fetched is None:
        return ()
    return (Element("fetched", job.fetched), Element("fetched_by", job.fetched_by))


def holds(job: JobRow) -> Elements:
    """Return, ours, why a queued job is not given out, as far as it was read with the job."""
    return tuple(map(_hold, job.holds))


def _hold(one: Hold) -> Element:
    values = (
        ("reason", one.reason),
        ("since", one.since),
        ("until", one.until),
        ("held_by", one.held_by or None),
        ("text", one.text or None),
    )
    return Element("hold", tuple(Element(name, value) for name, value in values if value is not None))


class _HasName(Protocol):
    @property
    def job_name(self) -> str: ...
    @property
    def labels(self) -> str: ...


def named(job: _HasName, shown: Collection[str]) -> Elements:
    """Return, ours, the name and labels of a job or of its submit, if ``labels`` are ``shown``."""
    if "labels" not in shown:
        return ()
    name = (Element("job_name", job.job_name),) if job.job_name else ()
    return (*name, *[Element("label", one) for one in labels.split_labels(job.labels)])
