"""The pause between two exchanges with reports."""

import pytest

from lgi_daemon.loop.report_pause import ReportPause


class Time:
    """A clock that goes on while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.slept.append(round(seconds, 3))
        self.now += seconds


@pytest.fixture
def time() -> Time:
    """A clock that shows 100 seconds."""
    return Time()


@pytest.fixture
def pause(time: Time) -> ReportPause:
    """A pause of three seconds."""
    return ReportPause(3.0, time, time.sleep)


def test_a_report_waits_for_the_rest_of_the_pause(pause: ReportPause, time: Time) -> None:
    """Jobs that end meanwhile are reported with it."""
    pause.begin("LGI", "https://one")
    time.now += 1.0

    pause.wait("LGI", "https://one")
    pause.wait("LGI", "https://one")

    assert time.slept == [2.0]


def test_a_first_report_and_one_to_another_server_do_not_wait(pause: ReportPause, time: Time) -> None:
    """The end of a single job is known at once."""
    pause.wait("LGI", "https://one")
    pause.begin("LGI", "https://one")

    pause.wait("LGI", "https://two")
    pause.wait("other", "https://one")

    assert time.slept == []
