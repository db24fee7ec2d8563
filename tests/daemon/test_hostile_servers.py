"""A project server that means harm, and how little comes of it."""

import pytest

from lgi_daemon.loop import work_cycle
from lgi_daemon.loop.long_poll import MAX_LONG_POLLS
from lgi_daemon.rundir import run_directory
from lgi_daemon.servers.connections import MAX_LOGGED
from lgi_protocol.errors import ErrorNumber
from tests.support.fake_server import URL, FakeServer, refused
from tests.support.workshop import FAST, SLOW, Workshop, only, until


def test_servers_without_tls_are_never_asked(workshop: Workshop) -> None:
    """A sign-up answer lists what it likes; work comes from servers that prove who they are."""
    plain, safe = "http://slave.test/LGI", "https://slave.test/LGI"
    for url in (plain, safe):
        workshop.servers[url] = FakeServer(url)
    workshop.server.slaves = (plain, "ftp://x/LGI", "slave.test", safe)
    workshop.servers[plain].submit("6")
    workshop.servers[safe].submit("7")
    daemon = workshop.daemon()

    workshop.tick(daemon)

    assert workshop.servers[plain].calls == []
    assert only(daemon).record.job_id == "7"
    assert set(workshop.servers) == {URL, plain, safe}


def test_a_list_of_servers_is_not_followed_for_ever(workshop: Workshop) -> None:
    """Each costs connections and time: some dozens are asked, whatever the list says."""
    workshop.server.slaves = tuple(f"https://slave{number}.test/LGI" for number in range(500))
    daemon = workshop.daemon()

    workshop.tick(daemon)

    assert len(workshop.servers) == work_cycle.MAX_SERVERS


@pytest.mark.slow
def test_watches_are_bounded_and_end_with_their_servers(
    workshop: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    """Each is a thread and a connection. A master that names others each time gets no more of them."""
    workshop.long_poll_delay = 0.01
    workshop.server.longest_wait = 60
    workshop.at_once = 2
    daemon = workshop.daemon()
    daemon.set_callbacks(lambda: False)

    def named(tour_number: int) -> None:
        """A work cycle with a given list of servers, which is too long."""
        others = [f"https://slave{tour_number}-{number}.test/LGI" for number in range(100)]
        workshop.servers |= {url: FakeServer(url, longest_wait=60) for url in others}
        workshop.server.slaves = tuple(others)
        workshop.tick(daemon, SLOW)
        until(lambda: not daemon.busy)

    try:
        for number in range(4):
            named(number)
            assert len(daemon.long_polls) <= MAX_LONG_POLLS
        workshop.server.slaves = ()
        for _ in range(3):
            workshop.tick(daemon, SLOW)
            until(lambda: not daemon.busy)
        until(lambda: len(daemon.long_polls) == 1)
        assert [message for message in caplog.messages if "ignoring" in message] == [
            "project LGI: ignoring 37 servers of a list: not https://, or more than 64"
        ]
    finally:
        daemon.set_callbacks(lambda: True)
        daemon.close()


def test_servers_that_cannot_be_reached_do_not_fill_the_log(
    workshop: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    """Only some dozens of a thousand are logged, and only some are remembered."""
    daemon = workshop.daemon()
    for number in range(40):
        workshop.server.slaves = tuple(f"https://slave{number}-{one}.test/LGI" for one in range(63))
        workshop.tick(daemon, SLOW)

    assert sum("cannot be reached" in message for message in caplog.messages) <= 2 * MAX_LOGGED
    assert daemon.servers.servers_remembered < 2 * 1024


@pytest.mark.parametrize("error", [OverflowError("too large"), LookupError("?"), RecursionError("deep")])
def test_one_servers_nonsense_keeps_neither_jobs_nor_other_servers_waiting(
    workshop: Workshop, error: Exception
) -> None:
    """Other servers are called, and jobs are checked, whatever exception an answer causes."""
    other = "https://other.test/LGI"
    workshop.servers[other] = FakeServer(other)
    workshop.server.slaves = (other,)
    workshop.server.submit("1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    workshop.marked(only(daemon), "is_finished")
    workshop.servers[other].fail("sign_up", error, times=99)
    workshop.server.fail("request_work", error, times=99)
    for server in workshop.servers.values():
        server.calls.clear()

    for _second in range(int(SLOW) + 1):
        workshop.tick(daemon, 1.0)

    assert workshop.server.jobs["1"].state == "finished"
    assert 1 <= len(workshop.server.made("request_work")) <= 6
    assert len(workshop.servers[other].made("sign_up")) >= 1


def test_a_server_that_asks_for_ages_is_asked_again_after_an_hour_or_two(workshop: Workshop) -> None:
    """No pause is longer than the longest that makes sense, and none fails to be computed."""
    workshop.server.fail("sign_up", refused(ErrorNumber.BACK_OFF, timeout=int("9" * 400)))
    daemon = workshop.daemon()
    workshop.tick(daemon)

    workshop.tick(daemon, 3600 * 1.5 + 1)

    assert len(workshop.server.made("sign_up")) == 2


@pytest.mark.parametrize(
    "job_id", ["7\x00", "\x00", "../../7", "7 8", "1" * 10, "x" * 9000, "٣", "-1", "7\n"]
)
def test_a_job_with_rubbish_for_a_number_is_refused_and_leaves_nothing(
    workshop: Workshop, job_id: str
) -> None:
    """One to nine digits; it is unlocked, and the next job of the same page is taken."""
    workshop.server.submit(job_id)
    workshop.server.submit("8")
    daemon = workshop.daemon()

    workshop.tick(daemon)

    assert only(daemon).record.job_id == "8"
    assert len(workshop.tree()) == 1
    assert len(list((workshop.run_path / ".records").iterdir())) == 1
    assert workshop.server.locks == {}


@pytest.mark.parametrize("error", [ValueError("embedded null byte"), OSError(28, "No space left")])
def test_a_job_that_cannot_be_stored_leaves_nothing(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """No record and no directory is left after any error; another resource may take the job."""
    workshop.server.submit("1")
    daemon = workshop.daemon()

    def fail(_record: object, _scripts: object) -> None:
        raise error

    with monkeypatch.context() as broken:
        broken.setattr(run_directory, "contents", fail)
        workshop.tick(daemon)

    assert len(daemon.jobs) == 0
    assert list((workshop.run_path / ".records").iterdir()) == []
    assert workshop.server.locks == {}
    workshop.tick(daemon, SLOW + FAST)
    assert workshop.server.jobs["1"].state == "running"


@pytest.mark.parametrize("error", [ValueError("embedded null byte"), OSError(5, "Input/output error")])
def test_a_job_whose_limits_script_cannot_be_asked_leaves_nothing(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """It is stored by then, and goes again."""
    workshop.server.submit("1")
    daemon = workshop.daemon()
    with monkeypatch.context() as broken:
        broken.setattr(
            "lgi_daemon.jobs.job.LocalJob.script_succeeds", lambda *_asked: (_ for _ in ()).throw(error)
        )
        workshop.tick(daemon)

    assert (len(daemon.jobs), workshop.tree(), workshop.server.locks) == (0, [], {})
    assert list((workshop.run_path / ".records").iterdir()) == []
