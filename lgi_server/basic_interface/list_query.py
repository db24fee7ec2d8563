"""The address of a list of jobs: what is searched for, filters, order and columns."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from flask import request

from lgi_protocol import comma_lists, labels
from lgi_server.api import end_fields, fields, list_filters
from lgi_server.api.fields import E, Field
from lgi_server.api.form import Form
from lgi_server.basic_interface import job_columns
from lgi_server.basic_interface.registry import PageContext
from lgi_server.tables.job_queue.selection import Selection

SEARCH = Field("q", fields.SHORT, E.STATE_TOO_BIG, E.STATE)
WHOSE = Field("whose", fields.SHORT, E.STATE_TOO_BIG, E.STATE)
SINCE = Field("since", fields.SHORT, E.STATE_TOO_BIG, E.STATE)
ORDER = Field("sort", fields.SHORT, E.STATE_TOO_BIG, E.STATE)
COLUMNS = "columns"
# The filters that are one line of text, each with the words that say what it is.
LINES: Mapping[str, str] = {
    "state": "state",
    "application": "application",
    "ended": "ended",
    "job_name": "name",
    "labels": "label",
    "owner": "owner",
    "resource": "resource",
    "since": "changed in the last",
}
_NUMBERS = re.compile(r"[0-9]{1,9}(-[0-9]{1,9})?( *, *[0-9]{1,9}(-[0-9]{1,9})?)*")
_ELEMENTS = re.compile(r"[0-9]{1,9}\[[0-9, -]*\]")
_SPAN = re.compile(r"([1-9][0-9]{0,3})([mhd])")
_SECONDS = {"m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True)
class ListQuery:
    """The jobs that a list is to have; ``text`` is one that these must have, empty when any may be listed.

    ``order`` is the name of a column, behind a minus sign for the reverse order, empty for the newest change
    first. ``parameters`` are those of the address that are not empty, without the place in the list.
    """

    selection: Selection
    text: str
    order: str
    columns: tuple[str, ...]
    everybody: bool
    parameters: Mapping[str, str]

    @property
    def is_narrowed(self) -> bool:
        """Whether the list has not all jobs that the user may read."""
        return bool(self.text) or self.selection != Selection(self.selection.readers)

    def changed(self, **values: str) -> dict[str, str]:
        """Return the parameters with other values; those that are empty are left out."""
        return {name: value for name, value in {**self.parameters, **values}.items() if value}


def read(visit: PageContext) -> ListQuery:
    """Return the query in the address; LGIError for filters that cannot be."""
    form = visit.query
    everybody = visit.visitor.is_administrator and form.line(WHOSE) == "all"
    selection, text = _searched(form.line(SEARCH), _filtered(visit, everybody))
    order = form.line(ORDER)
    if order.removeprefix("-") not in job_columns.ORDERS:
        order = ""
    chosen = comma_lists.split(",".join(request.args.getlist(COLUMNS)))
    usual = _usual(selection, everybody)
    columns = tuple(name for name in job_columns.TITLES if name in chosen)
    given = {
        SEARCH.name: form.line(SEARCH),
        **{name: _shown(name, form) for name in LINES},
        ORDER.name: order,
        COLUMNS: ",".join(columns) if set(columns) != set(usual) else "",
        WHOSE.name: "all" if everybody else "",
    }
    parameters = {name: value for name, value in given.items() if value}
    return ListQuery(selection, text, order, columns or usual, everybody, parameters)


def _usual(selection: Selection, everybody: bool) -> tuple[str, ...]:
    """Return the columns of who has chosen none: owners are shown where there may be several."""
    others = everybody or bool(selection.owner and selection.owner not in selection.readers[:1])
    return (*job_columns.USUAL, *(["owners"] if others else []))


def _filtered(visit: PageContext, everybody: bool) -> Selection:
    form, owner = visit.query, visit.query.line(fields.OWNER)
    names = visit.user.names if everybody else visit.visitor.own_names
    return Selection(
        # Who submits a job may read it: one's own jobs need no list but one's own.
        (owner,) if owner == visit.user.name else names,
        *form.filter(fields.LISTED_STATE),
        *form.filter(fields.LISTED_APPLICATION),
        end_fields.result_filter(form),
        list_filters.label_terms(form),
        owner,
        form.line(fields.RESOURCE),
        _since(form, visit.now),
    )


def _since(form: Form, now: int) -> int:
    text = form.line(SINCE)
    if not text:
        return 0
    match = _SPAN.fullmatch(text)
    if match is None:
        raise SINCE.refusal(SINCE.malformed, f"{text[:40]!r} is no time span, as 30m, 24h or 7d")
    return max(1, now - int(match[1]) * _SECONDS[match[2]])


def _searched(text: str, selection: Selection) -> tuple[Selection, str]:
    """Return the jobs of a selection with what is searched for, and the text that is left to look for.

    Numbers, elements as ``7[1-3]`` and labels are filters of their own.
    """
    if _NUMBERS.fullmatch(text):
        return replace(selection, numbers=list_filters.number_ranges(Form({"job_ids": text}))), ""
    if _ELEMENTS.fullmatch(text):
        array, elements = list_filters.array(Form({"array_id": text}))
        return replace(selection, array=array, elements=elements), ""
    try:
        key, value = labels.read_label(text)
    except ValueError:
        return selection, text
    return replace(selection, labels=(*selection.labels, f"{key}={value}")), ""


def _shown(name: str, form: Form) -> str:
    """Return the value of a filter, empty for ``any``, which filters nothing as in LGI."""
    value = form.line(Field(name, fields.LABELS.limit, E.STATE_TOO_BIG, E.STATE))
    return "" if value == comma_lists.ANY else value
