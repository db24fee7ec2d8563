"""The jobs of a list as a file: CSV for spreadsheets, JSON for programs."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from lgi_protocol import labels
from lgi_server.api.fields import E, Field
from lgi_server.basic_interface import job_columns, list_pages, list_query
from lgi_server.basic_interface.registry import Answer, Download, PageContext
from lgi_server.tables.job_queue.jobs import JobRow

# Jobs in one file.
MOST = 2000
FORMAT = Field("format", 16, E.STATE_TOO_BIG, E.STATE)
# A spreadsheet takes a cell that begins with one of these for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def export(visit: PageContext) -> Answer:
    """Return the newest `MOST` jobs of a list in its order, all pages together; LGIError STATE."""
    kind = visit.query.line(FORMAT)
    if kind not in {"csv", "json"}:
        raise FORMAT.refusal(FORMAT.malformed, f"{kind[:16]!r} is neither csv nor json")
    query = list_query.read(visit)
    found, _is_cut = list_pages.newest(visit, query, query.selection, MOST)
    if query.order:
        found = job_columns.ordered(found, query.order, visit.now)
    rows = [_row(job, visit.now) for job in found]
    return Download(f"jobs.{kind}", _csv(rows) if kind == "csv" else _json(rows))


def _row(job: JobRow, now: int) -> Mapping[str, object]:
    return {
        "job_id": job.job_id,
        "job_name": job.job_name,
        "labels": dict(label.split("=", 1) for label in labels.split_labels(job.labels)),
        "array_id": job.array_id,
        "array_index": job.array_index,
        "state": job.state,
        "ended": job.ended,
        "exit_code": job.end.exit_code,
        "exit_signal": job.end.exit_signal,
        "end_reason": job.end.reason,
        "application": job.application,
        "target_resources": list(job.target_resources),
        "owners": list(job.owners),
        "submitted": _time(job.submitted),
        "started": _time(job.started),
        "changed": _time(job.state_time_stamp),
        "run_seconds": job_columns.run_seconds(job, now),
        **vars(job.end.usage),
    }


def _time(seconds: int | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(min(max(0, seconds), 2**37), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _json(rows: Sequence[Mapping[str, object]]) -> bytes:
    return f"{json.dumps(rows, indent=1, ensure_ascii=False)}\n".encode("utf-8", "replace")


def _csv(rows: Sequence[Mapping[str, object]]) -> bytes:
    text = io.StringIO()
    names = list(rows[0]) if rows else ["job_id"]
    writer = csv.writer(text)
    writer.writerow(names)
    writer.writerows([_cell(row[name]) for name in names] for row in rows)
    return text.getvalue().encode("utf-8", "replace")


def _cell(value: object) -> object:
    """Return a value as a cell that no spreadsheet takes for a formula."""
    if isinstance(value, dict):
        value = " ".join(f"{key}={text}" for key, text in value.items())
    elif isinstance(value, list):
        value = ", ".join(map(str, value))
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return "" if value is None else value
