"""What resources say of their machines, stored within a second; no call of a resource waits for that."""

import logging
from collections.abc import Mapping
from functools import partial

from lgi_protocol.errors import LGIError
from lgi_server.db.pool import Database
from lgi_server.db.write_behind import SECONDS, WriteBehind
from lgi_server.tables import resource_machines
from lgi_server.tables.resource_machines import MachineReport

log = logging.getLogger("lgi.touches")


class MachineStates(WriteBehind[int, MachineReport]):
    """The states of one worker and project not stored yet: ``add(resource_id, MachineReport(text, now))``."""

    def __init__(self, database: Database, seconds: float = SECONDS) -> None:
        """Create the buffer; no thread runs before the first `add`, after the workers were forked."""
        super().__init__(self._store_all, seconds)
        self._database = database

    def _store_all(self, pending: dict[int, MachineReport]) -> Mapping[int, MachineReport]:
        """Store all states, in one transaction; return them when the database is to be tried again."""
        try:
            self._database.run(partial(resource_machines.store, machines=pending))
        except LGIError as error:
            log.warning("cannot store the states of %d machines, will retry: %s", len(pending), error)
            return pending
        except Exception:
            # A fault must not end the thread that stores, nor be repeated for ever.
            log.exception("the states of %d machines are lost", len(pending))
        return {}
