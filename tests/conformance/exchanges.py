"""The recorded exchanges with LGI 1.31.6 as requests that can be sent again."""

import json
from dataclasses import dataclass
from typing import Any

from tests.support import golden

Field = tuple[str, str]
File = tuple[str, str, str]


@dataclass(frozen=True)
class Exchange:
    """A request, who sent it, and what LGI answered. A file is its field, its name and its contents."""

    name: str
    shows: str
    method: str
    path: str
    encoding: str | None
    common_name: str
    fields: tuple[Field, ...]
    files: tuple[File, ...]
    status: int
    error: int | None
    response: str

    @property
    def is_cut(self) -> bool:
        """Whether the record holds only the beginning of the answer."""
        return self.response.startswith("<LGI>") and not self.response.endswith("</LGI>")

    @property
    def answer(self) -> str:
        """The recorded answer as far as it goes, its open elements closed."""
        return golden.completed(self) if self.is_cut else self.response


def _value(recorded: str | dict[str, Any]) -> str:
    """A posted value; a very long one is its beginning again and again."""
    if isinstance(recorded, str):
        return recorded
    length, first = recorded["length"], recorded["first"]
    whole = (first * (length // len(first) + 1))[:length]
    assert whole.endswith(recorded["last"])
    return whole


def _exchange(row: dict[str, Any]) -> Exchange:
    fields = tuple((name, _value(value)) for name, value in row["fields"])
    files = tuple((field, name, contents) for field, name, contents in row["files"])
    changed = {"fields": fields, "files": files, "common_name": row["common_name"] or ""}
    return Exchange(**{key: row[key] for key in Exchange.__dataclass_fields__} | changed)


def load() -> dict[str, Exchange]:
    """All exchanges by name, in the order of the file."""
    rows = [json.loads(line) for line in golden.FILE.read_bytes().split(b"\n") if line]
    return {row["name"]: _exchange(row) for row in rows}


ALL = load()
