"""How many statements a call costs (SELECT, INSERT, UPDATE, DELETE, REPLACE), counted by MariaDB itself."""

import time
from collections.abc import Callable, Iterator
from itertools import count

import pytest

from lgi_protocol.exchange import Exchange, Want
from tests.server.test_arrays import elements, post
from tests.support.exchanges import ExchangingDaemon, daemon, end_of, hold_of, references
from tests.support.grid import Grid, UserCalls, running
from tests.support.mariadb import PrivateMariaDB

# Of a server that is not told otherwise.
WORKERS = 2
KINDS = ("select", "insert", "update", "delete", "replace", "insert_select", "update_multi", "delete_multi")


@pytest.fixture(scope="module")
def mariadb_grid(private_mariadb: PrivateMariaDB) -> Iterator[Grid]:
    """A server with one worker, whose connections and what it remembers are warm after a few calls."""
    settings = {"workers": "1", "remember": "60"}
    with running(Grid(private_mariadb.create_database("statements"), settings)) as made:
        yield made


@pytest.fixture
def grid(mariadb_grid: Grid) -> Grid:
    """An empty project."""
    mariadb_grid.clear()
    return mariadb_grid


def executed(grid: Grid) -> int:
    """Statements of all connections so far, without the ones that ask for this."""
    names = ", ".join(f"'Com_{kind}'" for kind in KINDS)
    rows = grid.rows(
        "SELECT SUM(CAST(VARIABLE_VALUE AS INTEGER)) AS n FROM information_schema.GLOBAL_STATUS"
        f" WHERE VARIABLE_NAME IN ({names})"
    )
    return int(str(rows[0]["n"]))


def heartbeats(grid: Grid) -> set[tuple[str, str, int]]:
    """The last heartbeat of each server of this run: they are written independently of calls."""
    find = "SELECT table_schema AS name FROM information_schema.tables WHERE table_name = 'server_heartbeats'"
    found = set()
    for schema in [str(row["name"]) for row in grid.rows(find)]:
        for row in grid.rows(f"SELECT server, last_beat FROM {schema}.server_heartbeats"):
            found.add((schema, str(row["server"]), int(str(row["last_beat"]))))
    return found


def has_statements(grid: Grid, seconds: float) -> bool:
    """Whether there are any in so many seconds, without the ones that ask for this."""
    before = executed(grid)
    time.sleep(seconds)
    return executed(grid) - before > 1


def cost(grid: Grid, call: Callable[[], object]) -> int:
    """The statements of one call; time stamps of earlier ones, stored aside, are waited for.

    Those of heartbeats that came meanwhile do not count: two of each worker.
    """
    time.sleep(1.1)
    while has_statements(grid, 0.2):
        pass
    beats = heartbeats(grid)
    before = executed(grid)
    call()
    made = executed(grid) - before - 1
    return made - min(made, 2 * WORKERS * len(heartbeats(grid) - beats))


def excess(measured: Callable[[], dict[str, int]], most: dict[str, int]) -> dict[str, int]:
    """What costs more than it may, in each of three measurements.

    A slow machine stores aside what belongs to a call while it is made, once more than it should.
    """
    over = dict(most)
    for _ in range(3):
        found = measured()
        over = {name: found[name] for name in over if found[name] > most[name]}
        if not over:
            break
    return over


def all_costs(grid: Grid) -> dict[str, int]:
    """What each call costs in a project that was empty before."""
    grid.clear()
    user = grid.user()
    user.groups = "theor, cyttron"
    resource = grid.resource("res1@cluster")
    jobs = [user.submit(input="41") for _ in range(12)]
    first = str(jobs[0])

    def of(call: Callable[[], object]) -> int:
        return cost(grid, call)

    # What a worker reads of callers and servers, and remembers, does not count for each call.
    user.post("interface_job_state", limit="0")
    resource.job_state(first)
    measured = {
        "submit": of(lambda: user.submit(read_access="a, b, c")),
        "list": of(lambda: user.post("interface_job_state", limit="10")),
        "list by state": of(lambda: user.post("interface_job_state", state="queued")),
        "count": of(lambda: user.post("interface_job_state", limit="0")),
        "detail": of(lambda: user.state(jobs[0])),
        "job state": of(lambda: resource.job_state(first)),
        "lock": of(lambda: resource.lock(first)),
        "details": of(lambda: resource.details(first)),
        "update": of(lambda: resource.update(first, state="running", target_resources="res1@cluster")),
        "finish": of(lambda: resource.update(first, state="finished", output=b"x")),
        "unlock": of(lambda: resource.unlock(first)),
        "work, 1": of(lambda: resource.request_work("hello_world", 0, 1)),
        "sign off": of(resource.sign_off),
        "sign up": of(resource.sign_up),
        "work, 10": of(lambda: resource.request_work("hello_world", 0, 10)),
        "delete": of(lambda: user.delete(jobs[0])),
        "server list": of(lambda: user.post("interface_project_server_list")),
        "resource list": of(lambda: user.post("interface_project_resource_list")),
    }
    resource.sign_off()
    grid.set_job(jobs[1], state="running")
    measured["abort"] = of(lambda: user.delete(jobs[1]))
    return measured


def test_the_budgets_of_all_calls_hold(grid: Grid) -> None:
    """job state 2, lock, unlock 4, update 5, work 6 for any limit, submit 6, delete 5, list 2, detail 2."""
    budgets = {
        "submit": 6,
        "list": 3,
        "list by state": 3,
        "count": 3,
        "detail": 3,
        "job state": 3,
        # Of which one reads which resources are not to get the job: it is queued.
        "lock": 5,
        "details": 2,
        "update": 5,
        "finish": 5,
        "unlock": 4,
        "work, 1": 6,
        "work, 10": 6,
        "sign up": 4,
        "sign off": 6,
        "delete": 6,
        "abort": 6,
        "server list": 2,
        "resource list": 2,
    }
    assert excess(lambda: all_costs(grid), budgets) == {}


def test_a_submit_under_a_limit_keeps_its_budget(grid: Grid) -> None:
    """The rule is held, the jobs are counted, the job is stored: 6."""
    grid.resource("res1@cluster")
    grid.run("UPDATE users_allowed SET job_limit = 100")
    user = grid.user()
    user.submit()

    assert excess(lambda: {"submit": cost(grid, user.submit)}, {"submit": 6}) == {}


def test_names_and_labels_add_no_statement(grid: Grid) -> None:
    """Submit, list by a name, list by two labels (which label has fewer jobs is one more), and delete."""
    grid.resource()
    user = grid.user()
    named = {"job_name": "sweep", "labels": "T=300\nkind=md"}

    def listed(**filters: str) -> int:
        return cost(grid, lambda: user.post("interface_job_state", show="labels, times", **filters))

    def measured() -> dict[str, int]:
        first = user.submit(**named)
        return {
            "submit": cost(grid, lambda: user.submit(**named)),
            "list by name": listed(job_name="sweep"),
            "list by labels": listed(labels=named["labels"]),
            "delete": cost(grid, lambda: user.delete(first)),
        }

    assert excess(measured, {"submit": 6, "list by name": 3, "list by labels": 4, "delete": 6}) == {}


@pytest.mark.parametrize("number", [2, 64])
def test_a_delete_of_many_jobs_keeps_its_budget(grid: Grid, number: int) -> None:
    """Two that read, five that write, for any number."""
    grid.resource()
    user = grid.user()

    def measured() -> dict[str, int]:
        jobs = [user.submit() for _ in range(number)]
        numbers = f"{jobs[0]}-{jobs[-1]}"
        return {"delete": cost(grid, lambda: user.post("interface_delete_jobs", job_ids=numbers))}

    assert excess(measured, {"delete": 8}) == {}


def test_a_submit_with_an_id_keeps_its_budget(grid: Grid) -> None:
    """The rule is held, the jobs are counted, the request is remembered: 6. Done again it costs 3."""
    grid.resource("res1@cluster")
    grid.run("UPDATE users_allowed SET job_limit = 100")
    user = grid.user()
    user.submit()

    numbers = count()

    def measured() -> dict[str, int]:
        request = f"r{next(numbers)}"
        return {
            "first": cost(grid, lambda: user.submit(request_id=request)),
            "again": cost(grid, lambda: user.submit(request_id=request)),
        }

    assert excess(measured, {"first": 6, "again": 3}) == {}


@pytest.mark.parametrize(("number", "at_most", "most"), [(1, 0, 13), (8, 0, 13), (1, 8, 19), (8, 8, 19)])
def test_the_end_of_elements_keeps_its_budget(grid: Grid, number: int, at_most: int, most: int) -> None:
    """Which of their arrays has a limit is one more; seven release the next ones, however many they are."""

    def measured() -> dict[str, int]:
        grid.clear()
        user, one = grid.user(), daemon(grid)
        post(user, elements(range(1, 25)), 24, at_most=str(at_most))
        reports = tuple(end_of(job, b"out") for job in one.want(number))
        return {"end": cost(grid, lambda: one.post(Exchange(reports)))}

    assert excess(measured, {"end": most}) == {}
    rows = grid.rows("SELECT COUNT(*) AS n FROM job_queue WHERE lock_state = 0 AND state = 'queued'")
    assert rows[0]["n"] == (8 if at_most else 24 - number)


@pytest.mark.parametrize("number", [1, 8, 64])
def test_an_exchange_keeps_its_budget_for_any_number_of_jobs(grid: Grid, number: int) -> None:
    """Caller, five that read, four that write, two that are stored aside: 12; with nothing to do 5."""
    user, one = grid.user(), daemon(grid)

    measurements: list[dict[str, int]] = []

    def measured() -> dict[str, int]:
        measurements.append(exchange_costs(grid, one, user, number))
        return measurements[-1]

    assert excess(measured, {"full": 12, "idle": 5}) == {}
    done = user.post("interface_job_state", state="finished", limit="0").number("number_of_jobs")
    assert done == len(measurements) * number


def exchange_costs(grid: Grid, one: ExchangingDaemon, user: UserCalls, number: int) -> dict[str, int]:
    """The statements of an exchange that ends, holds and wants so many jobs, and of one that wants none."""
    for _ in range(3 * number):
        user.submit()
    ended, held = one.want(number), one.want(number)
    reports = tuple(end_of(job, b"out") for job in ended)
    holds = tuple(hold_of(job) for job in held)
    full = Exchange(reports, holds, (Want("hello_world", number),), references(number), watched=())
    idle = Exchange(holds=holds, wants=(Want("nothing", 1),), references=references(number), watched=())
    return {"full": cost(grid, lambda: one.post(full)), "idle": cost(grid, lambda: one.post(idle))}
