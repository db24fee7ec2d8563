"""Which jobs a list has: the filters, and their conditions in SQL on the rows of job_access."""

from collections.abc import Sequence
from dataclasses import dataclass

from lgi_protocol import comma_lists
from lgi_server.db.transaction import placeholders
from lgi_server.tables.job_access import LABEL, PART, READ, label_key

# The filter that passes held jobs, as the begin of a list.
HELD = "held"
# How many numbers are looked up one by one.
_LISTED = 1000
Parameters = list[str | int]
# Conditions on a job that has a role and name: each job is asked, or each that has them is looked up.
_HAS = (
    "EXISTS (SELECT 1 FROM job_access AS more WHERE more.job_id = one.job_id"
    " AND more.role = %s AND more.name = %s)"
)
_IS_HELD = "EXISTS (SELECT 1 FROM job_holds AS hold WHERE hold.job_id = one.job_id)"
_FEW_HELD = "one.job_id IN (SELECT hold.job_id FROM job_holds AS hold)"
_FEW = "one.job_id IN (SELECT few.job_id FROM job_access AS few WHERE few.role = %s AND few.name = %s)"


@dataclass(frozen=True)
class Selection:
    """Which jobs a list has: those that one of ``readers`` or ``any`` may read and that pass all filters.

    An empty filter passes every job. ``not_state`` and ``not_application`` invert the filters. ``ended`` is a
    value of `Result`: jobs with this result. ``labels`` are labels ``key=value`` or names ``=name`` that a
    job has, ``owner`` and ``target`` are among its owners and target resources, ``since`` is the earliest
    last change in seconds, and ``numbers`` are ranges of numbers, each with its last one. ``array`` selects
    the elements of an array, whose indexes are in the ranges ``elements``; ``single`` the jobs of none.
    ``is_held`` passes queued jobs that something holds.
    ``begin`` is "owner", "target" or `HELD` when so few jobs pass that filter that each of them is looked
    up, and "application" when few are of it.
    """

    readers: tuple[str, ...]
    state: str = ""
    not_state: bool = False
    application: str = ""
    not_application: bool = False
    ended: str = ""
    labels: tuple[str, ...] = ()
    owner: str = ""
    target: str = ""
    since: int = 0
    numbers: tuple[tuple[int, int], ...] = ()
    array: int = 0
    elements: tuple[tuple[int, int], ...] = ()
    single: bool = False
    begin: str = ""
    is_held: bool = False

    @property
    def every_reader(self) -> tuple[str, ...]:
        """The readers and ``any``, or an owner alone whose own jobs they are: owners may read their jobs."""
        is_own = self.readers == (self.owner,)
        return self.readers if is_own else comma_lists.unique((*self.readers, comma_lists.ANY))

    @property
    def source(self) -> str:
        """The table that is read, as ``one``: job by job when these are few."""
        index = "access_by_application_and_time" if self.begin == "application" else "access_of_job"
        return f"job_access AS one{f' /*! FORCE INDEX ({index}) */' if self.begin else ''}"

    @property
    def _is_looked_up(self) -> bool:
        return self.begin in {"owner", "target", HELD} or (bool(self.numbers) and _are_few(self.numbers))

    def rows_of(self, reader: str) -> list[tuple[str, Parameters]]:
        """Return conditions on the rows of a reader that are read; each is the begin of an index."""
        # A few numbers are looked up by their index: SQLite uses no index for a column behind a plus sign.
        sign = "+" if self._is_looked_up else ""
        condition = f"{sign}one.role = %s AND {sign}one.name = %s"
        if self.labels:
            return [(condition, [LABEL, label_key(reader, self.labels[0])])]
        if sign and not self.single:
            return [("+one.role IN (%s, %s) AND +one.name = %s", [READ, PART, reader])]
        return [(condition, [role, reader]) for role in ((READ,) if self.single else (READ, PART))]

    def filters(self, reader: str) -> tuple[str, Parameters]:
        """Return the conditions of the filters on such a row, each after an AND."""
        condition, parameters = self._filters(reader, self.labels[1:], "ended")
        if self.single and self.labels:
            condition += (
                " AND NOT EXISTS (SELECT 1 FROM job_access AS more WHERE more.job_id = one.job_id"
                " AND more.role = 'part')"
            )
        return condition, parameters

    def element_filters(self, reader: str) -> tuple[str, Parameters]:
        """Return the conditions of the filters on the row of an element, each after an AND."""
        condition, parameters = self._filters(reader, self.labels, "element_state")
        if self.single:
            condition += " AND 0 = 1"
        if self.elements:
            condition += f" AND ({' OR '.join(['one.array_index BETWEEN %s AND %s'] * len(self.elements))})"
            parameters += [number for pair in self.elements for number in pair]
        return condition, parameters

    def _filters(self, reader: str, labels: Sequence[str], ended: str) -> tuple[str, Parameters]:
        conditions, parameters = list[str](), Parameters()
        for column, value, negated in (
            ("one.state", self.state, self.not_state),
            ("one.application", self.application, self.not_application),
            (f"+one.{ended}" if self.begin == "application" else f"one.{ended}", self.ended, False),
        ):
            if value:
                conditions.append(f"{column} {'<>' if negated else '='} %s")
                parameters.append(value)
        if self.since:
            conditions.append("one.state_time_stamp >= %s")
            parameters.append(self.since)
        others = [(LABEL, label_key(reader, term)) for term in labels]
        others += [("owner", self.owner)] * bool(self.owner) + [("target", self.target)] * bool(self.target)
        for role, name in others:
            conditions.append(_FEW if role == self.begin else _HAS)
            parameters += [role, name]
        if self.is_held:
            conditions += ["one.state = 'queued'", _FEW_HELD if self.begin == HELD else _IS_HELD]
        if self.numbers:
            condition, values = _among(self.numbers, "one.job_id + 0" if self.begin else "one.job_id")
            conditions.append(condition)
            parameters += values
        return "".join(f" AND {condition}" for condition in conditions), parameters


def _are_few(numbers: Sequence[tuple[int, int]]) -> bool:
    return sum(last - first + 1 for first, last in numbers) <= _LISTED


def _among(numbers: Sequence[tuple[int, int]], column: str) -> tuple[str, Parameters]:
    """Return a condition on a column of numbers; no index is used for one that is an expression."""
    if _are_few(numbers):
        every = [number for first, last in numbers for number in range(first, last + 1)]
        return f"{column} IN ({placeholders(every)})", [*every]
    single = [first for first, last in numbers if first == last]
    ranges = [pair for pair in numbers if pair[0] != pair[1]]
    parts = [f"{column} BETWEEN %s AND %s"] * len(ranges)
    parts += [f"{column} IN ({placeholders(single)})"] if single else []
    return f"({' OR '.join(parts)})", [*(number for pair in ranges for number in pair), *single]
