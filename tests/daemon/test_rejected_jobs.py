"""For how long a job that was given back is not considered again."""

import pytest

from lgi_daemon.claiming.rejected_jobs import JobVersion, RejectedJobs
from lgi_daemon.servers.clock import Clock

JOB = JobVersion("LGI", "https://master.test/LGI", "hello_world", "1", "")


def considered(seconds: float, *, is_brief: bool) -> int:
    """How often a job is rejected that is rejected each time it is considered."""
    clock = Clock()
    rejected_jobs = RejectedJobs(clock)
    times = 0
    while clock.now < seconds:
        rejected_jobs.record(JOB, is_brief=is_brief)
        clock.now += rejected_jobs.retry_in(JOB)
        times += 1
    return times


def test_a_job_that_lacked_room_is_considered_again_in_a_moment() -> None:
    """Two exchanges may have asked for the same slot, and a short job frees one within milliseconds."""
    clock = Clock()
    rejected_jobs = RejectedJobs(clock)

    rejected_jobs.record(JOB, is_brief=True)
    delay = rejected_jobs.next_end(JOB.project, JOB.server)
    clock.now += 0.25

    assert delay == pytest.approx(0.2)
    assert rejected_jobs.left_alone(JOB.project, JOB.server, JOB.application) == []


@pytest.mark.parametrize(("is_brief", "first_minute", "day"), [(True, 9, 1500), (False, 1, 30)])
def test_a_job_that_never_fits_is_considered_less_and_less(
    is_brief: bool, first_minute: int, day: int
) -> None:
    """Each time it is given out and comes back, which costs the server as much as a short job."""
    assert considered(60.0, is_brief=is_brief) <= first_minute
    assert considered(86400.0, is_brief=is_brief) <= day
