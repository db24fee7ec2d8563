"""Statements that belong to no transaction: run within a second, once for all that asked for them."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from lgi_protocol.errors import LGIError
from lgi_server.db.write_behind import SECONDS, WriteBehind

log = logging.getLogger("lgi.soon")
# So many are kept while the database is away; the oldest go first.
MOST_KEPT = 1000

Statement = tuple[str, tuple[Any, ...]]


class DeferredWrites(WriteBehind[Statement, None]):
    """What one process still has to run in one database."""

    def __init__(self, run: Callable[[list[Statement]], object], seconds: float = SECONDS) -> None:
        """``run`` does all or nothing; LGIError when it cannot."""
        super().__init__(self._run_all, seconds)
        self._run = run

    def _run_all(self, statements: dict[Statement, None]) -> Mapping[Statement, None]:
        try:
            self._run(list(statements))
        except LGIError as error:
            log.warning("%d statements were not run yet: %s", len(statements), error)
            return dict.fromkeys(list(statements)[-MOST_KEPT:])
        return {}
