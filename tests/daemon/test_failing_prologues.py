"""A prologue that fails again and again: its job does not stay "running" for ever without a word."""

import logging

import pytest

from lgi_daemon.execution.scripts import ScriptTimeouts
from lgi_daemon.jobs.failure_count import EX_DATAERR, EX_TEMPFAIL
from lgi_daemon.jobs.prologue import MAX_PROLOGUES
from lgi_daemon.jobs.schedule import LONGEST_RETRY_DELAY
from lgi_daemon.loop.daemon import Daemon
from lgi_protocol.exchange import MOST_WAIT_REASON
from lgi_protocol.job_end import Result
from tests.support.workshop import FAST, SLOW, Workshop, only, until


def claimed(workshop: Workshop, body: str) -> Daemon:
    """A daemon whose job is claimed, with this prologue."""
    workshop.write_script("job_prologue_script", body)
    workshop.server.submit("1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    return daemon


def test_a_job_whose_prologue_keeps_failing_is_aborted_with_the_reason(workshop: Workshop) -> None:
    """After several attempts with growing pauses the user gets the reason, and the slot is free."""
    daemon = claimed(workshop, "exit 3")
    ticks = 0

    while len(daemon.jobs) and ticks < 200:
        workshop.tick(daemon, FAST / 2)
        ticks += 1

    job = workshop.server.jobs["1"]
    reason = "job_prologue_script failed 8 times, the job was not started: exit status 3"
    assert (job.state, job.end.reason, job.end.result(job.state)) == ("aborted", reason, Result.FAILED)
    assert job.output == f"[LGI: {reason}]\n".encode()
    assert workshop.acts().count("prologue") == MAX_PROLOGUES
    assert "run" not in workshop.acts()
    assert workshop.tree() == []
    assert MAX_PROLOGUES * 4 < ticks < 100


def test_the_failures_of_a_prologue_survive_the_daemon(workshop: Workshop) -> None:
    """A machine that is restarted each night would try such a job for ever."""
    daemon = claimed(workshop, "exit 3")
    ticks = 0

    while len(daemon.jobs) and ticks < 200:
        daemon = workshop.restart(daemon)
        for _tick in range(4):
            workshop.tick(daemon, FAST / 2)
            ticks += 1

    job = workshop.server.jobs["1"]
    assert job.state == "aborted"
    assert "job_prologue_script failed 8 times" in job.end.reason
    assert workshop.acts().count("prologue") == MAX_PROLOGUES


def test_a_job_whose_prologue_succeeds_at_last_runs(workshop: Workshop) -> None:
    """The failures are not reported, and later pauses start with the shortest again."""
    daemon = claimed(workshop, "[ -e now ]")
    for _ in range(3):
        workshop.tick(daemon, SLOW)
    job = only(daemon)
    (job.run.files(job.record).path / "now").touch()

    workshop.tick(daemon, SLOW)
    workshop.tick(daemon, 1.0)
    until(lambda: "run" in workshop.acts())

    assert (job.remark, job.schedule.start_failures) == ("", 0)


@pytest.mark.parametrize("says", ["later", "failed while the server is away"])
def test_a_job_whose_prologue_must_wait_is_not_given_up(workshop: Workshop, says: str) -> None:
    """Files that it needs may be on a server that is away for days."""
    daemon = claimed(workshop, f"exit {EX_TEMPFAIL if says == 'later' else 1}")
    if says != "later":
        workshop.server.fail("job_state", times=10_000)

    for _ in range(3 * MAX_PROLOGUES):
        workshop.tick(daemon, LONGEST_RETRY_DELAY)

    assert workshop.acts().count("prologue") > 2 * MAX_PROLOGUES
    assert workshop.server.jobs["1"].state == "running"
    assert len(daemon.jobs) == 1


def test_a_job_whose_prologue_can_never_succeed_ends_at_once(workshop: Workshop) -> None:
    """Its script says so, and why: the slot is free for others, and the user knows."""
    said = 'printf "first\\ndata: not here\\n" > "$LGI_STATE_DIRECTORY/stage.log"'
    daemon = claimed(workshop, f"{said}; exit {EX_DATAERR}")

    for _ in range(8):
        workshop.tick(daemon, 1.0)

    job = workshop.server.jobs["1"]
    reason = "job_prologue_script failed once, the job was not started: exit status 65: data: not here"
    assert (job.state, job.end.reason) == ("aborted", reason)
    assert workshop.acts().count("prologue") == 1
    assert len(daemon.jobs) == 0


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("echo data: busy > $log", ": data: busy"),
        ("printf 'a\\n\\033[2Jb\\n\\n' > $log", ": [2Jb"),
        ("echo old > $log; touch -d @0 $log", ""),
        ("ln -s /etc/passwd $log", ""),
        ("mkdir $log", ""),
        ("head -c 9000 /dev/zero | tr '\\0' x > $log", ": " + "x" * 160),
    ],
)
def test_the_log_of_a_daemon_says_why_a_job_waits(
    workshop: Workshop, caplog: pytest.LogCaptureFixture, line: str, said: str
) -> None:
    """The last line that its script has left; never another file, and nothing of an older run."""
    caplog.set_level(logging.WARNING, "lgi_daemon")

    claimed(workshop, f'log="$LGI_STATE_DIRECTORY/stage.log"; {line}; exit {EX_TEMPFAIL}')

    (message,) = (one.message for one in caplog.records if "job_prologue_script failed" in one.message)
    assert message.endswith(f": job_prologue_script failed with exit status 75{said}")


@pytest.mark.slow
def test_a_job_whose_prologue_never_ends_is_aborted(workshop: Workshop) -> None:
    """Each of its prologues is killed when its time is over."""
    workshop.timeouts = ScriptTimeouts(stage=0.2)
    daemon = claimed(workshop, "sleep 60")

    for _ in range(4 * MAX_PROLOGUES):
        workshop.tick(daemon, 3 * LONGEST_RETRY_DELAY)

    job = workshop.server.jobs["1"]
    assert job.state == "aborted"
    assert "exceeded its timeout of 0.2 s" in job.end.reason
    assert len(daemon.jobs) == 0


def test_the_server_is_told_why_a_job_waits(workshop: Workshop) -> None:
    """Each reason once, in one short line, and that it waits no more; a new daemon says what it knows."""
    workshop.server.exchange = 1
    printed = "printf 'no\\033[2J%0300d\\n' 7 > \"$LGI_STATE_DIRECTORY/stage.log\""
    daemon = claimed(workshop, f"[ -e now ] || {{ {printed}; exit {EX_TEMPFAIL}; }}")
    for _ in range(4):
        workshop.tick(daemon, SLOW)
    first = list(workshop.server.wait_reasons)
    daemon = workshop.restart(daemon)
    for _ in range(3):
        workshop.tick(daemon, SLOW)
    second = workshop.server.wait_reasons[len(first) :]
    job = only(daemon)
    (job.run.files(job.record).path / "now").touch()

    for _ in range(3):
        workshop.tick(daemon, SLOW)

    (why,) = first
    assert why.startswith("job_prologue_script: exit status 75: no [2J000")
    assert (len(why) <= MOST_WAIT_REASON, why.isprintable()) == (True, True)
    assert second[-1] == why
    assert workshop.server.wait_reasons[-1] == ""
    assert workshop.server.wait_reasons.count(why) == 2
