"""Copies of rows, made without the calls of dataclasses."""

from dataclasses import FrozenInstanceError, dataclass, replace

import pytest

from lgi_server.tables.job_queue.row_copy import with_values


@dataclass(frozen=True)
class Row:
    """A row with a field that has a default."""

    number: int
    state: str
    text: str = "none"


def test_a_copy_is_that_of_replace() -> None:
    """As frozen, and the row itself stays as it is."""
    row = Row(1, "queued", "some")

    copy = with_values(row, state="running")

    assert copy == replace(row, state="running")
    assert hash(copy) == hash(replace(row, state="running"))
    assert row == Row(1, "queued", "some")
    with pytest.raises(FrozenInstanceError):
        copy.number = 2  # type: ignore[misc]


def test_a_copy_with_an_unknown_field_is_refused() -> None:
    """As `replace` does."""
    with pytest.raises(TypeError, match="not the fields of a Row: other"):
        with_values(Row(1, "queued"), other=2)
