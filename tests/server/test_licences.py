"""Licences: jobs that request some start only while enough are free, under concurrent requests too."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from lgi_protocol import xml
from lgi_protocol.errors import ServerError
from lgi_protocol.exchange import Exchange, Want
from lgi_protocol.job_description import JobDescription
from lgi_protocol.resource_api import ResourceCalls
from lgi_server.config import parser as configuration
from lgi_server.config.parser import ConfigError
from lgi_server.db import open_database, schema
from lgi_server.db.pool import Database
from lgi_server.db.transaction import Transaction
from lgi_server.services.jobs import claiming, licences
from lgi_server.services.scheduling import fair_share, ordering
from lgi_server.tables import active_resources, job_access
from lgi_server.tables import licence_wishes as licence_table
from lgi_server.tables.active_resources import ResourceRow
from lgi_server.tables.job_queue import jobs
from tests.server.test_statements import cost
from tests.support import queues
from tests.support.exchanges import daemon, end_of, references
from tests.support.grid import PROJECT, Grid, refusal, running
from tests.support.mariadb import PrivateMariaDB
from tests.support.pages import Browser

STOCK = {"matlab": 3, "abaqus": 1}
SUBMIT = {"application": "hello_world", "target_resources": "any"}


@pytest.fixture(scope="module", params=["sqlite", "mariadb"])
def licensed(request: pytest.FixtureRequest) -> Iterator[Grid]:
    """A server whose project has licences."""
    address = "sqlite:LGI.sqlite"
    if request.param == "mariadb":
        server: PrivateMariaDB = request.getfixturevalue("private_mariadb")
        address = server.create_database("licences")
    new = Grid(address, {"workers": "1", "remember": "60"})
    lines = "\n".join(f"{name} = {number}" for name, number in STOCK.items())
    new.config_file.write_text(f"{new.config_file.read_text()}\n[licences]\n{lines}\n")
    with running(new, cleared=False) as made:
        yield made


@pytest.fixture
def grid(licensed: Grid) -> Grid:
    """An empty project."""
    licensed.clear()
    return licensed


def submit(grid: Grid, wanted: str = "") -> int:
    """A queued job that wants licences."""
    specifics = {"job_specifics": f"<licences> {wanted} </licences>"} if wanted else {}
    return grid.user().submit(**specifics)


def offered(resource: ResourceCalls, limit: int = 10) -> list[int]:
    """The jobs a resource is offered, which it has locked then; it has to sign off before it asks again."""
    return [int(job.job_id) for job in resource.request_work("hello_world", 0, limit).jobs]


def begin(resource: ResourceCalls, job: int) -> None:
    """Start a job that is locked, as a daemon does."""
    resource.update(str(job), state="running", target_resources="res1@cluster")
    resource.unlock(str(job))


def in_use(grid: Grid) -> dict[str, int]:
    """How many of each licence jobs have now."""
    return grid.database.run(licences.used, write=False)


def another(grid: Grid, resource: ResourceCalls) -> ResourceCalls:
    """The same resource in a session of its own."""
    made = ResourceCalls(resource.client, PROJECT)
    made.sign_up()
    return made


def test_users_see_how_many_licences_are_in_use(grid: Grid) -> None:
    """The list of resources has the numbers; licences that queued jobs request are not in use."""
    resource = grid.resource()
    resource.lock(str(submit(grid, "matlab=2")))
    submit(grid, "matlab=2")

    reply = grid.user().post("interface_project_resource_list")

    assert reply.number("number_of_licences") == 2
    assert [
        [xml.value(text, name) for name in ("name", "total", "used")] for text in reply.all("licence")
    ] == [
        ["abaqus", "1", "0"],
        ["matlab", "3", "2"],
    ]


def test_jobs_start_while_there_are_licences_and_hold_up_no_others(grid: Grid) -> None:
    """The oldest starts first; a job whose licences are in use is skipped, and all others start."""
    resource = grid.resource()
    first = [submit(grid, "matlab") for _ in range(5)]
    both = submit(grid, "abaqus, matlab=2")
    free = [submit(grid) for _ in range(3)]

    assert offered(resource, 3) == first[:3]
    assert in_use(grid) == {"matlab": 3}
    assert offered(another(grid, resource), 2) == free[:2]
    for job in first[:2]:
        begin(resource, job)
    assert in_use(grid) == {"matlab": 3}
    resource.sign_off()
    # The third was given back, not started.
    assert in_use(grid) == {"matlab": 2}
    assert offered(another(grid, resource)) == [first[2], free[2]]
    assert both not in offered(another(grid, resource))


def test_several_licences_are_given_together_or_not_at_all(grid: Grid) -> None:
    """A job waits until all of them are there."""
    resource = grid.resource()
    one, both, abaqus = submit(grid, "matlab=2"), submit(grid, "matlab = 2, abaqus"), submit(grid, "abaqus=1")

    assert offered(resource) == [one, abaqus]
    resource.sign_off()
    resource.sign_up()
    resource.lock(str(both))

    assert in_use(grid) == {"matlab": 2, "abaqus": 1}
    assert offered(another(grid, resource)) == []


ENDS = ["finished", "unlocked", "signed off", "aborted", "deleted while queued", "lost"]


@pytest.mark.parametrize("end", ENDS)
def test_licences_come_back_whatever_ends_a_job(grid: Grid, end: str) -> None:
    """Once it is neither running nor aborting, nor locked by who might start it."""
    resource = grid.resource()
    user = grid.user()
    job, waiting = submit(grid, "abaqus"), submit(grid, "abaqus")
    assert offered(resource) == [job]
    assert offered(another(grid, resource)) == []

    if end in {"finished", "aborted", "lost"}:
        begin(resource, job)
        assert in_use(grid) == {"abaqus": 1}
    if end == "finished":
        resource.lock(str(job))
        resource.update(str(job), state="finished")
    elif end == "aborted":
        user.delete(job)
        assert in_use(grid) == {"abaqus": 1}
        resource.lock(str(job))
        resource.update(str(job), state="aborted")
    elif end == "unlocked":
        resource.unlock(str(job))
    elif end == "lost":
        grid.set_job(job, state="queued")
    else:
        resource.sign_off()
    if end == "deleted while queued":
        user.delete(job)

    assert in_use(grid) == {}
    expected = [waiting] if end in {"finished", "aborted", "deleted while queued"} else [job]
    assert offered(another(grid, resource)) == expected


BAD = {
    "unknown": ("genus", "the project has no licence 'genus'; it has: abaqus, matlab"),
    "too many": ("matlab=4", "4 of 'matlab' are requested, the project has 3"),
    "too many in parts": ("matlab=2, matlab=2", "4 of 'matlab' are requested, the project has 3"),
    "other case": ("Matlab", "the project has no licence 'Matlab'"),
    "none": ("matlab=0", "'matlab=0' is not NAME or NAME=NUMBER"),
    "negative": ("matlab=-1", "'matlab=-1' is not NAME"),
    "no number": ("matlab=", "'matlab=' is not NAME"),
    "no name": ("=1", "'=1' is not NAME"),
    "blanks": ("mat lab", "'mat lab' is not NAME"),
    "SQL": ("'; DROP TABLE job_queue", '"\'; DROP TABLE job_queue" is not NAME'),
}


@pytest.mark.parametrize(("wanted", "why"), BAD.values(), ids=BAD.keys())
def test_licences_that_can_never_be_given_are_refused_at_once(grid: Grid, wanted: str, why: str) -> None:
    """Error 72, since such a job would stay queued for ever."""
    grid.resource()

    with pytest.raises(ServerError) as refused:
        submit(grid, wanted)

    assert refused.value.number == 72
    assert f"These licences cannot be granted: {why}" in refused.value.message
    assert grid.rows("SELECT job_id FROM job_queue") == []


def test_a_job_submitted_on_the_web_may_ask_for_licences_as_the_call_does(grid: Grid) -> None:
    """The form takes the same path: what is not there is refused, and what is there is noted."""
    resource = grid.resource()
    browser = Browser(grid)

    refused = browser.fill("submit", application="hello_world", job_specifics="<licences> x </licences>")
    made = browser.fill("submit", application="hello_world", job_specifics="<licences> abaqus </licences>")

    assert (refused.status, made.status) == (400, 200)
    assert "the project has no licence 'x'" in refused.text
    assert [row["licences"] for row in grid.rows("SELECT licences FROM job_queue")] == ["abaqus=1"]
    assert len(offered(resource)) == 1


def test_a_lock_gives_licences_too(grid: Grid) -> None:
    """Error 22 for a queued job whose licences are in use: who has it locked may start it."""
    resource = grid.resource()
    first, second = submit(grid, "abaqus"), submit(grid, "abaqus")
    resource.lock(str(first))

    assert refusal(lambda: resource.lock(str(second))) == 22
    resource.unlock(str(first))
    resource.lock(str(second))
    begin(resource, second)
    # It runs and has them: to lock it takes no more.
    resource.lock(str(second))
    assert in_use(grid) == {"abaqus": 1}


def test_a_job_that_a_resource_brings_with_it_needs_licences_too(grid: Grid) -> None:
    """It is locked for it at once, or even running."""
    resource = grid.resource()
    posted = SUBMIT | {"owners": "mark@laptop", "job_specifics": "<licences> abaqus </licences>"}
    resource.submit(posted | {"state": "running"})

    assert in_use(grid) == {"abaqus": 1}
    for state in ("running", "queued"):
        session = another(grid, resource)
        assert refusal(lambda session=session, state=state: session.submit(posted | {"state": state})) == 22
    assert len(grid.rows("SELECT job_id FROM job_queue")) == 1


def test_only_jobs_that_could_start_are_counted(grid: Grid) -> None:
    """limit 0 asks whether it is worth asking."""
    resource = grid.resource()
    holder = submit(grid, "matlab=3")
    for wanted in ("matlab", "abaqus", ""):
        submit(grid, wanted)

    assert resource.count_work("hello_world") == 4
    resource.lock(str(holder))
    assert another(grid, resource).count_work("hello_world") == 2


def test_a_resource_that_waits_is_told_when_licences_are_free(grid: Grid) -> None:
    """It is not notified before, since the job could not start."""
    resource = grid.resource()
    first, second = submit(grid, "abaqus"), submit(grid, "abaqus")
    resource.lock(str(first))
    waiter = another(grid, resource)
    fields = {"project": PROJECT, "applications": "hello_world", "queued": "", "aborting": ""}
    told = waiter.client.post("resources/resource_wait", fields)
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(waiter.client.post, "resources/resource_wait", fields | {"wait": "50"})
        begin(resource, first)
        resource.lock(str(first))
        resource.update(str(first), state="finished")
        # As soon as there are any, not when its time is over.
        answer = call.result(30)

    assert told.number("number_of_jobs") == 0
    assert answer.number("job", "job_id") == second


def test_daemons_that_ask_at_once_never_start_too_many(grid: Grid) -> None:
    """At no moment jobs have more than there is, and in the end each has run once."""
    wanted = ["matlab"] * 10 + ["matlab=2", "abaqus", "abaqus, matlab"] * 4 + [""] * 6
    resources = [grid.resource(f"res{number}@cluster") for number in range(6)]
    numbers = [submit(grid, one) for one in wanted]
    seen: list[dict[str, int]] = []
    run: list[int] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            seen.append(in_use(grid))

    def live(calls: ResourceCalls) -> None:
        while len(run) < len(numbers):
            offer = calls.request_work("hello_world", 0, 2)
            if offer.jobs:
                # They have theirs now, however rarely the other thread comes to look.
                seen.append(in_use(grid))
            for job in offer.jobs:
                _run_through(calls, offer.resource, job)
                run.append(int(job.job_id))
            calls.sign_off()
            calls.sign_up()

    watcher = threading.Thread(target=watch)
    watcher.start()
    with ThreadPoolExecutor(len(resources)) as pool:
        list(pool.map(live, resources))
    done.set()
    watcher.join()

    assert sorted(run) == numbers
    assert [one for one in seen if any(number > STOCK[name] for name, number in one.items())] == []
    assert max(one.get("matlab", 0) for one in seen) > 1
    assert in_use(grid) == {}


def _run_through(calls: ResourceCalls, resource: str, job: JobDescription) -> None:
    for state in ("running", "finished"):
        calls.update(job.job_id, state=state, target_resources=resource)
    calls.unlock(job.job_id)


def test_licences_keep_the_budget_of_a_request_for_work(licensed: Grid) -> None:
    """6 statements, with and without jobs that get some; counted by MariaDB."""
    if licensed.config.projects[PROJECT].database.startswith("sqlite"):
        return
    licensed.clear()
    resource = licensed.resource()
    for wanted in ("matlab", "", "abaqus, matlab", "abaqus"):
        submit(licensed, wanted)

    def ask() -> None:
        assert len(resource.request_work("hello_world", 0, 10).jobs) == 3

    # What the worker remembers of the caller does not count for each call.
    refusal(lambda: resource.job_state("999"))
    assert cost(licensed, ask) <= 6


def test_licences_keep_the_budget_of_a_submit(licensed: Grid) -> None:
    """6 under a limit, with an id; what is wanted for the first time is noted with one more."""
    if licensed.config.projects[PROJECT].database.startswith("sqlite"):
        return
    licensed.clear()
    licensed.resource()
    licensed.run("UPDATE users_allowed SET job_limit = 100")
    submit(licensed, "matlab")
    user = licensed.user()

    def again() -> None:
        user.submit(job_specifics="<licences> matlab </licences>", request_id="a")

    assert cost(licensed, again) <= 6


@pytest.fixture
def database(private_mariadb: PrivateMariaDB) -> Iterator[Database]:
    """An empty project."""
    made = open_database(private_mariadb.create_database("waiting_for_licences"))
    schema.make(made)
    yield made
    made.close()


def rows_read(database: Database, limit: int) -> tuple[list[int], int]:
    """What a resource is offered of jobs that want what is in use, and how many rows are read for it."""
    resource = ResourceRow(1, "res1", "", "", 0, active_resources.NO_SERVER, "")
    request = claiming.WorkRequest("hello_world", 0, limit, ())

    def look(transaction: Transaction) -> tuple[list[int], int]:
        before = _reads(transaction)
        possible = claiming.grantable(transaction, 1, "hello_world", {"abaqus": 1})
        found = claiming.claim(transaction, resource, 1, request, possible, now=1)
        reads = _reads(transaction) - before
        raise _Forget([job.job_id for job in found], reads)

    with pytest.raises(_Forget) as found:
        database.run(look)
    return found.value.args  # type: ignore[return-value]


class _Forget(Exception):
    """Ends a transaction whose changes are not wanted."""


def _reads(transaction: Transaction) -> int:
    return sum(int(row["Value"]) for row in transaction.rows("SHOW SESSION STATUS LIKE 'Handler_read%%'"))


def test_jobs_that_wait_for_a_licence_cost_nothing_however_many_they_are(database: Database) -> None:
    """The jobs behind them are found as if they were not there; so much as one more row shows."""

    def store(transaction: Transaction, number: int, wanted: str, state: str) -> list[int]:
        stored = []
        for index in range(number):
            job = replace(queues.queued_job(index), licences=wanted, state=state)
            if wanted:
                licence_table.add(transaction, job.application, wanted)
            stored.append(jobs.insert(transaction, job))
            job_access.insert_all(transaction, [replace(job, job_id=stored[-1])])
        return stored

    database.run(lambda one: store(one, 1, "abaqus=1", "running"))
    database.run(lambda one: store(one, 20, "abaqus=1", "queued"))
    behind = database.run(lambda one: store(one, 5, "", "queued"))
    found, few = rows_read(database, 3)
    database.run(lambda one: store(one, 2000, "abaqus=1", "queued"))
    database.run(lambda one: one.rows("ANALYZE TABLE job_queue, job_access"))
    found_again, many = rows_read(database, 3)

    assert found == found_again == behind[:3]
    assert many <= few + 20


def test_a_claim_that_waited_counts_the_licences_taken_meanwhile(database: Database) -> None:
    """After waiting for another claim it counts the licences of that one."""
    first_has_taken, counted = threading.Event(), []
    numbers = queues.fill(database, 2)
    database.run(lambda one: one.run("UPDATE job_queue SET licences = 'abaqus=1'"))
    totals = {"abaqus": 1}

    def claim(transaction: Transaction, number: int) -> None:
        job = jobs.find(transaction, number)
        assert job is not None
        counted.append(len(licences.grant(transaction, [job], totals)))
        if counted[-1]:
            transaction.run("INSERT INTO running_locks VALUES (NULL, %s, 1, 1, 1)", number)
            first_has_taken.set()
            # Long enough for the other one to have begun and to wait.
            threading.Event().wait(0.5)

    beside = threading.Thread(target=lambda: database.run(lambda one: claim(one, numbers[0])))
    beside.start()
    first_has_taken.wait(60)
    database.run(lambda one: claim(one, numbers[1]))
    beside.join()

    assert counted == [1, 0]


SECTIONS = {
    "name": ("[licences]\na b = 1", "'a b' cannot be the name of a licence"),
    "number": ("[licences]\na = many", "a = many: write how many there are"),
    "twice": ("[licences]\na = 1\na = 2", "[licences] a is set a second time"),
    "section twice": ("[licences]\na = 1\n[licences]", "the section [licences] begins a second time"),
    "unknown project": ("[licences X]\na = 1", "there is no [project X] section"),
    "both for one project": ("[licences]\na = 1\n[licences LGI]\nb = 1", "stand in two sections"),
}


@pytest.mark.parametrize(("section", "why"), SECTIONS.values(), ids=SECTIONS.keys())
def test_a_wrong_section_of_licences_is_refused_with_its_line(
    licensed: Grid, tmp_path: Path, section: str, why: str
) -> None:
    """The message has file and line, and the server does not start."""
    text = licensed.config_file.read_text().partition("\n[licences]")[0] + "\n"
    path = licensed.config_file.with_name("wrong.cfg")
    path.write_text(text + section)

    with pytest.raises(ConfigError, match=r"wrong.cfg, line \d+: ") as refused:
        configuration.load(path)

    assert why in str(refused.value)


def test_licences_belong_to_the_project_they_are_written_for(licensed: Grid) -> None:
    """A section without a name is for the default project; projects do not share licences."""
    assert configuration.load(licensed.config_file).projects[PROJECT].licences == STOCK


def test_requests_that_no_job_has_are_removed(database: Database) -> None:
    """Those of jobs that wait, run or are locked stay; what was forgotten too early is noted again."""
    states = {"a=1": "queued", "a=2": "running", "a=3": "finished", "a=4": "aborted", "a=5": "queued"}

    def store(transaction: Transaction) -> None:
        for number, (wanted, state) in enumerate(states.items()):
            job = replace(queues.queued_job(number), licences=wanted, state=state)
            jobs.insert(transaction, job)
            licence_table.add(transaction, "hello_world", wanted)
        licence_table.add(transaction, "hello_world", "a=6")
        licence_table.add(transaction, "vasp", "a=1")
        transaction.run("UPDATE job_queue SET lock_state = 1 WHERE licences = 'a=5'")

    def kept() -> set[tuple[str, str]]:
        return set(database.run(licence_table.listed, write=False))

    database.run(store)

    assert licences.remove_unused_requests(database) == 4
    assert kept() == {("hello_world", f"a={number}") for number in (1, 2, 5)}
    database.run(lambda one: licence_table.remove(one, "hello_world", "a=1"))
    ordering.order_queue(database, fair_share.order, 1000, 1000)
    assert kept() == {("hello_world", f"a={number}") for number in (1, 2, 5)}


def test_an_exchange_grants_no_licence_twice(grid: Grid) -> None:
    """Not for two wants of one exchange, nor in two; the next job gets it when the first has ended."""
    one, other = daemon(grid), daemon(grid, "res2@cluster")
    first, plain, second, third = [submit(grid, text) for text in ("abaqus", "", "abaqus", "abaqus")]
    wants = (Want("hello_world", 1), Want("hello_world", 3))

    given = one.post(Exchange(wants=wants, references=references(4))).jobs
    nothing = other.want(4)
    one.report(end_of(given[0]))
    freed = other.want(4)

    assert [int(job.description.job_id) for job in given] == [first, plain]
    assert nothing == ()
    assert [int(job.description.job_id) for job in freed] == [second]
    assert grid.user().state(third) == "queued"


def test_exchanges_at_the_same_time_grant_no_licence_twice(grid: Grid) -> None:
    """Three licences for three of eight jobs, whoever comes first."""
    daemons = [daemon(grid, f"res{number}@cluster") for number in range(4)]
    for _ in range(8):
        submit(grid, "matlab")

    with ThreadPoolExecutor(4) as pool:
        given = list(pool.map(lambda one: one.want(2), daemons))

    assert sum(map(len, given)) == STOCK["matlab"]
