"""The start of the scheduler by a server that has no room for it."""

import errno
import logging

import pytest

from lgi_server.serving.scheduler_process import SchedulerProcess


def test_a_scheduler_that_cannot_be_started_ends_no_server(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Without memory for another process the calls go on, and the next attempts are made later and later."""
    # given a machine that can start no process
    attempts = list[float]()
    now = 0.0

    def refuse() -> int:
        attempts.append(now)
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr("gevent.os.fork_gevent", refuse)
    scheduler = SchedulerProcess(lambda _parent: 0, clock=lambda: now)

    # when the server looks after its scheduler every second
    with caplog.at_level(logging.ERROR, "lgi.serve"):
        for second in range(60):
            now = float(second)
            scheduler.keep([])

    # then it tries again a few times, and says so
    assert attempts[0] == 0.0
    assert 3 <= len(attempts) <= 10
    assert len(caplog.records) == len(attempts)
    assert "the scheduler cannot be started: " in caplog.text
