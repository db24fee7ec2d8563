"""Time stamps of calls that are stored a second later, whatever happens to the database meanwhile."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.background.timestamp_batcher import (
    KEPT_SECONDS,
    MOST_KEPT,
    Store,
    Timestamp,
    TimestampBatcher,
)
from lgi_server.db import open_database, schema
from lgi_server.db.pool import Database
from lgi_server.db.transaction import Transaction

Stored = list[tuple[str, list[int], int]]


class Desk:
    """The notes of a worker, the kinds of them that fail now, and what was stored."""

    def __init__(self, database: Database) -> None:
        self.failing: dict[str, Exception] = {}
        self.stored: Stored = []
        stores = {
            Timestamp.RESOURCE_CALL: self._kind("touch"),
            Timestamp.SESSION_USE: self._kind("renew"),
        }
        # It is stored when a test says so.
        self.notes = TimestampBatcher(database, 3600.0, stores)

    def _kind(self, name: str) -> Store:
        def store(_transaction: Transaction, numbers: list[int], now: int) -> None:
            if name in self.failing:
                raise self.failing[name]
            self.stored.append((name, numbers, now))

        return store


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """On an empty project."""
    database = open_database(f"sqlite:{tmp_path / 'LGI.sqlite'}")
    schema.make(database)
    yield Desk(database)
    database.close()


AWAY = LGIError(ErrorNumber.BACK_OFF, "the database is away")


def test_a_note_that_could_not_be_stored_is_stored_the_next_time(desk: Desk) -> None:
    """One kind that fails takes no other one along, and newer notes replace the kept ones."""
    desk.failing["touch"] = AWAY
    desk.notes.add((Timestamp.RESOURCE_CALL, 1), 1000)
    desk.notes.add((Timestamp.RESOURCE_CALL, 2), 1000)
    desk.notes.add((Timestamp.SESSION_USE, 7), 1000)
    desk.notes.flush()
    first, desk.stored[:] = list(desk.stored), []
    desk.failing.clear()
    desk.notes.add((Timestamp.RESOURCE_CALL, 2), 1003)

    desk.notes.flush()

    assert first == [("renew", [7], 1000)]
    assert desk.stored == [("touch", [1], 1000), ("touch", [2], 1003)]
    assert not desk.notes.flush()


def test_a_fault_in_one_kind_stops_no_other_and_is_not_repeated(desk: Desk) -> None:
    """The same values would fail again."""
    desk.failing["touch"] = ValueError("a mistake")
    desk.notes.add((Timestamp.RESOURCE_CALL, 1), 1000)
    desk.notes.add((Timestamp.SESSION_USE, 7), 1000)

    assert desk.notes.flush()

    assert desk.stored == [("renew", [7], 1000)]
    assert not desk.notes.flush()


def test_old_entries_are_not_kept_for_ever(desk: Desk) -> None:
    """The newest so many of a kind, and none that is much older than the others."""
    desk.failing["touch"] = AWAY
    desk.notes.add((Timestamp.RESOURCE_CALL, 0), 1000)
    for number in range(1, MOST_KEPT + 11):
        desk.notes.add((Timestamp.RESOURCE_CALL, number), 1000 + KEPT_SECONDS)
    desk.notes.flush()
    desk.failing.clear()

    desk.notes.flush()

    kept = [number for _name, numbers, _now in desk.stored for number in numbers]
    assert len(kept) == MOST_KEPT
    assert 0 not in kept
