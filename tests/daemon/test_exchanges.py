"""Exchanges with servers that take them: one call does everything, and what is lost on its way is found."""

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lgi_daemon.config.rules import LimitRules
from lgi_daemon.jobs import streams
from lgi_daemon.loop.daemon import Daemon
from lgi_daemon.loop.lifetime import Lifetime
from lgi_protocol.errors import ErrorNumber
from lgi_protocol.exchange import GivenJob
from lgi_protocol.file_properties import FileProperties
from lgi_protocol.job_repository import SmallFile
from tests.support.fake_server import URL, FakeServer, refused
from tests.support.workshop import FAST, SLOW, Workshop, only, until

from .conftest import IS_ROOT

OLD_CALLS = ("request_work", "lock", "unlock", "update", "details", "job_state")


@pytest.fixture
def exchanging(workshop: Workshop) -> Workshop:
    """A resource whose server takes exchanges, with one queued job."""
    workshop.server.exchange = 1
    workshop.server.submit("1")
    return workshop


def finish(workshop: Workshop, daemon: Daemon, output: bytes = b"the answer") -> None:
    """Let all jobs of a daemon end, with this output."""
    for job in daemon.jobs:
        workshop.marked(job, "is_finished")
        (job.run.files(job.record).path / "LGI_output").write_bytes(output)


def runs(workshop: Workshop, daemon: Daemon) -> int:
    """How many run scripts have been started, once they are all done."""
    until(lambda: not any(job.is_alive() for job in daemon.jobs))
    return workshop.acts().count("run")


def test_a_job_lives_by_two_exchanges_and_no_other_call(exchanging: Workshop) -> None:
    """One brings it with its input, one reports it; no job is locked, and the sign-up is ended at once."""
    daemon = exchanging.daemon()
    server = exchanging.server
    exchanging.tick(daemon)
    job = only(daemon)
    accepted = (job.record.phase, job.record.input, server.jobs["1"].daemon_reference)
    finish(exchanging, daemon)

    exchanging.tick(daemon, 1.0)

    assert accepted == ("accepted", b"hi", job.record.reference)
    assert (server.jobs["1"].state, server.jobs["1"].output) == ("finished", b"the answer")
    assert server.calls == ["sign_up", "sign_off", "exchange", "exchange"]
    assert exchanging.acts() == [
        "check_system_limits_script".removesuffix("_script"),
        "check_limits",
        "prologue",
        "run",
        "epilogue",
    ]
    assert exchanging.tree() == []
    assert list((exchanging.run_path / ".records").iterdir()) == []


def test_a_lost_answer_brings_the_same_job_by_the_same_reference(exchanging: Workshop) -> None:
    """The server has given it; the daemon asks again with the references it had stored."""
    server = exchanging.server
    server.fail("exchange", after=True)
    daemon = exchanging.daemon()
    exchanging.tick(daemon)
    before = len(daemon.jobs)

    exchanging.tick(daemon, FAST)

    assert before == 0
    assert server.given == [("1", only(daemon).record.reference)]
    assert runs(exchanging, daemon) == 1


def test_a_killed_daemon_gets_the_job_of_a_lost_answer(exchanging: Workshop) -> None:
    """The next daemon finds the references on the disk, and posts them though it has no room."""
    server = exchanging.server
    server.fail("exchange", after=True)
    daemon = exchanging.daemon()
    exchanging.tick(daemon)
    exchanging.rules = LimitRules({"any": 10}, ("any",), 10)

    daemon = exchanging.restart(daemon)
    exchanging.tick(daemon, FAST)

    assert len(server.given) == 1
    assert server.returned == [("1", "owner_deny of the resource names mark@laptop")]
    assert (server.jobs["1"].state, len(daemon.jobs)) == ("queued", 0)


class RepeatingServer(FakeServer):
    """A server whose answers bring everything twice."""

    def handle(self, call: str, answer: Callable[[], Any]) -> Any:
        """Give the jobs of an exchange twice."""
        told = super().handle(call, answer)
        return replace(told, jobs=told.jobs * 2) if call == "exchange" else told


def test_a_job_that_an_answer_brings_twice_runs_once(workshop: Workshop) -> None:
    """As when a held exchange and another one bring it; the second is not given back."""
    workshop.servers[URL] = server = RepeatingServer(exchange=1)
    server.submit("1")
    daemon = workshop.daemon()

    workshop.tick(daemon)
    workshop.tick(daemon, FAST)

    assert only(daemon).record.job_id == "1"
    assert (runs(workshop, daemon), server.returned) == (1, [])


def test_a_job_that_two_answers_bring_goes_back_for_its_first_reason(
    workshop: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    """The second answer finds its reference taken, which is no reason: the user would be told nothing."""
    logging.getLogger("lgi_daemon").propagate = True
    caplog.set_level(logging.INFO, "lgi_daemon")
    workshop.servers[URL] = server = RepeatingServer(exchange=1)
    server.submit("1")
    server.fail("exchange", after=True)
    daemon = workshop.daemon()
    workshop.tick(daemon)
    workshop.rules = LimitRules({"any": 10}, ("any",), 10)

    daemon = workshop.restart(daemon)
    workshop.tick(daemon, FAST)

    reason = "owner_deny of the resource names mark@laptop"
    assert server.returned == [("1", reason)]
    assert caplog.text.count("given back to") == 1
    assert (server.jobs["1"].state, len(daemon.jobs)) == ("queued", 0)


class LateServer(FakeServer):
    """A server that gives a job once more, with a reference that the daemon has used up."""

    late: tuple[GivenJob, ...] = ()

    def handle(self, call: str, answer: Callable[[], Any]) -> Any:
        """Add late jobs to the answer of an exchange."""
        told = super().handle(call, answer)
        if call == "exchange":
            told = replace(told, jobs=told.jobs + self.late)
            self.late = ()
        return told


def test_a_job_with_an_unknown_reference_goes_back(workshop: Workshop) -> None:
    """As one that a held exchange brings for a reference which another has given back."""
    workshop.servers[URL] = server = LateServer(exchange=1)
    reference = "A" * 32
    server.submit("7", specifics=f"<daemon_reference> {reference} </daemon_reference>")
    server.change("7", state="running")
    server.late = (GivenJob(server.jobs["7"]),)
    daemon = workshop.daemon()

    workshop.tick(daemon)
    workshop.tick(daemon, FAST)

    assert server.jobs["7"].state == "queued"
    assert [job_id for job_id, _reason in server.returned] == ["7"]
    assert workshop.acts().count("run") == 0


def test_a_late_answer_about_a_job_that_has_ended_does_no_harm(workshop: Workshop) -> None:
    """The server refuses to take it back, and the daemon asks no more."""
    workshop.servers[URL] = server = LateServer(exchange=1)
    server.submit("1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    server.late = (GivenJob(server.jobs["1"]),)
    finish(workshop, daemon)
    workshop.tick(daemon, 1.0)
    workshop.tick(daemon, FAST)
    made = len(server.exchanges)

    workshop.tick(daemon, 1.0)

    assert (server.jobs["1"].state, server.returned) == ("finished", [])
    assert workshop.acts().count("run") == 1
    assert len(server.exchanges) == made


def test_jobs_are_reported_once_the_server_is_back(exchanging: Workshop) -> None:
    """It was gone for minutes; its sign-up comes first, as another server may have come."""
    daemon = exchanging.daemon()
    server = exchanging.server
    exchanging.tick(daemon)
    finish(exchanging, daemon)
    for call in ("exchange", "sign_up"):
        server.fail(call, times=3)
    for _minute in range(4):
        exchanging.tick(daemon, 60.0)
    waiting = server.jobs["1"].state

    for _minute in range(4):
        exchanging.tick(daemon, 60.0)

    assert (waiting, server.jobs["1"].state) == ("running", "finished")
    assert exchanging.acts().count("epilogue") == 1
    assert server.made(*OLD_CALLS) == []


@pytest.mark.parametrize("is_only_the_answer", [False, True])
def test_a_report_whose_answer_is_lost_is_sent_again(exchanging: Workshop, is_only_the_answer: bool) -> None:
    """The server accepts it twice; the epilogue runs once."""
    daemon = exchanging.daemon()
    exchanging.tick(daemon)
    finish(exchanging, daemon)
    exchanging.server.fail("exchange", after=is_only_the_answer)

    exchanging.tick(daemon, 1.0)
    exchanging.tick(daemon, FAST)

    assert exchanging.server.jobs["1"].state == "finished"
    assert exchanging.acts().count("epilogue") == 1
    assert exchanging.tree() == []


def test_a_job_that_its_limits_script_rejects_goes_back_and_is_left_alone(exchanging: Workshop) -> None:
    """With the reason; it is not wanted again for a minute, then for two."""
    exchanging.write_script("job_check_limits_script", "exit 1")
    daemon = exchanging.daemon()
    server = exchanging.server
    exchanging.tick(daemon)
    after = (server.jobs["1"].state, server.jobs["1"].job_specifics, exchanging.tree())
    daemon.work_cycle.due_at = 0.0
    exchanging.tick(daemon, 30.0)
    soon = exchanging.acts().count("check_limits")
    exchanging.write_script("job_check_limits_script", "")
    daemon.work_cycle.due_at = 0.0

    exchanging.tick(daemon, 31.0)

    assert after == ("queued", "", [])
    assert server.returned == [("1", "job_check_limits_script of the resource does not allow it now")]
    assert soon == 1
    assert (server.jobs["1"].state, runs(exchanging, daemon)) == ("running", 1)


def test_a_rejected_job_that_is_not_given_back_yet_survives_a_kill(exchanging: Workshop) -> None:
    """Its record says so: the next daemon gives it back, and asks no script of it."""
    exchanging.write_script("job_check_limits_script", "exit 1")
    server = exchanging.server
    server.refusals = {"1": ErrorNumber.CANNOT_LOCK}
    daemon = exchanging.daemon()
    exchanging.tick(daemon)
    server.refusals = {}

    daemon = exchanging.restart(daemon)
    exchanging.tick(daemon, FAST)

    assert [job_id for job_id, _reason in server.returned] == ["1"]
    assert exchanging.acts().count("check_limits") == 1
    assert exchanging.tree() == []


def test_a_job_that_is_aborted_while_it_goes_back_ends_as_aborted(exchanging: Workshop) -> None:
    """Its user has deleted it meanwhile, so nobody else may run it."""
    exchanging.write_script("job_check_limits_script", "exit 1")
    server = exchanging.server
    daemon = exchanging.daemon()
    server.refusals = {"1": ErrorNumber.CANNOT_LOCK}
    exchanging.tick(daemon)
    server.refusals = {}
    server.change("1", state="aborting")

    exchanging.tick(daemon, FAST)
    exchanging.tick(daemon, FAST)

    assert server.jobs["1"].state == "aborted"
    assert exchanging.acts().count("run") == 0
    assert exchanging.tree() == []


def test_an_abort_is_heard_while_the_prologue_runs(exchanging: Workshop) -> None:
    """The job is not started after it."""
    exchanging.at_once = 2
    exchanging.write_script("job_prologue_script", "until [ -e go ]; do sleep 0.02; done")
    daemon = exchanging.daemon()
    server = exchanging.server
    until(lambda: bool(exchanging.tick(daemon, 0.01) or "prologue" in exchanging.acts()))
    server.change("1", state="aborting")
    job = only(daemon)
    until(lambda: bool(exchanging.tick(daemon, FAST) or job.unapplied_answer is not None))

    (job.run.files(job.record).path / "go").touch()

    until(lambda: bool(exchanging.tick(daemon, 1.0) or server.jobs["1"].state == "aborted"))
    daemon.close()
    assert exchanging.acts().count("run") == 0


def test_a_job_that_the_server_has_queued_again_is_taken_back_by_its_hold(exchanging: Workshop) -> None:
    """The server does it with the heartbeat; the job here runs on."""
    daemon = exchanging.daemon()
    server = exchanging.server
    exchanging.tick(daemon)
    exchanging.marked(only(daemon), "is_running")
    server.change("1", state="queued")

    exchanging.tick(daemon, FAST)

    record = only(daemon).record
    assert (record.state, record.state_time_stamp) == ("running", server.jobs["1"].state_time_stamp)
    assert runs(exchanging, daemon) == 1
    assert server.given == [("1", record.reference)]


@pytest.mark.parametrize("is_gone", [False, True])
def test_a_job_that_others_have_is_killed_and_not_reported(exchanging: Workshop, is_gone: bool) -> None:
    """The answer to its hold says that another daemon has it, or that it was deleted."""
    daemon = exchanging.daemon()
    server = exchanging.server
    exchanging.tick(daemon)
    exchanging.marked(only(daemon), "is_running")
    if is_gone:
        del server.jobs["1"]
    else:
        server.change("1", job_specifics=f"<daemon_reference> {'0' * 32} </daemon_reference>")

    exchanging.tick(daemon, FAST)
    exchanging.tick(daemon, 1.0)

    assert "abort" in exchanging.acts()
    assert exchanging.tree() == []
    assert is_gone or server.jobs["1"].state == "running"


def test_a_report_for_a_job_that_others_have_is_given_up(exchanging: Workshop) -> None:
    """The server refuses it by the reference; there is no look before it."""
    daemon = exchanging.daemon()
    server = exchanging.server
    exchanging.tick(daemon)
    finish(exchanging, daemon)
    server.change("1", job_specifics=f"<daemon_reference> {'0' * 32} </daemon_reference>")

    exchanging.tick(daemon, 1.0)
    exchanging.tick(daemon, 1.0)

    assert server.jobs["1"].output == b""
    assert exchanging.tree() == []


def test_a_report_that_the_server_cannot_store_now_is_repeated(exchanging: Workshop) -> None:
    """A session of an old call holds the job; the other jobs of the exchange are not held up."""
    server = exchanging.server
    server.submit("2")
    daemon = exchanging.daemon()
    exchanging.tick(daemon)
    finish(exchanging, daemon)
    server.locks["1"] = "99"
    exchanging.tick(daemon, 1.0)
    states = [job.state for job in server.jobs.values()]
    server.locks.clear()

    exchanging.tick(daemon, FAST)

    assert states == ["running", "finished"]
    assert [job.state for job in server.jobs.values()] == ["finished", "finished"]


def test_a_clock_that_is_set_back_at_the_server_hides_no_change(exchanging: Workshop) -> None:
    """Time stamps are compared, not ordered."""
    daemon = exchanging.daemon()
    server = exchanging.server
    exchanging.tick(daemon)
    exchanging.marked(only(daemon), "is_running")
    server.stamp = 5
    server.change("1", state="aborting")

    exchanging.tick(daemon, FAST)

    assert server.jobs["1"].state == "aborted"


def test_a_server_that_takes_no_exchanges_any_more_gets_the_old_calls(exchanging: Workshop) -> None:
    """It was replaced by an older one; the job that an exchange brought is polled and reported."""
    daemon = exchanging.daemon()
    server = exchanging.server
    exchanging.tick(daemon)
    finish(exchanging, daemon)
    server.exchange = 0

    for _cycle in range(4):
        exchanging.tick(daemon, FAST)

    assert server.jobs["1"].state == "finished"
    assert server.made("update") == ["update"]
    assert exchanging.acts().count("epilogue") == 1


def test_a_server_that_begins_to_take_exchanges_gets_them(exchanging: Workshop) -> None:
    """A job that was claimed by the old calls is reported by an exchange."""
    server = exchanging.server
    server.exchange = 0
    daemon = exchanging.daemon()
    exchanging.tick(daemon)
    server.exchange = 1
    exchanging.tick(daemon, SLOW)
    server.calls.clear()
    finish(exchanging, daemon)

    exchanging.tick(daemon, FAST)

    assert server.jobs["1"].state == "finished"
    assert set(server.calls) == {"exchange"}


def test_a_rejected_job_is_dropped_where_no_job_can_be_given_back(exchanging: Workshop) -> None:
    """An older server queues it again once it gets no heartbeats."""
    exchanging.write_script("job_check_limits_script", "exit 1")
    server = exchanging.server
    server.refusals = {"1": ErrorNumber.CANNOT_LOCK}
    daemon = exchanging.daemon()
    exchanging.tick(daemon)
    server.exchange = 0

    for _cycle in range(4):
        exchanging.tick(daemon, FAST)

    assert exchanging.tree() == []
    assert server.jobs["1"].state == "running"
    assert server.made("update") == []


def test_two_daemons_with_one_certificate_run_no_job_twice(place: Path) -> None:
    """Each has its own references: what one gets or reports is nothing of the other's."""
    (place / "one").mkdir(mode=0o755)
    (place / "two").mkdir(mode=0o755)
    one, two = Workshop(place / "one", IS_ROOT), Workshop(place / "two", IS_ROOT)
    two.servers = one.servers
    one.server.exchange = 1
    for number in range(30):
        one.server.submit(str(number))
    pairs = [(one, one.daemon()), (two, two.daemon())]

    for _cycle in range(4):
        for workshop, daemon in pairs:
            workshop.tick(daemon, FAST)
            finish(workshop, daemon)

    given = [job_id for job_id, _reference in one.server.given]
    assert sorted(given, key=int) == [str(number) for number in range(30)]
    assert {job.state for job in one.server.jobs.values()} == {"finished"}
    assert one.acts().count("run") + two.acts().count("run") == 30


def test_many_jobs_need_few_exchanges(exchanging: Workshop) -> None:
    """They come by the number for which there is room, sixty-four at a time, and are reported together."""
    exchanging.rules = LimitRules({"any": 200}, (), 200)
    server = exchanging.server
    for number in range(2, 151):
        server.submit(str(number))
    daemon = exchanging.daemon()
    exchanging.tick(daemon)
    taken = len(daemon.jobs), len(server.exchanges)
    finish(exchanging, daemon)

    exchanging.tick(daemon, 1.0)

    assert taken == (150, 3)
    assert {job.state for job in server.jobs.values()} == {"finished"}
    assert len(server.exchanges) <= 5


def test_a_job_that_ends_makes_room_in_the_exchange_that_reports_it(exchanging: Workshop) -> None:
    """So a full resource needs one exchange a job."""
    exchanging.rules = LimitRules({"any": 1}, (), 1)
    server = exchanging.server
    for number in range(2, 6):
        server.submit(str(number))
    daemon = exchanging.daemon()
    exchanging.tick(daemon)

    for _job in range(5):
        finish(exchanging, daemon)
        exchanging.tick(daemon, 1.0)

    assert {job.state for job in server.jobs.values()} == {"finished"}
    assert len(server.exchanges) == 6
    assert server.returned == []


def test_no_more_jobs_come_than_any_one_owner_may_have(exchanging: Workshop) -> None:
    """All that a server gives may be of one owner, so that none goes back."""
    exchanging.rules = LimitRules({"any": 2}, (), 10)
    server = exchanging.server
    for number, owner in enumerate(("mark@laptop", "mark@laptop", "eve@laptop"), 2):
        server.submit(str(number), owners=(owner,))
    daemon = exchanging.daemon()

    exchanging.tick(daemon)

    assert [job.state for job in server.jobs.values()] == ["running", "running", "queued", "running"]
    assert server.returned == []


def test_cores_that_are_in_use_are_not_asked_for(exchanging: Workshop) -> None:
    """There are two cores; the third job stays in the queue."""
    exchanging.rules = LimitRules({"any": 10}, (), 10, cpu_limit=2)
    server = exchanging.server
    server.submit("2")
    server.submit("3")
    daemon = exchanging.daemon()

    exchanging.tick(daemon)

    assert [job.state for job in server.jobs.values()] == ["running", "running", "queued"]
    assert [one.cores for one in server.exchanges[0].wants] == [2]
    assert server.returned == []


def test_a_full_disk_asks_for_no_job(exchanging: Workshop) -> None:
    """A reference that is not stored would lose its job with the daemon."""
    (exchanging.run_path / ".references").mkdir()
    (exchanging.run_path / ".references" / "obstacle").touch()
    daemon = exchanging.daemon()

    exchanging.tick(daemon)

    assert exchanging.server.given == []
    assert [one.wants for one in exchanging.server.exchanges] == [()]


def test_a_resource_without_room_is_asked_for_nothing_but_holds(exchanging: Workshop) -> None:
    """Its heartbeat is one exchange a fast cycle for all jobs together."""
    exchanging.rules = LimitRules({"any": 10}, (), 3)
    server = exchanging.server
    server.submit("2")
    server.submit("3")
    server.submit("4")
    daemon = exchanging.daemon()
    exchanging.tick(daemon)
    for job in daemon.jobs:
        exchanging.marked(job, "is_running")
    before = len(server.exchanges)

    exchanging.tick(daemon, FAST)

    (beat,) = server.exchanges[before:]
    assert sorted(one.job_id for one in beat.holds) == ["1", "2", "3"]
    assert (beat.wants, beat.reports) == ((), ())


def test_a_part_that_a_server_cannot_take_delays_no_report(exchanging: Workshop) -> None:
    """An exchange that is refused twice is sent in parts, down to single reports; wants are a part too."""
    server = exchanging.server
    for number in range(2, 6):
        server.submit(str(number))
    daemon = exchanging.daemon()
    exchanging.tick(daemon)
    finish(exchanging, daemon)
    server.is_impossible = lambda one: "3" in [report.job_id for report in one.reports]
    exchanging.tick(daemon, 1.0)
    first = [server.jobs[number].state for number in "12345"]
    server.submit("6")

    for _refusal in range(2):
        exchanging.tick(daemon, SLOW)
    states = [server.jobs[number].state for number in "123456"]
    server.is_impossible = lambda _exchange: False
    exchanging.tick(daemon, SLOW)

    assert first == ["running"] * 5
    assert states == ["finished", "finished", "running", "finished", "finished", "running"]
    assert server.jobs["3"].state == "finished"


def test_an_exchange_that_is_refused_is_not_repeated_at_once(exchanging: Workshop) -> None:
    """After a fault of the server reports wait for ten seconds."""
    daemon = exchanging.daemon()
    server = exchanging.server
    exchanging.tick(daemon)
    finish(exchanging, daemon)
    server.fail("exchange", refused(ErrorNumber.DATABASE), times=99)
    for _second in range(5):
        exchanging.tick(daemon, 1.0)
    tries = len(server.made("exchange"))
    server.faults.clear()

    exchanging.tick(daemon, FAST)

    assert tries <= 3
    assert server.jobs["1"].state == "finished"


@pytest.fixture
def streaming(exchanging: Workshop, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The jobs whose streams were stored by a request of their own; each job has one stream."""
    stored: list[str] = []
    left = (SmallFile("joblog.txt", b"hello", FileProperties()),)
    monkeypatch.setattr(streams, "for_report", lambda job: () if job.files_refused else left)
    monkeypatch.setattr(streams, "store", lambda job, _calls: stored.append(job.record.job_id) or "")
    exchanging.server.exchange = 2
    return stored


def test_a_report_has_the_streams_of_its_job(exchanging: Workshop, streaming: list[str]) -> None:
    """They need no request of their own."""
    daemon = exchanging.daemon()
    exchanging.tick(daemon)
    finish(exchanging, daemon)

    exchanging.tick(daemon, 1.0)

    reports = [report for exchange in exchanging.server.exchanges for report in exchange.reports]
    assert [[file.name for file in report.files] for report in reports] == [["joblog.txt"]]
    assert (exchanging.server.jobs["1"].state, len(daemon.jobs), streaming) == ("finished", 0, [])


def test_a_server_of_the_first_version_gets_no_streams_in_reports(
    exchanging: Workshop, streaming: list[str]
) -> None:
    """They are stored before, as ever."""
    exchanging.server.exchange = 1
    daemon = exchanging.daemon()
    exchanging.tick(daemon)
    finish(exchanging, daemon)

    exchanging.tick(daemon, 1.0)

    assert [report.files for each in exchanging.server.exchanges for report in each.reports] == [()]
    assert (exchanging.server.jobs["1"].state, streaming) == ("finished", ["1"])


def test_streams_that_an_older_server_has_read_over_are_stored_before_the_job_is_gone(
    exchanging: Workshop, streaming: list[str]
) -> None:
    """The server was replaced since the sign-up: it has ended the job, and says nothing of files."""
    daemon = exchanging.daemon()
    exchanging.tick(daemon)
    finish(exchanging, daemon)
    exchanging.server.exchange = 1

    exchanging.tick(daemon, 1.0)

    assert (exchanging.server.jobs["1"].state, len(daemon.jobs), streaming) == ("finished", 0, ["1"])


@pytest.mark.parametrize("error", [ErrorNumber.UPLOAD, ErrorNumber.FILE_TOO_BIG, ErrorNumber.POST_TOO_BIG])
def test_a_report_whose_streams_are_refused_is_made_without_them(
    exchanging: Workshop, streaming: list[str], error: ErrorNumber
) -> None:
    """The request of their own says why, and whether a retry helps."""
    daemon = exchanging.daemon()
    exchanging.tick(daemon)
    finish(exchanging, daemon)
    exchanging.server.refusals["1"] = error
    exchanging.tick(daemon, 1.0)
    before = exchanging.server.jobs["1"].state
    exchanging.server.refusals.clear()

    exchanging.tick(daemon, SLOW)

    assert before == "running"
    assert (exchanging.server.jobs["1"].state, streaming) == ("finished", ["1"])


def test_a_refused_exchange_is_made_again_without_streams(exchanging: Workshop, streaming: list[str]) -> None:
    """A front end may take no request as large as that."""
    daemon = exchanging.daemon()
    exchanging.tick(daemon)
    finish(exchanging, daemon)
    exchanging.server.is_impossible = lambda one: any(report.files for report in one.reports)

    exchanging.tick(daemon, 1.0)
    exchanging.tick(daemon, SLOW)

    assert (exchanging.server.jobs["1"].state, streaming) == ("finished", ["1"])


def test_the_output_of_a_watched_job_is_sent(exchanging: Workshop) -> None:
    """The answer to an exchange names it."""
    exchanging.write_script("job_run_script", ": > is_running; echo line > $LGI_STATE_DIRECTORY/stdout")
    daemon = exchanging.daemon()
    server = exchanging.server
    exchanging.tick(daemon)
    exchanging.marked(only(daemon), "is_running")
    server.looked_at = {"1"}

    exchanging.tick(daemon, FAST)
    daemon.output_sender.send_all()
    exchanging.tick(daemon, FAST)

    assert server.sent[0] == (0, b"line\n", False)
    assert server.exchanges[-1].watched == ("1",)


def test_capabilities_that_have_changed_are_sent_with_the_exchange_of_a_cycle(exchanging: Workshop) -> None:
    """Users see why the resource takes no jobs, without another sign-up."""
    daemon = exchanging.daemon()
    exchanging.tick(daemon)
    exchanging.write_script("check_system_limits_script", "echo no scratch; exit 1")

    exchanging.tick(daemon, FAST)
    exchanging.tick(daemon, FAST)

    assert "no scratch" in exchanging.server.capabilities[-1]
    assert exchanging.server.made("sign_up") == ["sign_up"]


def test_a_daemon_that_drains_asks_for_the_jobs_of_a_lost_answer(exchanging: Workshop) -> None:
    """They are its own at the server; it takes no others, and ends after them."""
    server = exchanging.server
    server.fail("exchange", after=True)
    daemon = exchanging.daemon()
    exchanging.tick(daemon)
    server.submit("2")
    exchanging.lifetime = Lifetime(drain=True)

    daemon = exchanging.restart(daemon)
    reasons = [daemon.exit_reason()]
    exchanging.tick(daemon, FAST)
    reasons.append(daemon.exit_reason())
    finish(exchanging, daemon)
    exchanging.tick(daemon, 1.0)
    exchanging.tick(daemon, 1.0)

    assert reasons == ["", ""]
    assert [job.state for job in server.jobs.values()] == ["finished", "queued"]
    assert daemon.exit_reason() == "all remaining jobs have ended"


def test_a_daemon_that_drains_ends_without_an_answer_after_some_attempts(exchanging: Workshop) -> None:
    """The server may be gone for good; the next daemon asks it again."""
    server = exchanging.server
    server.fail("exchange", after=True)
    daemon = exchanging.daemon()
    exchanging.tick(daemon)
    exchanging.lifetime = Lifetime(drain=True)
    server.fail("sign_up", times=99)

    daemon = exchanging.restart(daemon)
    for _minute in range(4):
        exchanging.tick(daemon, 60.0)

    assert daemon.exit_reason() == "all remaining jobs have ended"
