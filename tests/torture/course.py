"""The course of a torture: start a grid, break it again and again, let it recover, look at what is left."""

import heapq
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.db.errors import DatabaseUnavailableError, RetryableError, StatementError
from lgi_server.db.transaction import Transaction
from lgi_server.services.project import registration
from lgi_server.services.project.registration import NewResource
from tests.server.test_killed_server import OF_NOBODY
from tests.server.test_resource_calls import INVARIANT
from tests.support.grid import Grid, wait_for
from tests.support.mariadb import PrivateMariaDB
from tests.torture import ledger
from tests.torture.faults import Faults, Undo
from tests.torture.plan import Fault, Kind, Plan, faults
from tests.torture.resource import APPLICATION, SCRIPTS, Resource, clock_library
from tests.torture.servers import Servers
from tests.torture.users import Users
from tests.torture.verdict import ENDS, Change, Evidence, violations

_LOOK = 0.25
_UNKNOWN = -1
# How a submit is refused whose files find no room.
_NO_ROOM = f"(LGI error {ErrorNumber.UPLOAD:d})"


@dataclass(frozen=True)
class Outcome:
    """What was done and seen; ``broken`` has a sentence for each rule that did not hold."""

    plan: Plan
    possible: tuple[Kind, ...]
    done: Counter[Kind]
    accepted: int
    refused: int
    states: Counter[str]
    runs: int
    requeued: int
    seconds: float
    drained: float
    unlocked: float
    broken: list[str]


def run(plan: Plan, keep: Path | None = None) -> Outcome:
    """Run a torture in a grid of its own, which is removed; ``keep`` gets its logs."""
    with _grid(plan, keep) as (servers, resources, notes):
        storm = Faults(servers, resources)
        possible = storm.possible()
        users = Users(servers.grid, plan.seed, plan.jobs, plan.queued)
        _tell("users begin")
        users.start()
        begin = time.monotonic()
        done = _storm(storm, faults(plan, possible), plan.seconds, users, servers.grid)
        seconds = time.monotonic() - begin
        _tell("the last fault is over")
        servers.start()
        users.stop()
        _tell(f"{len(users.answers.accepted)} jobs are accepted")
        begin = time.monotonic()
        locked = servers.locked_for(plan.calm)
        unlocked = time.monotonic() - begin
        begin = time.monotonic()
        _drain(servers.grid, resources, plan.drain)
        _tell("drained")
        drained = time.monotonic() - begin
        evidence = _evidence(servers.grid, users, notes, resources, locked)
        evidence.disks_were_full = done[Kind.FULL_RUN_DISK] > 0
        broken = [
            *violations(evidence),
            *(f"a user was refused: {text}" for text in _unexpected(users.answers.refused, done)),
            *(f"a user's program failed: {text}" for text in users.faults),
        ]
        return Outcome(
            plan=plan,
            possible=tuple(possible),
            done=done,
            accepted=len(evidence.accepted),
            refused=len(users.answers.refused),
            states=Counter(evidence.states.values()),
            runs=len(evidence.runs),
            requeued=sum(change.is_requeue for change in evidence.changes),
            seconds=seconds,
            drained=drained,
            unlocked=unlocked,
            broken=broken,
        )


def _unexpected(refusals: list[str], done: Counter[Kind]) -> list[str]:
    """Return the refusals without a reason: a full disk is one, and its error says so."""
    was_full = done[Kind.FULL_SERVER_DISK] > 0
    return sorted({text for text in refusals if not (was_full and _NO_ROOM in text)})


@contextmanager
def _grid(plan: Plan, keep: Path | None) -> Iterator[tuple[Servers, list[Resource], Path]]:
    """A running grid with its resources, and the file that jobs write to."""
    place = Path(tempfile.mkdtemp(prefix="lgi-torture-"))
    place.chmod(0o755)
    database = PrivateMariaDB() if plan.database == "mariadb" else None
    resources: list[Resource] = []
    try:
        address = ""
        if database is not None:
            database.install()
            database.start()
            address = database.create_database("torture")
        # Lost jobs are looked for often; none is given up for having been lost too often.
        lost = {"pulse_limit": str(plan.pulse_limit), "pulse_period": "5", "most_losses": "0"}
        grid = Grid(address, {"workers": "2", **lost})
        servers = Servers(grid, database)
        try:
            servers.mount()
            servers.start()
            grid.clear()
            notes, scripts = _scripts(place)
            clock = clock_library(place)
            for number in range(1, plan.daemons + 1):
                home = place / f"res{number}"
                home.mkdir(mode=0o755)
                resources.append(Resource(grid, number, home, scripts, plan.places, clock))
            grid.database.run(partial(_register, grid, resources))
            for resource in resources:
                resource.start()
            wait_for(lambda: _offering(grid) == plan.daemons, 60 + 5 * plan.daemons)
            yield servers, resources, notes
        finally:
            if keep is not None:
                _keep(keep, grid, resources, place / "ledger")
            for resource in resources:
                resource.remove()
            servers.remove()
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _scripts(place: Path) -> tuple[Path, Path]:
    """Return the ledger, which every job may write to, and the directory of scripts that do."""
    notes = place / "ledger"
    notes.touch()
    notes.chmod(0o666)
    scripts = place / "scripts"
    scripts.mkdir(mode=0o755)
    for original in SCRIPTS.iterdir():
        script = scripts / original.name
        script.write_text(original.read_text().replace("@LEDGER@", str(notes)))
        script.chmod(0o755)
    return notes, scripts


def _register(grid: Grid, resources: list[Resource], transaction: Transaction) -> None:
    for resource in resources:
        certificate = grid.people.resource(resource.name).certificate.read_text()
        registration.add_resource(transaction, NewResource(resource.name, resource.name, certificate), "any")


def _offering(grid: Grid) -> int:
    """Return how many resources have told the server of the application."""
    rows = grid.rows("SELECT resource_capabilities FROM active_resources")
    return sum(f"<{APPLICATION}>" in str(row["resource_capabilities"]) for row in rows)


def _storm(storm: Faults, planned: list[Fault], seconds: float, users: Users, grid: Grid) -> Counter[Kind]:
    """Do each fault at its moment and undo it at its end; all are undone at the end."""
    done: Counter[Kind] = Counter()
    undos: list[tuple[float, int, Undo]] = []
    begin = time.monotonic()
    waiting = list(reversed(planned))
    while (now := time.monotonic() - begin) < seconds:
        if undos and undos[0][0] <= now:
            heapq.heappop(undos)[2]()
        elif waiting and waiting[-1].at <= now:
            fault = waiting.pop()
            heapq.heappush(undos, (fault.at + fault.seconds, done.total(), storm.begin(fault)))
            done[fault.kind] += 1
        else:
            if (ended := _ended(grid)) != _UNKNOWN:
                users.note_ended(ended)
            time.sleep(_LOOK)
    for _at, _number, undo in sorted(undos, key=lambda one: one[:2]):
        undo()
    return done


def _ended(grid: Grid) -> int:
    """Return how many jobs have ended or are gone; -1 while the database is away."""
    try:
        (row,) = grid.rows("SELECT MAX(job_id) AS last FROM job_queue")
        (open_jobs,) = grid.rows(
            "SELECT COUNT(*) AS n FROM job_queue WHERE state NOT IN (%s, %s)", *sorted(ENDS)
        )
    except (LGIError, DatabaseUnavailableError, RetryableError, StatementError):
        return _UNKNOWN
    return int(str(row["last"] or 0)) - int(str(open_jobs["n"]))


def _drain(grid: Grid, resources: list[Resource], seconds: float) -> None:
    """Let the grid end what was accepted; return at once when it has, else after some seconds."""

    def is_done() -> bool:
        rows = grid.rows("SELECT job_id FROM job_queue WHERE state NOT IN (%s, %s) LIMIT 1", *sorted(ENDS))
        return not rows and not any(resource.jobs() for resource in resources)

    try:
        wait_for(is_done, seconds)
    except AssertionError:
        return


def _evidence(
    grid: Grid, users: Users, notes: Path, resources: list[Resource], locked: list[int]
) -> Evidence:
    rows = grid.rows("SELECT job_id, state, output FROM job_queue")
    changes = grid.rows("SELECT job_id, old_state, new_state FROM job_history ORDER BY change_id")
    damaged = [*grid.rows(INVARIANT), *grid.rows(OF_NOBODY)]
    return Evidence(
        accepted=users.answers.accepted,
        asked=users.answers.aborted,
        states={int(str(row["job_id"])): str(row["state"]) for row in rows},
        outputs={int(str(row["job_id"])): _bytes(row["output"]) for row in rows},
        changes=[
            Change(int(str(row["job_id"])), str(row["old_state"]), str(row["new_state"])) for row in changes
        ],
        runs=ledger.runs(notes.read_text().splitlines()),
        locked=locked,
        left=[f"{resource.name}/{path.name}" for resource in resources for path in resource.jobs()],
        damaged=[int(str(row["job_id"])) for row in damaged],
    )


def _bytes(value: object) -> bytes:
    assert isinstance(value, bytes)
    return value


def _keep(directory: Path, grid: Grid, resources: list[Resource], notes: Path) -> None:
    """Store what the programs and the jobs have written."""
    directory.mkdir(parents=True, exist_ok=True)
    shutil.copy(grid.log, directory / "server.log")
    if notes.exists():
        shutil.copy(notes, directory / "ledger")
    for resource in resources:
        (directory / f"{resource.name}.log").write_text(resource.log())


def _tell(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)
