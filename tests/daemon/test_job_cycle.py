"""A job's life: what the server wants and the scripts say, carried out."""

from lgi_daemon.execution.processes import alive
from lgi_daemon.jobs.schedule import LOST_SECONDS
from lgi_protocol.errors import ErrorNumber
from tests.support.fake_server import FakeServer, refused
from tests.support.workshop import FAST, Workshop, only, until


def test_a_job_is_started_in_the_tick_that_takes_it(workshop: Workshop, server: FakeServer) -> None:
    """System limits, limits, prologue and run follow each other without waiting for a cycle."""
    daemon = workshop.daemon()

    workshop.tick(daemon)

    until(lambda: "run" in workshop.acts())
    assert workshop.acts() == ["check_system_limits", "check_limits", "prologue", "run"]
    assert server.jobs["1"].state == "running"


def test_a_run_script_that_ends_is_noticed_at_once(workshop: Workshop, server: FakeServer) -> None:
    """The end of the process is a reason to ask the scripts, long before their next turn."""
    body = ": > is_running; until [ -e go ]; do sleep 0.02; done; : > is_finished; rm is_running"
    workshop.write_script("job_run_script", body)
    daemon = workshop.daemon()
    workshop.tick(daemon)
    job = only(daemon)
    identity = job.record.run
    assert identity is not None
    directory = job.run.files(job.record).path
    until(lambda: (directory / "is_running").exists())
    workshop.tick(daemon, 30.0)
    (directory / "go").touch()
    until(lambda: not alive(identity))

    workshop.tick(daemon, 0.1)

    assert server.jobs["1"].state == "finished"


def test_servers_are_asked_once_per_fast_cycle_only(workshop: Workshop, server: FakeServer) -> None:
    """The checks of scripts, every second, cause no calls."""
    daemon = workshop.daemon()
    workshop.tick(daemon)
    workshop.marked(only(daemon), "is_running")
    server.calls.clear()

    for _second in range(int(FAST) - 2):
        workshop.tick(daemon, 1.0)
    before = list(server.made("job_state"))
    workshop.tick(daemon, 3.0)

    assert before == []
    assert server.made("job_state") == ["job_state"]


def test_a_job_that_is_not_idle_yet_is_not_started_twice(workshop: Workshop, server: FakeServer) -> None:
    """While the run script lives the job counts as running, also before its first mark."""
    workshop.write_script("job_run_script", "sleep 300")
    daemon = workshop.daemon()
    workshop.tick(daemon)

    for _restart in range(3):
        daemon = workshop.restart(daemon)
        workshop.tick(daemon, 1.0)

    until(lambda: "run" in workshop.acts())
    assert workshop.acts().count("run") == 1
    only(daemon).remove()


def test_a_job_that_leaves_no_mark_is_not_started_again(workshop: Workshop, server: FakeServer) -> None:
    """LGI treated it as one that never ran. It has run, with unknown effect."""
    workshop.write_script("job_run_script", "exit 1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    identity = only(daemon).record.run
    assert identity is not None
    until(lambda: not alive(identity))

    workshop.tick(daemon, 1.0)
    state_soon = server.jobs["1"].state
    workshop.tick(daemon, LOST_SECONDS)

    assert state_soon == "running"
    assert server.jobs["1"].state == "finished"
    assert workshop.acts().count("prologue") == workshop.acts().count("run") == 1


def test_a_failing_prologue_is_tried_again_and_nothing_is_run(workshop: Workshop, server: FakeServer) -> None:
    """A step stops at its first failure, until the next look."""
    workshop.write_script("job_prologue_script", "exit 1")
    daemon = workshop.daemon()
    workshop.tick(daemon)

    workshop.tick(daemon, FAST)

    assert workshop.acts().count("prologue") == 2
    assert "run" not in workshop.acts()


def test_an_abort_does_not_wait_for_the_details(workshop: Workshop, server: FakeServer) -> None:
    """The state of job_state counts immediately; the details are fetched later."""
    daemon = workshop.daemon()
    workshop.tick(daemon)
    workshop.marked(only(daemon), "is_running")
    server.change("1", state="aborting")
    server.fail("details", refused(ErrorNumber.DATABASE))

    workshop.tick(daemon, FAST)

    assert server.jobs["1"].state == "aborted"


def test_a_failing_abort_is_tried_again(workshop: Workshop, server: FakeServer) -> None:
    """A batch system needs two calls: the first cancels the job, the second finds that it has ended."""
    daemon = workshop.daemon()
    workshop.tick(daemon)
    workshop.marked(only(daemon), "is_running", "fail_job_abort_script")
    server.change("1", state="aborting")
    workshop.tick(daemon, FAST)
    state_between = server.jobs["1"].state
    workshop.marked(only(daemon), "is_running")

    workshop.tick(daemon, FAST)

    assert state_between == "aborting"
    assert server.jobs["1"].state == "aborted"


def test_a_job_aborted_before_it_ran_is_never_started(workshop: Workshop, server: FakeServer) -> None:
    """Hole D9: LGI 1.31 would start it."""
    workshop.write_script("job_prologue_script", "exit 1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    workshop.write_script("job_prologue_script", "")
    server.change("1", state="aborting")

    workshop.tick(daemon, FAST)

    assert server.jobs["1"].state == "aborted"
    assert "run" not in workshop.acts()


def test_a_check_script_that_hangs_decides_nothing(workshop: Workshop, server: FakeServer) -> None:
    """If a batch system does not answer, a running job must not look idle, and be started again."""
    daemon = workshop.daemon()
    workshop.tick(daemon)
    job = only(daemon)
    workshop.marked(job, "is_running")
    trusted = job.run.script(job.record, "job_check_running_script")
    trusted.chmod(0o700)
    trusted.write_text("#!/bin/sh\nsleep 60\n")
    job.script_succeeds = lambda script, seconds=0.2: type(job).script_succeeds(job, script, 0.2)  # type: ignore[method-assign]

    workshop.tick(daemon, 1.0)

    assert workshop.acts().count("prologue") == 1
    assert only(daemon) is job
