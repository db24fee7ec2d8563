"""Deferred writes: statements that are run within a second, once for all transactions that asked for them."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from lgi_protocol.errors import LGIError
from lgi_server.db.write_behind import SECONDS, WriteBehind

log = logging.getLogger("lgi.soon")
# Statements kept while the database cannot be reached; the oldest are dropped first.
MOST_KEPT = 1000

Statement = tuple[str, tuple[Any, ...]]


class DeferredWrites(WriteBehind[Statement, None]):
    """The statements that one process still has to run in one database."""

    def __init__(self, run: Callable[[list[Statement]], object], seconds: float = SECONDS) -> None:
        """Create the queue; ``run`` runs all statements in one transaction or raises LGIError."""
        super().__init__(self._run_all, seconds)
        self._run = run

    def _run_all(self, statements: dict[Statement, None]) -> Mapping[Statement, None]:
        try:
            self._run(list(statements))
        except LGIError as error:
            log.warning("cannot run %d deferred statements, will retry: %s", len(statements), error)
            return dict.fromkeys(list(statements)[-MOST_KEPT:])
        return {}
