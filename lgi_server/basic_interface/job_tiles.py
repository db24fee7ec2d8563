"""The numbers of a user's own jobs by state, of those that have finished by result, as links."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from lgi_protocol.job_end import Result
from lgi_protocol.states import State
from lgi_server.basic_interface.registry import PageContext
from lgi_server.tables import job_counts
from lgi_server.tables.job_queue import listing
from lgi_server.tables.job_queue.selection import Selection

# Jobs that failed, or whose end is unknown, which are counted; of more the tiles are those of states.
MOST = 10_000


@dataclass(frozen=True)
class Tile:
    """A number of jobs, the word for them, its look, and the address of their list below the project's."""

    word: str
    look: str
    number: str
    address: str


def mine(visit: PageContext) -> Selection:
    """Return the jobs of the user, without those that others have shared."""
    return Selection((visit.user.name,), owner=visit.user.name)


def counted(found: dict[str, int]) -> list[tuple[str, str]]:
    """Return the numbers of jobs by state as text: the five states of LGI in order, then those of a site.

    It is ``over 100,000`` where more are not counted.
    """
    known = [state.value for state in State]
    states = (*known, *sorted(state for state in found if state not in known))
    return [(state, _number(found.get(state, 0))) for state in states]


def _number(number: int) -> str:
    return f"{number:,}" if number <= job_counts.MOST else f"over {job_counts.MOST:,}"


def tiles(visit: PageContext) -> Sequence[Tile]:
    """Return a tile for each state of LGI, in their order, and then for those of a site.

    An aborted job is no failure here: somebody has asked for that.
    """
    shown: list[Tile] = []
    found = job_counts.by_state(visit.transaction, "owner", visit.user.name)
    for state, number in counted(found):
        results = _results(visit, found.get(state, 0)) if state == State.FINISHED else {}
        shown += [
            _tile(visit, word, _number(some), state=state, ended=word) for word, some in results.items()
        ]
        if not results:
            shown.append(_tile(visit, state, number, state=state))
    return shown


def _results(visit: PageContext, finished: int) -> dict[str, int]:
    """Return how many of the finished jobs have each result, nothing when too many would be counted."""
    if finished > job_counts.MOST:
        return {}
    known = {}
    for result in (Result.FAILED, Result.UNKNOWN):
        some = replace(mine(visit), state=State.FINISHED.value, ended=result.value)
        known[result.value] = listing.count_some(visit.transaction, some, MOST) if finished else 0
    if max(known.values()) > MOST:
        return {}
    succeeded = max(0, finished - sum(known.values()))
    failed, unknown = known[Result.FAILED.value], known[Result.UNKNOWN.value]
    found = {Result.SUCCEEDED.value: succeeded, Result.FAILED.value: failed}
    return found | ({Result.UNKNOWN.value: unknown} if unknown else {})


def _tile(visit: PageContext, word: str, number: str, **filters: str) -> Tile:
    text = "exit code unknown" if word == Result.UNKNOWN else word
    look = "finished" if word == Result.UNKNOWN else word
    return Tile(text, look, number, f"jobs?{urlencode({**filters, 'owner': visit.user.name})}")
