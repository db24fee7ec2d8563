"""MariaDB's own counters over a test: the figures that LGI's document gives of its load test."""

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
# Not differences: what there was at most.
_HIGHEST = ("Max_used_connections",)


class Counters:
    """What the database did since now; empty when it is not MariaDB."""

    def __init__(self, grid: Grid, mariadb: bool) -> None:
        """Begins to count."""
        self._grid, self._mariadb = grid, mariadb
        self._before = self._look()

    def _look(self) -> dict[str, int]:
        if not self._mariadb:
            return {}
        rows = {str(row["Variable_name"]): row["Value"] for row in self._grid.rows("SHOW GLOBAL STATUS")}
        return {name: int(str(rows[name])) for name in (*_SHOWN, *_HIGHEST) if name in rows}

    def read(self) -> dict[str, int]:
        """Return the counters by their names in MariaDB."""
        return {
            name: value - (0 if name in _HIGHEST else self._before[name])
            for name, value in self._look().items()
        }


def share_of_writes(counted: Mapping[str, int]) -> float:
    """Which part of the statements that read or change rows changes them."""
    writes = sum(counted.get(name, 0) for name in _WRITES)
    return writes / max(1, writes + sum(counted.get(name, 0) for name in _READS))
