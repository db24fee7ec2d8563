"""The differences of MariaDB's counters over a test, which LGI's document reports of its load test."""

from collections.abc import Mapping

from tests.support.grid import Grid

_READS = ("Com_select",)
_WRITES = ("Com_insert", "Com_insert_select", "Com_update", "Com_update_multi", "Com_delete", "Com_replace")
_SHOWN = (
    "Questions",
    *_READS,
    *_WRITES,
    "Com_commit",
    "Com_rollback",
    "Handler_read_rnd",
    "Table_locks_waited",
    "Innodb_row_lock_waits",
    "Innodb_deadlocks",
)
# Counters of a maximum: their last value is reported instead of a difference.
_HIGHEST = ("Max_used_connections",)


class Counters:
    """The counters of the database since the creation of this object; empty unless it is MariaDB."""

    def __init__(self, grid: Grid, mariadb: bool) -> None:
        """Store the present values of the counters."""
        self._grid, self._mariadb = grid, mariadb
        self._before = self._look()

    def _look(self) -> dict[str, int]:
        if not self._mariadb:
            return {}
        rows = {str(row["Variable_name"]): row["Value"] for row in self._grid.rows("SHOW GLOBAL STATUS")}
        return {name: int(str(rows[name])) for name in (*_SHOWN, *_HIGHEST) if name in rows}

    def read(self) -> dict[str, int]:
        """Return the differences so far, by the names of the counters in MariaDB."""
        return {
            name: value - (0 if name in _HIGHEST else self._before[name])
            for name, value in self._look().items()
        }


def share_of_writes(counted: Mapping[str, int]) -> float:
    """Return the part of the statements on rows that change them, from 0 to 1."""
    writes = sum(counted.get(name, 0) for name in _WRITES)
    return writes / max(1, writes + sum(counted.get(name, 0) for name in _READS))
