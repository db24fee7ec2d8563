"""The number of SQL statements of each call: the difference of MariaDB's counters around it."""

from collections.abc import Callable, Mapping
from statistics import median

from benchmarks import filling
from benchmarks.testbed import Testbed
from lgi_protocol.resource_api import ResourceCalls
from tests.support.grid import CAPABILITIES, PROJECT

KINDS: Mapping[str, tuple[str, ...]] = {
    "select": ("Com_select",),
    "insert": ("Com_insert", "Com_insert_select", "Com_replace", "Com_replace_select"),
    "update": ("Com_update", "Com_update_multi"),
    "delete": ("Com_delete", "Com_delete_multi"),
    "begin": ("Com_begin",),
    "commit": ("Com_commit", "Com_rollback"),
}
ROUNDS = 3
Counts = dict[str, int]


class Counter:
    """Counts the statements of calls over several rounds."""

    def __init__(self, bed: Testbed) -> None:
        """Count on the testbed's database, which nothing else may use meanwhile."""
        self._bed = bed
        self._seen: dict[str, list[Counts]] = {}

    def _status(self) -> Counts:
        rows = self._bed.grid.rows("SHOW GLOBAL STATUS LIKE %s", "Com\\_%")
        values = {str(row["Variable_name"]): int(str(row["Value"])) for row in rows}
        return {kind: sum(values.get(name, 0) for name in names) for kind, names in KINDS.items()}

    def count(self, name: str, call: Callable[[], object]) -> None:
        """Make a call and count its statements; the time stamps make it the first call of a second."""
        filling.grow_old(self._bed.grid)
        before, idle = self._status(), self._status()
        call()
        after = self._status()
        # Reading the counters costs statements itself: the difference of two readings in a row.
        cost = {kind: after[kind] - idle[kind] - (idle[kind] - before[kind]) for kind in KINDS}
        self._seen.setdefault(name, []).append(cost)

    def result(self) -> dict[str, Counts]:
        """Return the median of the rounds by call."""
        return {
            name: {kind: int(median(cost[kind] for cost in costs)) for kind in KINDS}
            for name, costs in self._seen.items()
        }


def count(bed: Testbed) -> dict[str, Counts]:
    """Return the number of statements by call."""
    counter = Counter(bed)
    resource = ResourceCalls(bed.grid.client(bed.grid.people.resource("res1@cluster")), PROJECT)
    # One round before, to fill connections and caches.
    _round(Counter(bed), bed, resource)
    for _ in range(ROUNDS):
        _round(counter, bed, resource)
    bed.restore()
    return counter.result()


def _round(counter: Counter, bed: Testbed, resource: ResourceCalls) -> None:
    """Make every call once; the job whose details are read does not change."""
    user, job = bed.reader, str(bed.job)
    counter.count("server list", lambda: user.post("interface_project_server_list"))
    counter.count("resource list", lambda: user.post("interface_project_resource_list"))
    counter.count("list of 10", lambda: user.post("interface_job_state", limit="10"))
    counter.count("list of 10, queued", lambda: user.post("interface_job_state", limit="10", state="queued"))
    counter.count("count", lambda: user.post("interface_job_state", limit="0"))
    counter.count("details", lambda: user.post("interface_job_state", job_id=job))
    counter.count("submit", user.submit)
    bed.limit(1_000_000)
    counter.count("submit, limit rule", user.submit)
    bed.limit(0)
    last = filling.last_job(bed.grid)
    counter.count("delete, queued", lambda: user.delete(last))
    counter.count("resource_job_state", lambda: resource.job_state(job))
    counter.count("sign up", resource.sign_up)
    resource.sign_off()
    counter.count("sign up, capabilities", lambda: resource.sign_up(CAPABILITIES))
    counter.count("count of work", lambda: resource.count_work("hello_world"))
    counter.count("work, none there", lambda: resource.request_work("nothing", 0, 10))
    _life(counter, bed, resource)
    counter.count("sign off", resource.sign_off)


def _life(counter: Counter, bed: Testbed, resource: ResourceCalls) -> None:
    """Make the calls of a job's life; the last requests ten jobs, so that signing off frees locks."""
    user = bed.reader
    job = str(user.submit(target_resources="any"))
    for _ in range(9):
        user.submit()
    counter.count("lock", lambda: resource.lock(job))
    resource.unlock(job)
    counter.count("work 1", lambda: resource.request_work("hello_world", 0, 1))
    resource.sign_off()
    resource.sign_up()
    resource.lock(job)
    taken = {"state": "running", "target_resources": "res1@cluster"}
    counter.count("update, running", lambda: resource.update(job, **taken))
    counter.count("job details", lambda: resource.details(job))
    counter.count("update, finished", lambda: resource.update(job, state="finished", output=b"done"))
    counter.count("unlock", lambda: resource.unlock(job))
    counter.count("work 10", lambda: resource.request_work("hello_world", 0, 10))
    counter.count("sign off, 10 locks", resource.sign_off)
    resource.sign_up()
