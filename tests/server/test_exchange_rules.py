"""Which jobs an exchange gives out, takes back and refuses: the rules of the old calls, by reference."""

import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from lgi_protocol import exchange_text
from lgi_protocol.errors import ErrorNumber
from lgi_protocol.exchange import (
    MOST_HOLDS,
    MOST_REFERENCES,
    MOST_REPORTS,
    MOST_WANTS,
    Exchange,
    Hold,
    Reference,
    Report,
    Want,
)
from lgi_protocol.xml import escape
from lgi_server.config.scheduler import SchedulerSettings
from lgi_server.services.jobs.exchange_wants import MOST_BYTES
from lgi_server.services.scheduling import reaper
from lgi_tools.certificates.ca import read_certificate
from tests.server.test_resource_calls import INVARIANT
from tests.support.exchanges import HELLO, NAME, ExchangingDaemon, daemon, end_of, hold_of, references
from tests.support.grid import CAPABILITIES, Grid, refusal
from tests.support.running_jobs import signing_request, take

HOUR = 3600


def ids(jobs: object) -> list[int]:
    """The numbers of given jobs."""
    return [int(job.description.job_id) for job in jobs]  # type: ignore[attr-defined]


def lose(grid: Grid) -> int:
    """Have the scheduler find that no heartbeat came."""
    return reaper.requeue_lost_jobs(grid.database, SchedulerSettings(), int(time.time()) + 2 * HOUR)


def test_a_job_that_was_queued_again_is_taken_back_by_its_hold(grid: Grid) -> None:
    """At once, under the same reference: the daemon had no connection for a while, and has run it."""
    user, one = grid.user(), daemon(grid)
    job_id = user.submit()
    (given,) = one.want()
    assert lose(grid) == 1
    assert user.state(job_id) == "queued"

    (hold,) = one.hold(given).holds
    same = one.post(Exchange(holds=(Hold(hold.job_id, hold.daemon_reference, hold.state_time_stamp),))).holds

    assert (hold.state, hold.error, hold.target_resources) == ("running", None, (NAME,))
    assert hold.state_time_stamp > given.description.state_time_stamp
    assert same == ()
    assert user.state(job_id) == "running"
    assert one.report(end_of(given)).reports[0].error is None


def test_the_end_of_a_job_that_was_queued_again_is_stored(grid: Grid) -> None:
    """It is taken back first, which the history says too; nobody runs it twice."""
    user, one = grid.user(), daemon(grid)
    job_id = user.submit()
    (given,) = one.want()
    lose(grid)

    (verdict,) = one.report(end_of(given, b"out")).reports

    assert (verdict.state, verdict.error) == ("finished", None)
    states = [row["new_state"] for row in grid.rows("SELECT new_state FROM job_history ORDER BY change_id")]
    assert states == ["queued", "running", "queued", "running", "finished"]
    assert user.state(job_id) == "finished"


def test_a_job_that_is_taken_back_is_not_given_again(grid: Grid) -> None:
    """A want beside its hold, or its report, gets other jobs; its row is queued until all is stored."""
    user, one = grid.user(), daemon(grid)
    for _ in range(2):
        user.submit()
    held, ended = one.want(2)
    assert lose(grid) == 2
    last = user.submit()
    unused = references(3)

    exchange = Exchange((end_of(ended),), (hold_of(held),), (Want(HELLO, 3),), unused)
    answer = one.post(exchange)

    assert ids(answer.jobs) == [last]
    assert [one.state for one in answer.reports] == ["finished"]
    assert [one.state for one in answer.holds] == ["running"]
    rows = grid.rows("SELECT daemon_reference FROM job_queue ORDER BY job_id")
    given = [held.description.daemon_reference, ended.description.daemon_reference]
    assert [row["daemon_reference"] for row in rows] == [*given, unused[0].daemon_reference]


def test_a_job_that_another_has_taken_is_not_taken_back(grid: Grid) -> None:
    """It was queued again and given to another daemon of the same resource: error 14 for both."""
    user, one, other = grid.user(), daemon(grid), daemon(grid, number="daemon-2")
    user.submit()
    (given,) = one.want()
    lose(grid)
    (taken,) = other.want()

    answers = [one.hold(given).holds[0], one.report(end_of(given)).reports[0]]

    assert [each.error and each.error.number for each in answers] == [ErrorNumber.NOT_YOUR_LOCK] * 2
    assert other.hold(taken).holds == ()


def test_a_job_that_a_session_has_locked_is_reported_later(grid: Grid) -> None:
    """Error 22 for this job alone, of a report, a hold that was queued again, and no job for a want."""
    user, one = grid.user(), daemon(grid)
    for _ in range(2):
        user.submit()
    first, second = one.want(2)
    session = grid.resource(NAME)
    session.lock(first.description.job_id)
    before = grid.rows("SELECT * FROM running_locks")

    locked, free = one.report(end_of(first), end_of(second)).reports
    session.unlock(first.description.job_id)
    (later,) = one.report(end_of(first)).reports

    assert (locked.error and locked.error.number, free.error) == (ErrorNumber.CANNOT_LOCK, None)
    assert (later.state, later.error) == ("finished", None)
    assert len(before) == 1
    user.submit()
    (third,) = one.want()
    lose(grid)
    session.request_work(HELLO, 0, 1)
    (hold,) = one.hold(third).holds
    assert hold.error is not None
    assert hold.error.number == ErrorNumber.CANNOT_LOCK
    assert one.want() == ()
    assert grid.rows(INVARIANT) == []


def test_an_abort_is_reported_and_nothing_else(grid: Grid) -> None:
    """An aborting job cannot be given back; it is answered again as aborting to a reference."""
    user, one = grid.user(), daemon(grid)
    job_id = user.submit()
    posted = references(1)
    (given,) = one.post(Exchange(wants=(Want(HELLO, 1),), references=posted)).jobs
    user.delete(job_id)

    (back,) = one.report(end_of(given, state="queued")).reports
    (again,) = one.post(Exchange(references=posted)).jobs
    (ended,) = one.report(end_of(given, state="aborted")).reports

    assert back.error is not None
    assert back.error.number == ErrorNumber.STATE
    assert again.description.state == "aborting"
    assert (ended.state, ended.error) == ("aborted", None)


def test_jobs_are_given_in_the_order_of_the_queue(grid: Grid) -> None:
    """The priorities that fair share has set, and then the oldest; owners and targets as for old calls."""
    one = daemon(grid)
    grid.resource("other@cluster")
    anna, mark = grid.user("anna@desk"), grid.user()
    late, early, foreign, hers = mark.submit(), mark.submit(), mark.submit(), anna.submit()
    elsewhere = mark.submit(target_resources="other@cluster")
    grid.run("UPDATE job_queue SET priority = 1 WHERE job_id = %s", early)
    grid.run("UPDATE job_queue SET priority = 9 WHERE job_id <> %s", early)

    first = one.want()
    only_hers = one.want(5, "anna@desk")
    rest = one.want(5, "!anna@desk")

    assert ids(first) == [early]
    assert ids(only_hers) == [hers]
    assert ids(rest) == [late, foreign]
    assert mark.state(elsewhere) == "queued"


def test_no_more_jobs_are_given_than_count_and_references_allow(grid: Grid) -> None:
    """One exchange may want several applications; each job takes the next reference."""
    user, one = grid.user(), daemon(grid, capabilities=f"{CAPABILITIES} <other> </other>")
    jobs = [user.submit() for _ in range(3)]
    jobs += [user.submit(application="other") for _ in range(3)]
    posted = references(3)

    given = one.post(Exchange(wants=(Want(HELLO, 2), Want("other", 5)), references=posted)).jobs

    assert ids(given) == [*jobs[:2], jobs[3]]
    assert [job.description.daemon_reference for job in given] == [each.daemon_reference for each in posted]
    assert one.post(Exchange(wants=(Want(HELLO, 2),))).jobs == ()
    assert one.post(Exchange(wants=(Want(HELLO, 0),), references=references(1))).jobs == ()


def test_an_application_that_the_resource_does_not_offer_gets_nothing(grid: Grid) -> None:
    """Capabilities that come with the exchange count at once."""
    user, one = grid.user(), daemon(grid, capabilities="<other> </other>")
    grid.resource("other@cluster")
    job_id = user.submit()
    exchange = Exchange(wants=(Want(HELLO, 1),), references=references(1))

    before = one.post(exchange).jobs
    after = one.post(exchange, capabilities=CAPABILITIES).jobs

    assert (before, ids(after)) == ((), [job_id])
    (row,) = grid.rows("SELECT resource_capabilities FROM active_resources WHERE resource_name = %s", NAME)
    assert row["resource_capabilities"] == CAPABILITIES


def test_jobs_that_request_too_much_are_passed_over(grid: Grid) -> None:
    """cores and memory bound the sum: cpus times nodes, at least one, and MB; the rest stays queued."""
    user, one = grid.user(), daemon(grid)
    requests = ("<cpus> 2 </cpus>", "<cpus> 4 </cpus>", "<memory> 9000 </memory>", "", "<nodes> 2 </nodes>")
    two, four, large, small, nodes = [user.submit(job_specifics=text) for text in requests]

    given = one.post(Exchange(wants=(Want(HELLO, 5, cores=4, memory=8000),), references=references(5))).jobs

    assert ids(given) == [two, small]
    assert [user.state(job_id) for job_id in (four, large, nodes)] == ["queued"] * 3
    assert ids(one.post(Exchange(wants=(Want(HELLO, 5, cores=0),), references=references(5))).jobs) == []
    assert ids(one.post(Exchange(wants=(Want(HELLO, 1, memory=9000),), references=references(1))).jobs) == [
        four
    ]


def test_an_answer_has_as_many_jobs_as_there_is_room_for(grid: Grid, tmp_path: Path) -> None:
    """With more than 8 MB of inputs the rest is given by the next exchange, which ``more`` asks for."""
    user, one = grid.user(), daemon(grid)
    number = MOST_BYTES // (2 * 65000) + 5
    large = b"x" * 65000
    jobs = [user.submit() for _ in range(number)]
    grid.run("UPDATE job_queue SET input = %s", large)
    posted = references(number)
    exchange = Exchange(wants=(Want(HELLO, number),), references=posted)

    first = one.post(exchange)
    known = {job.description.daemon_reference for job in first.jobs}
    rest = tuple(each for each in posted if each.daemon_reference not in known)
    second = one.post(Exchange(wants=(Want(HELLO, number),), references=rest))

    assert (first.has_more, second.has_more) == (True, False)
    assert ids(first.jobs) + ids(second.jobs) == jobs
    assert all(job.description.input == large for job in first.jobs)


def test_a_job_gets_a_certificate_and_the_number_of_its_files(grid: Grid, tmp_path: Path) -> None:
    """For the request that was posted with its reference; one that cannot be used gives none."""
    user, one = grid.user(), daemon(grid)
    files = tuple(tmp_path / name for name in ("a", "b"))
    for path in files:
        path.write_text("x")
    user.submit(files)
    user.submit()
    request = signing_request(ec.generate_private_key(ec.SECP256R1()))
    good, bad = references(2)
    posted = (type(good)(good.daemon_reference, request), type(bad)(bad.daemon_reference, b"0"))

    first, second = one.post(Exchange(wants=(Want(HELLO, 2),), references=posted)).jobs

    path = tmp_path / "crt"
    path.write_bytes(first.certificate)
    assert read_certificate(path).subject.rfc4514_string().startswith(f"CN=job {first.description.job_id}")
    assert (first.repository_files, second.repository_files, second.certificate) == (2, 0, b"")
    assert one.calls.job_certificate(second.description.job_id, bad.daemon_reference, request)


REPORT = Report("1", "A" * 32, "finished")


@pytest.mark.parametrize(
    "exchange",
    [
        Exchange(reports=(REPORT,) * (MOST_REPORTS + 1)),
        Exchange(holds=(Hold("1", "A" * 32, "1"),) * (MOST_HOLDS + 1)),
        Exchange(wants=(Want(HELLO, 1),) * (MOST_WANTS + 1)),
        Exchange(references=references(MOST_REFERENCES + 1)),
        Exchange(reports=(Report("1", "A" * 32, "finished", b"x" * 5_000_000),)),
    ],
    ids=["reports", "holds", "wants", "references", "bytes"],
)
def test_too_much_in_an_exchange_changes_nothing(grid: Grid, exchange: Exchange) -> None:
    """Error 65; as much as is allowed is answered."""
    one = daemon(grid)
    job_id = grid.user().submit()

    wanted = Exchange(
        exchange.reports, exchange.holds, (*exchange.wants, Want(HELLO, 1)), exchange.references
    )

    assert refusal(lambda: one.post(wanted)) == ErrorNumber.POST_TOO_BIG
    assert grid.user().state(job_id) == "queued"


def test_the_largest_exchange_is_answered(grid: Grid) -> None:
    """256 reports, 1024 holds, 64 wants and 256 references: each is judged."""
    one = daemon(grid)

    answer = one.post(
        Exchange(
            reports=(REPORT,) * MOST_REPORTS,
            holds=tuple(Hold(str(number), "A" * 32, "1") for number in range(2, MOST_HOLDS + 2)),
            wants=(Want(HELLO, 8),) * MOST_WANTS,
            references=references(MOST_REFERENCES),
        )
    )

    assert (len(answer.reports), len(answer.holds), answer.jobs) == (MOST_REPORTS, MOST_HOLDS, ())


def posted(one: ExchangingDaemon, text: str) -> int:
    """The error number of an exchange with this text."""
    fields = {"project": "LGI", "daemon": "1", "exchange": text}
    return refusal(lambda: one.calls.client.post("resources/resource_exchange", fields))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("<!DOCTYPE x [<!ENTITY e 'x'>]> <reports> </reports>", 68),
        ("<reports> <![CDATA[x]]> </reports>", 68),
        ("<reports> <report> <job_id> 1 </job_id>", 68),
        ("<reports> </reports> x", 68),
        ("x <reports> </reports>", 68),
        ("<reports> <report> <job_id> 1 </report> </reports>", 68),
        ("<watched> 1, x </watched>", 19),
        ("<x> </x>" * 40, 65),
        (f"<reports> <report> {'<x> </x>' * 40} </report> </reports>", 65),
        (f"<reports> {'<x></x>' * 500_000} </reports>", 65),
    ],
    ids=lambda value: str(value)[:60],
)
def test_an_exchange_that_cannot_be_read_is_refused_as_a_whole(grid: Grid, text: str, number: int) -> None:
    """With the number of the field, or 68 for the XML; the reports before it change nothing."""
    one = daemon(grid)
    grid.user().submit()
    (given,) = one.want()
    job = given.description
    good = (
        f"<job_id> {job.job_id} </job_id> <daemon_reference> {job.daemon_reference} </daemon_reference>"
        " <state> finished </state>"
    )

    assert posted(one, f"<x> </x> {text}") == number
    assert posted(one, f"<reports> <report> {good} </report> </reports>") == 0


def test_an_item_that_cannot_be_read_is_refused_by_itself(grid: Grid) -> None:
    """Reports and holds in their places, wants and references in a list; the others are done."""
    one, user = daemon(grid), grid.user()
    job_id = user.submit()
    (given,) = one.want()
    job = given.description
    last = user.submit()
    good = f"<job_id> {job.job_id} </job_id> <daemon_reference> {job.daemon_reference} </daemon_reference>"
    wanted = f"<application> {HELLO} </application> <count> 1 </count>"
    (unused,) = references(1)
    text = (
        "<reports> <report> </report> <report> <job_id> 7x </job_id> </report>"
        f" <report> {good} <state> finished </state> </report> <report> <job_id> 1 </job_id> </report>"
        " </reports>"
        " <holds> <hold> <job_id> 1 </job_id> <daemon_reference> A </daemon_reference> </hold> </holds>"
        " <wants> <want> <count> 1 </count> </want> <want> <application> a </application> </want>"
        f" <want> <application> a b </application> <count> 1 </count> </want>"
        f" <want> {wanted} <owners> {'x' * 1_000_000} </owners> </want> <want> {wanted} </want> </wants>"
        " <references> <reference> <daemon_reference> A </daemon_reference> </reference>"
        f" <reference> <daemon_reference> {'B' * 32} </daemon_reference> <request> x </request> </reference>"
        f" <reference> <daemon_reference> {unused.daemon_reference} </daemon_reference> </reference>"
        " </references>"
    )

    fields = {"project": "LGI", "daemon": "1", "exchange": text}
    answer = exchange_text.read(one.calls.client.post("resources/resource_exchange", fields))

    told = [(each.job_id, each.error and each.error.number) for each in answer.reports]
    assert told == [("", 19), ("7x", 19), (str(job_id), None), ("1", 14)]
    assert [(each.job_id, each.error and each.error.number) for each in answer.holds] == [("1", 25)]
    refused = [(each.name, each.error.number) for each in answer.refused]
    assert refused[:4] == [("", 18), ("a", 49), ("a b", 18), (HELLO, 71)]
    assert refused[4:] == [("A", 14), ("B" * 32, 2)]
    assert (ids(answer.jobs), user.state(job_id), user.state(last)) == ([last], "finished", "running")


@pytest.mark.parametrize("name", ["holds", "hold", "spent", "reports", "job_specific", "more"])
def test_the_xml_of_a_user_forges_nothing(grid: Grid, name: str) -> None:
    """Specifics may have any tag, also those of an exchange: they are read as they were written."""
    user, one = grid.user(), daemon(grid)
    text = f"<{name}> <x> {'F' * 32} </x> </{name}>"
    jobs = [user.submit(job_specifics=text), user.submit()]
    first, second = one.want(2)
    for job_id in jobs:
        user.delete(job_id)

    answer = one.hold(first, second)

    assert [int(hold.job_id) for hold in answer.holds] == jobs
    assert text in answer.holds[0].job_specifics
    assert (answer.spent, answer.reports, answer.has_more) == ((), (), False)
    assert ids(one.post(Exchange(references=())).jobs) == []


def test_the_specifics_of_a_report_keep_the_reference(grid: Grid) -> None:
    """What a daemon posts is stored, without the tags of the server, behind the reference of the daemon."""
    one = daemon(grid)
    grid.user().submit()
    (given,) = one.want()
    job = given.description
    report = Report(job.job_id, job.daemon_reference, "running", job_specifics="<a> &lt; </a>")

    (verdict,) = one.report(report).reports

    (row,) = grid.rows("SELECT job_specifics, daemon_reference FROM job_queue")
    reference = f"<daemon_reference> {job.daemon_reference} </daemon_reference>"
    assert (verdict.state, row["job_specifics"]) == ("running", f"{reference} <a> &lt; </a>")
    assert row["daemon_reference"] == job.daemon_reference
    assert one.report(report).reports == (verdict,)
    assert escape(job.job_specifics) != job.job_specifics
    assert one.hold(given).holds[0].state_time_stamp == verdict.state_time_stamp


def test_an_old_daemon_and_a_new_one_share_a_queue(grid: Grid) -> None:
    """What one has the other is not given; an update in a session takes the reference out of use."""
    user, one = grid.user(), daemon(grid)
    jobs = [user.submit() for _ in range(3)]
    session = grid.resource("old@cluster")
    (offered,) = session.request_work(HELLO, 0, 1).jobs

    given = one.want(5)

    assert int(offered.job_id) == jobs[0]
    assert ids(given) == jobs[1:]
    session.sign_off()
    grid.run("DELETE FROM job_queue WHERE job_id = %s", jobs[0])
    lose(grid)
    taken = take(grid, grid.resource(NAME), "D" * 32)
    assert taken == given[0].description.job_id
    (lost,) = one.hold(given[0]).holds
    assert lost.error is not None
    assert lost.error.number == ErrorNumber.NOT_YOUR_LOCK
    (row,) = grid.rows("SELECT daemon_reference FROM job_queue WHERE job_id = %s", taken)
    assert row["daemon_reference"] is None
    posted = (Reference(given[0].description.daemon_reference),)
    assert one.post(Exchange(references=posted)).jobs == ()
