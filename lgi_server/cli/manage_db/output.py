"""The lists of ManageDB: a table for people, XML or JSON for programs."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from lgi_protocol import capabilities, xml
from lgi_protocol.xml import Element
from lgi_server.config.model import ProjectConfig
from lgi_server.db.transaction import Transaction
from lgi_server.services.jobs import licences
from lgi_server.tables import active_resources, submit_rules, urgent_jobs

RESOURCE = (
    "resource_name",
    "url",
    "last_call_time",
    "project_server",
    "drained_since",
    "drain_reason",
    "resource_capabilities",
)
LICENCE = ("licence", "number", "used")
# What the table has for the time 0.
_NO_TIME = {"last_call_time": "never", "drained_since": "", "added": "", "revoked": "", "changed_at": ""}
Rows = list[dict[str, Any]]


def rules(transaction: Transaction, kind: str, rule: str) -> Rows:
    """Return the rules for users or groups (``kind`` "user" or "group"), ``allowed`` or ``denied``.

    The rights to urgent jobs have a list of their own.
    """
    found = submit_rules.listed(transaction, kind, rule)
    return [dict(row) for row in found if row["application"] != urgent_jobs.APPLICATION]


def resources(transaction: Transaction) -> Rows:
    """Return all resources and project servers, with the time of their last call."""
    return [{name: vars(one)[name] for name in RESOURCE} for one in active_resources.everyone(transaction)]


def stock(transaction: Transaction, project: ProjectConfig) -> Rows:
    """Return the project's licences: the number of each, and how many are in use."""
    found = licences.listed(transaction, project.licences)
    return [{"licence": one.name, "number": one.total, "used": one.used} for one in found]


def shown(form: str, name: str, columns: Sequence[str], rows: Rows) -> str:
    """Format rows as ``table``, ``xml`` or ``json`` (``form``); ``name`` is the XML element of the list."""
    forms: Mapping[str, Callable[[], str]] = {
        "table": lambda: _table(columns, rows),
        "xml": lambda: _xml(name, columns, rows),
        "json": lambda: json.dumps(
            [{column: _plain(column, row[column]) for column in columns} for row in rows], indent=1
        ),
    }
    return forms[form]()


def _xml(name: str, columns: Sequence[str], rows: Rows) -> str:
    # Capabilities are XML and not escaped, as in every answer of the server.
    listed = (
        Element(
            "row",
            tuple(Element(column, row[column], raw=column == "resource_capabilities") for column in columns),
            number,
        )
        for number, row in enumerate(rows, 1)
    )
    return xml.write(Element(name, (Element("number_of_rows", len(rows)), *listed)))


def _table(columns: Sequence[str], rows: Rows) -> str:
    """Return columns as wide as their widest value. As LGI: the header has the names of the columns."""
    lines = [list(columns), *([_text(column, row[column]) for column in columns] for row in rows)]
    shown = [[" ".join(value.split()) or "-" for value in line] for line in lines]
    widths = [max(len(line[column]) for line in shown) for column in range(len(columns))]
    return "\n".join(_aligned(line, widths) for line in shown)


def _aligned(line: Iterable[str], widths: Iterable[int]) -> str:
    return "  ".join(value.ljust(width) for value, width in zip(line, widths, strict=True)).rstrip()


def _plain(column: str, value: Any) -> Any:
    """Return a value for a list that is not XML: capabilities without the escapes of daemons."""
    return capabilities.readable(value) if column == "resource_capabilities" else value


def _text(column: str, value: Any) -> str:
    """Return a value for the table; a time as ISO 8601 in UTC, for 0 a word or nothing."""
    if column not in _NO_TIME:
        return str(_plain(column, value))
    return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if value else _NO_TIME[column]
