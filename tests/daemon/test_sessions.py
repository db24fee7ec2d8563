"""Sessions that a daemon leaves at servers are ended by the next one."""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lgi_daemon.rundir.session_file import MAX_AGE, MAX_SESSIONS, SessionFile
from tests.support.fake_server import URL, FakeServer
from tests.support.workshop import SLOW, Workshop


def left_behind(workshop: Workshop) -> SessionFile:
    """A session of a daemon that was killed while a job was locked for it."""
    workshop.server.submit("1")
    workshop.server.sessions.add("99")
    workshop.server.locks["1"] = "99"
    stored = SessionFile(workshop.run_path / ".sessions")
    stored.add("LGI", URL, "99")
    return stored


def on_disk(workshop: Workshop) -> list[str]:
    """The numbers of the sessions that a daemon would find at its start."""
    return [one.session_id for one in SessionFile(workshop.run_path / ".sessions").read()]


def test_a_daemon_ends_the_session_of_its_predecessor_before_it_asks_for_work(workshop: Workshop) -> None:
    """The job that was locked is offered in the first cycle, and runs."""
    left_behind(workshop)
    daemon = workshop.daemon()

    workshop.tick(daemon)

    assert workshop.server.jobs["1"].state == "running"
    assert (workshop.server.sessions, workshop.server.locks, on_disk(workshop)) == (set(), {}, [])


def test_a_session_is_kept_for_the_next_start_while_its_server_does_not_answer(workshop: Workshop) -> None:
    """It is ended once the server answers, whichever daemon it is by then."""
    left_behind(workshop)
    workshop.server.fail("sign_up")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    kept = on_disk(workshop)

    daemon = workshop.restart(daemon)
    workshop.tick(daemon, SLOW)

    assert kept == ["99"]
    assert workshop.server.jobs["1"].state == "running"
    assert on_disk(workshop) == []


class SlowSignOff(FakeServer):
    """A server that takes its time to end a session."""

    def handle(self, call: str, answer: Callable[[], object]) -> object:
        """Wait before the first sign-off."""
        if call == "sign_off" and "sign_off" not in self.calls:
            time.sleep(0.5)
        return super().handle(call, answer)


def test_no_session_is_used_before_those_of_the_predecessor_have_ended(workshop: Workshop) -> None:
    """A report that begins at the same time as the first search for work is not refused as locked."""
    workshop.servers[URL] = SlowSignOff()
    left_behind(workshop)
    daemon = workshop.daemon()
    locks: list[bool] = []

    def sign_up() -> None:
        with daemon.sessions.pool() as pool:
            pool.session("LGI", URL)
            locks.append("1" in workshop.server.locks)

    threads = [threading.Thread(target=sign_up) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert locks == [False, False]
    assert on_disk(workshop) == []


def test_a_session_that_the_server_has_ended_itself_is_forgotten(workshop: Workshop) -> None:
    """As after half an hour; the error is no reason to try again."""
    stored = left_behind(workshop)
    stored.add("LGI", URL, "100")
    workshop.server.locks.clear()
    daemon = workshop.daemon()

    workshop.tick(daemon)
    workshop.tick(daemon, SLOW)

    assert workshop.server.jobs["1"].state == "running"
    assert on_disk(workshop) == []


@pytest.mark.parametrize("damage", [b"", b"{}", b"[1]", b'[["LGI", "x"]]', b"\xff"])
def test_a_damaged_file_costs_the_sessions_only(
    tmp_path: Path, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """They end by themselves; the daemon starts."""
    logging.getLogger("lgi_daemon").propagate = True
    (tmp_path / ".sessions").write_bytes(damage)

    assert SessionFile(tmp_path / ".sessions").read() == ()
    assert ("cannot read" in caplog.text) == (damage != b"{}")


def test_old_sessions_are_forgotten_and_their_number_is_bounded(tmp_path: Path) -> None:
    """No server keeps one for a day."""
    old = SessionFile(tmp_path / ".sessions", clock=lambda: 0.0)
    old.add("LGI", URL, "1")
    for number in range(MAX_SESSIONS):
        old.add("LGI", URL, str(number))

    assert len(SessionFile(tmp_path / ".sessions", clock=lambda: MAX_AGE - 1).read()) == MAX_SESSIONS
    assert SessionFile(tmp_path / ".sessions", clock=lambda: MAX_AGE + 1).read() == ()


def test_a_full_disk_keeps_no_daemon_from_its_sessions(tmp_path: Path) -> None:
    """A job that has ended must be reported all the same."""
    stored = SessionFile(tmp_path / "missing" / ".sessions")

    session = stored.add("LGI", URL, "1")
    stored.remove(session)

    assert session.session_id == "1"


def test_a_session_is_stored_in_the_room_that_the_file_has(tmp_path: Path) -> None:
    """A full disk does not matter: a daemon that is killed while it reports leaves no lock."""
    stored = SessionFile(tmp_path / ".sessions")
    stored.remove(stored.add("LGI", URL, "1"))
    before = (tmp_path / ".sessions").stat()

    sessions = [stored.add("LGI", URL, str(number)) for number in range(2, 40)]

    after = (tmp_path / ".sessions").stat()
    assert (after.st_ino, after.st_size, after.st_blocks) == (before.st_ino, before.st_size, before.st_blocks)
    assert all(stored.has(session) for session in sessions)
    assert SessionFile(tmp_path / ".sessions").read() == tuple(sessions)


def test_a_session_that_cannot_be_stored_asks_for_no_work(
    workshop: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    """A kill would leave its jobs locked. It is used once it is stored, and for reports even before."""
    workshop.server.submit("1")
    obstacle = workshop.run_path / ".sessions"
    (obstacle / "full").mkdir(parents=True)
    daemon = workshop.daemon()

    workshop.tick(daemon)
    refused = (workshop.server.made("sign_up", "request_work", "sign_off"), workshop.server.sessions)
    (obstacle / "full").rmdir()
    obstacle.rmdir()
    workshop.tick(daemon, SLOW)

    assert refused == (["sign_up", "sign_off"], set())
    assert "cannot be stored" in caplog.text
    assert [job.record.job_id for job in daemon.jobs] == ["1"]
