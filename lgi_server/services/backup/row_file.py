"""Rows of a table as lines of JSON, the same for both kinds of database."""

import base64
import json
from collections.abc import Iterator, Sequence
from typing import IO, Any

_BYTES = "base64"


def write(target: IO[bytes], columns: Sequence[str], rows: Iterator[tuple[Any, ...]]) -> int:
    """Write the names of the columns and then the rows; return how many rows there are."""
    number = 0
    _write_line(target, list(columns))
    for row in rows:
        _write_line(target, [_encoded(value) for value in row])
        number += 1
    return number


def _write_line(target: IO[bytes], values: list[Any]) -> None:
    target.write(json.dumps(values, separators=(",", ":")).encode() + b"\n")


def _encoded(value: Any) -> Any:
    if isinstance(value, bytes | bytearray | memoryview):
        return {_BYTES: base64.b64encode(value).decode("ascii")}
    return value


def read(source: IO[bytes], columns: Sequence[str]) -> Iterator[list[Any]]:
    """Yield the rows of a file whose columns must be these. Raises ValueError."""
    if _line(source.readline()) != list(columns):
        raise ValueError(f"its tables have other columns than {', '.join(columns)}")
    for text in source:
        row = [_decoded(value) for value in _line(text)]
        if len(row) != len(columns):
            raise ValueError(f"a row has {len(row)} values for {len(columns)} columns")
        yield row


def _line(text: bytes) -> list[Any]:
    values = json.loads(text)
    if not isinstance(values, list):
        raise ValueError("a line is no list")
    return values


def _decoded(value: Any) -> Any:
    if isinstance(value, dict):
        return base64.b64decode(str(value.get(_BYTES)), validate=True)
    if value is None or isinstance(value, str | int | float):
        return value
    raise ValueError(f"{value!r:.40} is no value of a column")
