"""Which jobs a call is about: by number, state, name, label and more, for all commands and Python."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypedDict, Unpack

from lgi_protocol import labels
from lgi_protocol.errors import TransportError
from lgi_protocol.reply import Reply
from lgi_protocol.value_object import value_object

_ARRAY = re.compile(r"([0-9]{1,9})(?:\[\])?(?:\[([0-9, -]*)\])?")
_RANGE = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,9}))?")
# Ranges of numbers in one call.
MOST_RANGES = 500
# What a call asks to be told of each job: servers read over words they do not know.
SHOW = {"show": "labels, times, holds, tries, array, usage, priority, fetched"}
# The fields that older servers read over.
_OURS = ("job_name", "labels", "owner", "resource", "since", "job_ids", "array_id", "single", "held")
# The state that lists show of a queued job which something holds.
HELD = "held"


@value_object(kw_only=True)
class Selection:
    """The jobs that pass all filters; an empty filter passes every job.

    ``state`` and ``application`` may begin with ``!`` for all others; ``held`` are queued jobs that are not
    given out. ``ended`` is ``succeeded``, ``failed``
    or ``unknown``. ``labels`` are written ``key=value``. ``since`` is the earliest last change, in Unix
    seconds. ``numbers`` are ranges of job ids, each with its last one. ``array`` is an array as ``7``, or
    elements of it as ``7[1-3,9]`` or ``7[][1-3,9]``; ``single`` passes no elements of arrays. Those of
    ``more_arrays`` that pass the filters other than ``numbers`` and ``array`` are selected too.
    """

    state: str = ""
    application: str = ""
    ended: str = ""
    name: str = ""
    labels: tuple[str, ...] = ()
    owner: str = ""
    resource: str = ""
    since: int = 0
    numbers: tuple[tuple[int, int], ...] = ()
    array: str = ""
    single: bool = False
    more_arrays: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise ValueError for a name or label that no job can have, or an array that cannot be read."""
        for array in (self.array, *self.more_arrays):
            check_array(array)
        state_fields(self.state)
        labels.check_name(self.name)
        labels.read_labels(self.labels)

    def fields(self) -> dict[str, str]:
        """Return the fields of a call that lists these jobs. Raises ValueError for more than one array."""
        if self.more_arrays:
            raise ValueError("several arrays cannot be listed at once: give one, or a name or label of all")
        numbers = (f"{first}-{last}" if last != first else str(first) for first, last in self.numbers)
        fields = {
            **state_fields(self.state),
            "application": self.application,
            "ended": self.ended,
            "job_name": labels.check_name(self.name),
            "labels": labels.write_labels(labels.read_labels(self.labels)),
            "owner": self.owner,
            "resource": self.resource,
            "since": str(self.since or ""),
            "job_ids": ", ".join(numbers),
            "array_id": self.array.replace("[]", ""),
            "single": "1" if self.single else "",
        }
        return {name: text for name, text in fields.items() if text}

    @property
    def is_everything(self) -> bool:
        """Whether no filter is set."""
        return not self.more_arrays and not self.fields()

    def parts(self) -> Iterator["Selection"]:
        """Yield selections of no more ranges and arrays than a call may have; together they are this one."""
        for begin in range(0, max(1, len(self.numbers)), MOST_RANGES):
            yield replace(self, numbers=self.numbers[begin : begin + MOST_RANGES], more_arrays=())
        for array in self.more_arrays:
            yield replace(self, numbers=(), array=array, more_arrays=())


def state_fields(state: str) -> dict[str, str]:
    """Return the fields for the jobs in a state, which may be ``held``. Raises ValueError for ``!held``."""
    if state == f"!{HELD}":
        raise ValueError("!held cannot be selected: held jobs are queued")
    return {"state": "queued", "held": "1"} if state == HELD else {"state": state}


class Filters(TypedDict, total=False):
    """The filters of `Project.jobs`; those of `Selection`, with labels by key and numbers as people write."""

    state: str
    application: str
    ended: str
    name: str
    labels: Mapping[str, str]
    owner: str
    resource: str
    since: int
    numbers: Iterable[str | int]
    array: str | int
    single: bool


def selection_of(**filters: Unpack[Filters]) -> Selection:
    """Return the selection of these filters. Raises ValueError for an invalid one."""
    of_job, numbers = filters.pop("labels", {}), filters.pop("numbers", ())
    texts = tuple(f"{key}={value}" for key, value in of_job.items())
    array = str(filters.pop("array", ""))
    return Selection(**filters, array=array, labels=texts, numbers=read_numbers(map(str, numbers)))  # type: ignore[arg-type, misc]


class UnknownFilterError(TransportError):
    """A server has read over a filter, which it is too old to know."""


def check_known(server: str, fields: Mapping[str, str], reply: Reply) -> None:
    """Raise UnknownFilterError when a server has read over a filter, and so has listed other jobs too."""
    for name in _OURS:
        if name in fields and not reply.value(name):
            raise UnknownFilterError(server, f"this server is too old to select jobs by {name}")


def check_array(text: str) -> None:
    """Raise ValueError unless a text is an array as ``7``, elements of it as ``7[1-3,9]``, or empty."""
    match = _ARRAY.fullmatch(text)
    if text and match is None:
        raise ValueError(f"{text[:40]!r} is not an array: it must be a number, or elements as 7[1-3,9]")
    if match and match[2]:
        read_numbers([match[2].replace(" ", "")])


def read_numbers(words: Iterable[str]) -> tuple[tuple[int, int], ...]:
    """Return the ranges of ``7``, ``12-40`` or ``3,5-9``, in ascending order and without overlaps.

    Raises ValueError.
    """
    found = []
    for text in (part for word in words for part in word.split(",") if part):
        match = _RANGE.fullmatch(text)
        if match is None:
            raise ValueError(f"{text[:40]!r} is not a job id: it must be a number, or a range as 12-40")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise ValueError(f"the range {text} is empty: write the lower number first")
        found.append((first, last))
    return _joined(sorted(found))


def _joined(ranges: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    joined: list[tuple[int, int]] = []
    for first, last in ranges:
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        else:
            joined.append((first, last))
    return tuple(joined)
