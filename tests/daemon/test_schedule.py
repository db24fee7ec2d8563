"""The times of one job: events in, due times out."""

import pytest

from lgi_daemon.execution.scripts import ScriptTimeouts
from lgi_daemon.jobs.lifecycle import ServerIntent
from lgi_daemon.jobs.schedule import (
    CLAIM_TIMEOUT,
    LIVING_SECONDS,
    LONGEST_QUIET,
    LONGEST_RETRY_DELAY,
    LOST_SECONDS,
    POLL_TIMEOUT,
    REPORT_RETRY_DELAY,
    JobSchedule,
)

NOW, FAST = 1000.0, 120.0
SHORTEST_CHECK_TIMEOUT = ScriptTimeouts().shortest_check
WANTED, UNWANTED = ServerIntent.WANTED, ServerIntent.UNWANTED


@pytest.fixture
def schedule() -> JobSchedule:
    """A job that was added to the table at NOW."""
    made = JobSchedule()
    made.added(NOW, FAST)
    return made


def check_due(schedule: JobSchedule, now: float, intent: ServerIntent = WANTED, alive: bool = True) -> bool:
    """Whether a check is due, with a run script that is alive or not."""
    return schedule.check_due(now, intent, lambda: alive)


def delay(schedule: JobSchedule, now: float) -> float:
    """The seconds until the next check."""
    return schedule.next_check - now


def test_a_job_that_was_added_is_checked_and_polled_at_once(schedule: JobSchedule) -> None:
    """Its scripts need not be asked yet should its run script be alive."""
    assert check_due(schedule, NOW)
    assert schedule.poll_due(NOW)
    assert not schedule.script_check_due(NOW + LIVING_SECONDS / 2 - 1)
    assert schedule.script_check_due(NOW + LIVING_SECONDS)


def test_a_young_job_is_checked_every_second_and_an_old_one_every_tenth_of_its_age(
    schedule: JobSchedule,
) -> None:
    """At most once per second, at least once per fast cycle."""
    delays = []
    for age in (1.0, 100.0, 10_000.0):
        schedule.left_as_is(NOW + age, is_alive=False)
        delays.append(delay(schedule, NOW + age))

    assert delays == [1.0, 10.0, FAST]


def test_a_job_whose_run_script_lives_is_checked_when_its_scripts_are_due(schedule: JobSchedule) -> None:
    """It is also checked immediately when the run script has ended."""
    schedule.left_as_is(NOW, is_alive=True)

    assert not check_due(schedule, NOW + 1, alive=True)
    assert check_due(schedule, NOW + 1, alive=False)
    assert check_due(schedule, NOW + LIVING_SECONDS, alive=True)


def test_a_check_forgets_that_the_run_script_was_alive(schedule: JobSchedule) -> None:
    """An end that was seen is no reason for a further check."""
    schedule.left_as_is(NOW, is_alive=True)

    schedule.check_started()

    assert not check_due(schedule, NOW + 1, alive=False)


def test_a_failed_step_is_retried_after_growing_delays(schedule: JobSchedule) -> None:
    """From the fast cycle on, twice as long each time, up to ten minutes."""
    delays = []
    for _attempt in range(5):
        schedule.end_attempted()
        schedule.step_taken(NOW, needs_check=False)
        delays.append(delay(schedule, NOW))

    assert delays == [FAST, 2 * FAST, 4 * FAST, LONGEST_RETRY_DELAY, LONGEST_RETRY_DELAY]


def test_a_step_that_succeeded_is_followed_by_a_check_and_a_report(schedule: JobSchedule) -> None:
    """The check is due a second later, the report immediately."""
    schedule.step_taken(NOW, needs_check=True)

    assert delay(schedule, NOW) == 1.0
    assert schedule.report_due(NOW)


def test_a_job_is_restarted_after_growing_delays(schedule: JobSchedule) -> None:
    """The first start is due immediately."""
    assert schedule.restart_due(NOW)
    delays = []
    for _start in range(3):
        schedule.started(NOW)
        delays.append(next(age for age in range(2000) if schedule.restart_due(NOW + age)))

    assert delays == [FAST, 2 * FAST, 4 * FAST]


def test_a_job_that_seems_lost_is_checked_again_before_it_is_given_up(schedule: JobSchedule) -> None:
    """A mark may come some seconds after the end of its run script; a job that answers is not lost."""
    schedule.activity_checked(NOW, is_lost=True)
    schedule.activity_checked(NOW + 1, is_lost=True)
    schedule.left_as_is(NOW + 1, is_alive=False)

    assert schedule.next_check == NOW + LOST_SECONDS
    assert schedule.loss_pending(NOW + LOST_SECONDS - 1)
    assert not schedule.loss_pending(NOW + LOST_SECONDS)
    schedule.activity_checked(NOW + 2, is_lost=False)
    assert not schedule.loss_pending(NOW + 2)


def test_a_job_that_was_lost_soon_after_its_start_is_distinguished_from_others(schedule: JobSchedule) -> None:
    """Only a start by this daemon counts."""
    schedule.activity_checked(NOW + 5, is_lost=True)
    before = schedule.was_lost_within(60.0)
    schedule.started(NOW)

    assert not before
    assert schedule.was_lost_within(60.0)
    assert not schedule.was_lost_within(5.0)


def test_a_job_whose_scripts_do_not_answer_is_left_alone_for_longer_each_time(schedule: JobSchedule) -> None:
    """Nine times the timeout, then twice as long, up to half an hour; its scripts get less time."""
    timeouts, delays = [], []
    for _check in range(4):
        timeouts.append(schedule.check_timeout)
        delays.append(schedule.not_answered(NOW, timeouts[-1], WANTED))

    assert timeouts == [60.0, 30.0, SHORTEST_CHECK_TIMEOUT, SHORTEST_CHECK_TIMEOUT]
    assert delays == [540.0, 1080.0, LONGEST_QUIET, LONGEST_QUIET]


def test_a_job_that_is_left_alone_is_checked_when_the_server_wants_something_else(
    schedule: JobSchedule,
) -> None:
    """Not before, whatever else makes a check due."""
    schedule.not_answered(NOW, 60.0, WANTED)
    schedule.server_changed(NOW + 1)

    assert not check_due(schedule, NOW + 1, WANTED)
    assert check_due(schedule, NOW + 1, UNWANTED)
    assert check_due(schedule, NOW + 540.0, WANTED)


def test_a_job_that_answers_again_is_checked_as_any_other(schedule: JobSchedule) -> None:
    """The timeout of its check and the delay after the next failure have their initial values again."""
    schedule.not_answered(NOW, 60.0, WANTED)
    schedule.left_as_is(NOW + 540.0, is_alive=False)

    assert schedule.check_timeout == 60.0
    assert schedule.not_answered(NOW + 600.0, 60.0, WANTED) == 540.0


def test_any_number_of_checks_may_stay_unanswered(schedule: JobSchedule) -> None:
    """After two thousand the timeout of a check is the shortest one, and no number has overflowed."""
    for _check in range(2000):
        schedule.not_answered(NOW, schedule.check_timeout, WANTED)

    assert schedule.check_timeout == SHORTEST_CHECK_TIMEOUT


def test_a_server_is_polled_once_per_fast_cycle(schedule: JobSchedule) -> None:
    """A check does not wait for a poll that is overdue."""
    schedule.polled(NOW)

    assert not schedule.poll_due(NOW + FAST - 1)
    assert schedule.poll_due(NOW + FAST)
    assert schedule.awaits_poll(NOW + FAST + POLL_TIMEOUT - 1)
    assert not schedule.awaits_poll(NOW + FAST + POLL_TIMEOUT)


@pytest.mark.parametrize("event", ["poll_failed", "abort_announced"])
def test_an_event_at_the_server_makes_a_poll_due(schedule: JobSchedule, event: str) -> None:
    """An announced abort, and an answer whose consequences did not reach the server."""
    schedule.polled(NOW)

    getattr(schedule, event)(NOW + 1)

    assert schedule.poll_due(NOW + 1)


def test_a_report_that_failed_is_followed_by_a_poll(schedule: JobSchedule) -> None:
    """The server may have received it: the poll is due at the same time as the next report."""
    schedule.polled(NOW)
    schedule.report_failed(NOW)

    assert (schedule.next_poll, schedule.next_report) == (NOW + REPORT_RETRY_DELAY, NOW + REPORT_RETRY_DELAY)


def test_a_claim_that_the_server_does_not_confirm_expires(schedule: JobSchedule) -> None:
    """It is polled three times meanwhile."""
    schedule.claim_unconfirmed(NOW)

    assert schedule.next_poll == NOW + CLAIM_TIMEOUT / 3
    assert not schedule.claim_expired(NOW + CLAIM_TIMEOUT - 1)
    assert schedule.claim_expired(NOW + CLAIM_TIMEOUT)


def test_a_server_that_returns_makes_only_a_failed_end_due(schedule: JobSchedule) -> None:
    """What waited for it need not wait any longer; other jobs keep their times."""
    schedule.left_as_is(NOW + 100.0, is_alive=False)
    schedule.server_returned(NOW + 101.0)
    without_attempts = check_due(schedule, NOW + 101.0)
    schedule.end_attempted()
    schedule.server_returned(NOW + 101.0)

    assert not without_attempts
    assert check_due(schedule, NOW + 101.0)


def test_an_error_postpones_check_and_poll_by_a_fast_cycle(schedule: JobSchedule) -> None:
    """A new configuration makes both due immediately."""
    schedule.failed(NOW)
    postponed = (schedule.next_check, schedule.next_poll)
    schedule.reconfigured(NOW + 1)

    assert postponed == (NOW + FAST, NOW + FAST)
    assert check_due(schedule, NOW + 1)
    assert schedule.poll_due(NOW + 1)
