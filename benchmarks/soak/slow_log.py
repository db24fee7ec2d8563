"""MariaDB's slow query log: which statements took long."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.grid import Grid

# Statements are logged from here on, in seconds; faster ones are only counted.
LOGGED_FROM = 0.01
LIMITS = (0.01, 0.1, 1.0, 5.0)
_NAME = "soak-slow.log"
_TIME = re.compile(r"# Query_time: ([0-9.]+) ")
_SHOWN = 160
_SKIPPED = ("#", "SET timestamp=", "use ")


@dataclass(frozen=True)
class Slow:
    """A statement, cut to a readable length, and the seconds it took."""

    seconds: float
    sql: str


def switch_on(grid: Grid) -> None:
    """Have MariaDB log slow statements of new connections."""
    grid.run("SET GLOBAL slow_query_log_file = %s", _NAME)
    grid.run("SET GLOBAL log_output = 'FILE'")
    grid.run("SET GLOBAL long_query_time = %s", LOGGED_FROM)
    grid.run("SET GLOBAL slow_query_log = 1")


class SlowLog:
    """The log from now on; empty if it is not switched on, or the database is not MariaDB."""

    def __init__(self, grid: Grid, mariadb: bool) -> None:
        """Start at the end of the present log."""
        self._path = Path(str(grid.rows("SELECT @@datadir AS d")[0]["d"])) / _NAME if mariadb else None
        self._begin = self._size()

    def _size(self) -> int:
        return self._path.stat().st_size if self._path and self._path.exists() else 0

    def read(self) -> list[Slow]:
        """Return the statements logged since the start, the slowest first."""
        if self._path is None or not self._path.exists():
            return []
        with self._path.open("rb") as log:
            log.seek(self._begin)
            text = log.read().decode("utf-8", "replace")
        return sorted(statements(text.splitlines()), key=lambda one: -one.seconds)


def statements(lines: Sequence[str]) -> Iterator[Slow]:
    """Return the statements of a log."""
    seconds, sql = None, list[str]()
    for line in lines:
        if found := _TIME.match(line):
            if seconds is not None:
                yield Slow(seconds, _shown(sql))
            seconds, sql = float(found[1]), []
        elif not line.startswith(_SKIPPED):
            sql.append(line)
    if seconds is not None:
        yield Slow(seconds, _shown(sql))


def _shown(sql: Sequence[str]) -> str:
    return " ".join(" ".join(sql).split())[:_SHOWN]


def above(slow: Sequence[Slow]) -> Mapping[float, int]:
    """Return how many statements took longer than each of the limits."""
    return {limit: sum(1 for one in slow if one.seconds > limit) for limit in LIMITS}
