"""The page that shows a file of a job: as text, as a table, or as a picture."""

import csv
import io
from collections.abc import Sequence
from functools import partial

from lgi_protocol import file_names
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.basic_interface import filters
from lgi_server.basic_interface.job import seen
from lgi_server.basic_interface.job_actions import NAME, local_repository
from lgi_server.basic_interface.registry import AfterCommit, Answer, Download, PageContext, Template
from lgi_server.storage import repository
from lgi_server.storage.local import Repositories
from lgi_server.storage.repository import NoSuchFileError

# Bytes of a picture, rows and columns of a table, characters of a cell.
MOST_PICTURE, MOST_ROWS, MOST_COLUMNS, MOST_CELL = 4 * 2**20, 200, 30, 200
# Bytes of a table, so that the page is not larger than others.
_MOST_TABLE = 24 * 1024
# The pictures that browsers decode without scripts, by the bytes with which they begin.
_PICTURES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}
_SEPARATORS = {".csv": ",", ".tsv": "\t"}


def show_file(visit: PageContext, job_id: int) -> Answer:
    """Return a page with the begin of a file; LGIError NO_JOB or UPLOAD."""
    found, name = seen(visit, job_id), visit.query.untrimmed(NAME)
    stored = local_repository(visit, job_id)
    prefix, store = visit.visitor.server.config.prefix, visit.visitor.server.store

    def show() -> Template:
        begin, size = _begin(store, stored, name, filters.MOST_TEXT)
        kind = picture_kind(begin)
        table = [] if kind else _table(name, begin)
        return Template(
            "basic_interface/file.html",
            {
                "job": found,
                "name": name,
                "size": size,
                "content": None if kind or table else filters.content(begin),
                "table": table,
                "is_cut": size > (_MOST_TABLE if table else filters.MOST_TEXT),
                "picture": kind if size <= MOST_PICTURE else "",
                "is_large": bool(kind) and size > MOST_PICTURE,
                "file_at": f"{prefix}/repository/{repository.relative_path(stored)}",
            },
        )

    return AfterCommit(show)


def picture(visit: PageContext, job_id: int) -> Answer:
    """Return a picture among the files of a job; LGIError NO_JOB for what is none, or too large."""
    name = visit.query.untrimmed(NAME)
    stored, store = local_repository(visit, job_id), visit.visitor.server.store
    return AfterCommit(partial(_picture, store, stored, name))


def _picture(store: Repositories, stored: str, name: str) -> Download:
    data, size = _begin(store, stored, name, MOST_PICTURE)
    kind = picture_kind(data)
    if not kind or size > MOST_PICTURE:
        raise LGIError(ErrorNumber.NO_JOB, message=f"{name[:80]!r} is no picture that can be shown")
    return Download(name, data, kind)


def picture_kind(begin: bytes) -> str:
    """Return the media type of a picture with this begin, empty for all that a page does not show as one."""
    if begin[:4] == b"RIFF" and begin[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for mark, kind in _PICTURES.items() if begin.startswith(mark)), "")


def _begin(store: Repositories, stored: str, name: str, most: int) -> tuple[bytes, int]:
    """Return the first bytes of a file, and its size; LGIError NO_JOB."""
    if file_names.is_reserved(name):
        raise LGIError(ErrorNumber.NO_JOB, message="There is no such file")
    try:
        with store.open(stored, name) as opened:
            data = opened.read(most)
            return data, max(len(data), opened.seek(0, io.SEEK_END))
    except NoSuchFileError as missing:
        raise LGIError(ErrorNumber.NO_JOB, message=missing.message) from None


def _table(name: str, begin: bytes) -> Sequence[Sequence[str]]:
    """Return the rows of a file of comma- or tab-separated values; none for any other."""
    separator = _SEPARATORS.get(name[-4:].lower(), "")
    if not separator or b"\0" in begin:
        return []
    text = begin[:_MOST_TABLE].decode("utf-8", "replace")
    if len(begin) > _MOST_TABLE:
        # Without the line that is cut.
        text = text.rpartition("\n")[0]
    rows: list[Sequence[str]] = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
            rows.append([cell[:MOST_CELL] for cell in row[:MOST_COLUMNS]])
            if len(rows) > MOST_ROWS:
                break
    except csv.Error:
        return []
    return rows if len(rows) > 1 else []
