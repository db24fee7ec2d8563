"""Facts about a job for its page: what it has requested, when it waited and ran, and why it still waits."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lgi_protocol import capabilities, job_usage
from lgi_protocol.states import State
from lgi_protocol.time_span import span
from lgi_server.basic_interface import job_columns
from lgi_server.services.jobs.explanation import Explanation
from lgi_server.services.jobs.verdicts import Reason, ResourceVerdict
from lgi_server.tables.job_history import StateChange
from lgi_server.tables.job_queue.jobs import JobRow

# Resources in the table of a job that waits, and steps of a timeline.
MOST_VERDICTS, MOST_STEPS = 50, 20
# What the jobs of the application `command` and most others request, with the words for it.
_REQUESTS = {"cpus": "Cores", "nodes": "Nodes", "gpus": "GPUs"}
# Bytes at the end of an output in which its last line is looked for, and characters of it that are shown.
LAST_BYTES, _LONGEST = 4096, 300
# What a daemon adds to the reason of an end without it being the cause.
_NOTE = re.compile(r"(?:^|; )(not stored: .*|not all files were stored: .*)")
_VERDICTS: Mapping[Reason, str] = {
    Reason.NO_OFFER: "does not offer the application",
    Reason.NO_TARGET: "is none of the job's targets",
    Reason.NOT_ON: "its user does not want it there",
    Reason.FAILED: "it has failed there: others get it first",
    Reason.SILENT: "has not called for half an hour",
    Reason.MAY_TAKE: "may take it, but is full or has limits of its own",
}


def requests(job: JobRow) -> Mapping[str, str]:
    """Return what a job requests, by the words for it, from its specifics and its licences."""
    number, text = capabilities.requested_number, capabilities.requested
    found = {word: str(number(job.job_specifics, tag) or "") for tag, word in _REQUESTS.items()}
    memory, seconds = number(job.job_specifics, "memory"), number(job.job_specifics, "walltime")
    found["Memory requested"] = job_usage.size(memory * job_usage.MEGABYTE) if memory else ""
    found["Time requested"] = span(seconds) if seconds else ""
    found["Image"] = text(job.job_specifics, "image")
    found["Licences"] = ", ".join(job.licences.split())
    return {word: value for word, value in found.items() if value}


def times(job: JobRow, now: int) -> Mapping[str, str]:
    """Return how long a job has waited and run."""
    found = {}
    if job.submitted is not None:
        end = job.started if job.started is not None else job.state_time_stamp if job.ended else now
        found["Waited"] = span(end - job.submitted)
    if seconds := job_columns.run_time(job, now):
        found["Run time"] = seconds
    return found


def cause_and_note(reason: str) -> tuple[str, str]:
    """Return the cause in the reason of an end, and the note behind it on what was not stored."""
    found = _NOTE.search(reason)
    return (reason[: found.start()], found[1]) if found else (reason, "")


def last_line(data: bytes) -> str:
    """Return the last line of an output that is not blank, shortened; empty without one, and for data."""
    if b"\0" in data[-LAST_BYTES:]:
        return ""
    lines = data[-LAST_BYTES:].decode("utf-8", "replace").splitlines()
    line = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f"{line[:_LONGEST]}..." if len(line) > _LONGEST else line


@dataclass(frozen=True)
class Verdict:
    """What a resource does with a job that waits; ``is_able``: it could run it, whenever it last called."""

    name: str
    text: str
    running: int
    last_call_time: int
    is_able: bool


def verdicts(explained: Explanation) -> Sequence[Verdict]:
    """Return what each resource does with a job that waits, those first that could run it."""
    found = [_verdict(one) for one in explained.verdicts]
    return sorted(found, key=lambda one: (not one.is_able, one.name))[:MOST_VERDICTS]


def _verdict(one: ResourceVerdict) -> Verdict:
    resource = one.resource
    text = _VERDICTS.get(one.reason, "")
    if one.reason is Reason.LACKS:
        text = one.lacks
    elif one.reason is Reason.DRAINED:
        text = "is drained: it gets no new jobs" + (resource.drain_reason and f" ({resource.drain_reason})")
    elif one.reason is Reason.UNAVAILABLE:
        text = f"takes no such jobs now: {one.unavailable}"
    return Verdict(resource.resource_name, text, one.running, resource.last_call_time, one.is_able)


@dataclass(frozen=True)
class Step:
    """A part of the life of a job: its state, since when and for how long (in seconds), where it is drawn.

    ``x`` and ``width`` are of `WIDTH`; ``is_last`` is the state that the job is in.
    """

    state: str
    since: int
    seconds: int
    x: float
    width: float
    is_last: bool


# Of the drawing of a life.
WIDTH = 1000


def timeline(changes: Sequence[StateChange], now: int) -> Sequence[Step]:
    """Return the last `MOST_STEPS` states of a job, one after the other; the end lasts no time."""
    entered: list[tuple[str, int]] = []
    for change in changes:
        if not entered or entered[-1][0] != change.new_state:
            entered.append((change.new_state, change.change_time))
    entered = entered[-MOST_STEPS:]
    lasts = not entered or entered[-1][0] not in {State.FINISHED, State.ABORTED, "deleted"}
    ends = [since for _state, since in entered[1:]] + [now if lasts else entered[-1][1]]
    total = max(1, ends[-1] - entered[0][1]) if entered else 1
    steps, x = [], 0.0
    for (state, since), end in zip(entered, ends, strict=False):
        width = round(max(0, end - since) / total * WIDTH, 1)
        steps.append(Step(state, since, max(0, end - since), round(x, 1), width, since == entered[-1][1]))
        x += width
    return steps
