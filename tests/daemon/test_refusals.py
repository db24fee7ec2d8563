"""A job that this resource never takes costs little: it is looked at again more and more rarely."""

import logging

import pytest

from tests.support.workshop import Workshop


@pytest.mark.slow
def test_a_refused_job_is_left_alone_for_longer_and_longer(
    workshop: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says it once; the job is unlocked each time, so that others can take it."""
    workshop.write_script("job_check_limits_script", "exit 1")
    workshop.server.submit("1")
    daemon = workshop.daemon()
    caplog.set_level(logging.INFO)

    for _ in range(360):
        workshop.tick(daemon)
        assert workshop.server.locks == {}
        daemon.work_cycle.due_at = 0.0
        workshop.now += 10.0

    assert len(workshop.server.made("request_work")) == 360
    assert workshop.acts().count("check_limits") == 6
    assert len([message for message in caplog.messages if message.startswith("job 1 ")]) == 1


def test_a_refused_job_is_looked_at_at_once_after_a_change_of_it_or_of_the_configuration(
    workshop: Workshop,
) -> None:
    """The limits script is asked again in the next cycle, as it may have another answer."""
    workshop.write_script("job_check_limits_script", "exit 1")
    workshop.server.submit("1")
    daemon = workshop.daemon()
    asked = []

    for change in (lambda: None, lambda: workshop.server.change("1", owners=("mark", "eve")), lambda: None):
        change()
        daemon.work_cycle.due_at = 0.0
        workshop.tick(daemon, 1.0)
        asked.append(workshop.acts().count("check_limits"))
    daemon.reconfigure(daemon.configuration)
    workshop.tick(daemon, 1.0)

    assert (asked, workshop.acts().count("check_limits")) == ([1, 2, 2], 3)
