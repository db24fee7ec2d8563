"""The daemons of a resource: more than one use its certificate, on purpose or by mistake."""

from functools import partial

from lgi_server.db.transaction import Transaction
from lgi_server.tables import resource_daemons

# A daemon signs up in each cycle, every ten minutes by default.
RECENT_SECONDS = 1800
# A sign-up is stored again after so many seconds: a busy daemon signs up every few seconds.
STORE_SECONDS = 60
# A resource cannot fill the table by other numbers each time.
MAX_DAEMONS = 32


def record(transaction: Transaction, resource_id: int, daemon: str, now: int) -> int:
    """Record that a daemon signs up; return how many others have in the last half an hour."""
    known = resource_daemons.of_resource(transaction, resource_id, now - RECENT_SECONDS)
    others = len(known.keys() - {daemon})
    # A clock that was set back does not keep a daemon for ever: its time is not in the future then.
    if not 0 <= now - known.get(daemon, 0) < STORE_SECONDS and (daemon in known or others < MAX_DAEMONS):
        resource_daemons.remove_older(transaction, now - RECENT_SECONDS)
        resource_daemons.store(transaction, resource_id, daemon, now)
    return others


def counts(transaction: Transaction, now: int) -> dict[int, int]:
    """Return by resource the number of daemons that have signed up in the last half an hour."""
    return resource_daemons.counts(transaction, now - RECENT_SECONDS)


class DaemonRecorder:
    """The daemons that one worker has recorded lately: exchanges come too often to look each time."""

    def __init__(self) -> None:
        """Begin with none."""
        self._recorded: dict[tuple[int, str], tuple[int, int]] = {}

    def record(self, transaction: Transaction, resource_id: int, daemon: str, now: int) -> int:
        """Record a daemon as `record` does, at most once in STORE_SECONDS."""
        at, others = self._recorded.get((resource_id, daemon), (0, 0))
        if 0 <= now - at < STORE_SECONDS:
            return others
        others = record(transaction, resource_id, daemon, now)
        transaction.on_commit(partial(self._remember, resource_id, daemon, now, others))
        return others

    def _remember(self, resource_id: int, daemon: str, now: int, others: int) -> None:
        recent = {key: one for key, one in self._recorded.items() if 0 <= now - one[0] < STORE_SECONDS}
        self._recorded = {**recent, (resource_id, daemon): (now, others)}
