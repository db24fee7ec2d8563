"""SIGHUP: the configuration is read again while jobs run."""

from dataclasses import replace

import pytest

from lgi_daemon.config.rules import LimitRules
from tests.support.workshop import FAST, SLOW, Workshop, only


def test_new_limits_hold_at_once_and_both_cycles_run(workshop: Workshop) -> None:
    """The second job had no place; the administrator makes one."""
    workshop.rules = LimitRules({"any": 1}, (), 1)
    for job_id in ("1", "2"):
        workshop.server.submit(job_id)
    daemon = workshop.daemon()
    workshop.tick(daemon)
    workshop.marked(only(daemon), "is_running")
    workshop.server.calls.clear()
    workshop.rules = LimitRules({"any": 2}, (), 2)

    daemon.reconfigure(workshop.configuration)
    workshop.tick(daemon, 1.0)

    assert workshop.server.jobs["2"].state == "running"
    assert "job_state" in workshop.server.calls


def test_lower_limits_end_no_job(workshop: Workshop) -> None:
    """Present jobs stay, and count."""
    for job_id in ("1", "2"):
        workshop.server.submit(job_id)
    daemon = workshop.daemon()
    workshop.tick(daemon)
    for job in daemon.jobs:
        workshop.marked(job, "is_running")
    workshop.rules = LimitRules({"any": 1}, ("mark@laptop",), 1)

    daemon.reconfigure(workshop.configuration)
    workshop.server.submit("3")
    workshop.tick(daemon, SLOW)

    assert [job.state for job in workshop.server.jobs.values()] == ["running", "running", "queued"]
    assert "abort" not in workshop.acts()


def test_jobs_of_a_project_that_is_gone_are_looked_after_to_their_end(workshop: Workshop) -> None:
    """Their server, certificate and scripts are in their records."""
    workshop.server.submit("1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    workshop.marked(only(daemon), "is_finished")
    configuration = workshop.configuration
    other = replace(configuration.projects[0], name="Other", master_server="https://other.test/LGI")

    daemon.reconfigure(replace(configuration, projects=(other,)))
    workshop.tick(daemon, FAST)

    assert workshop.server.jobs["1"].state == "finished"
    assert workshop.tree() == []


def test_the_run_directory_cannot_change(workshop: Workshop) -> None:
    """The jobs are in this one: the old configuration stays, and the message says what to do."""
    daemon = workshop.daemon()
    elsewhere = replace(workshop.configuration, run_directory=workshop.place / "elsewhere")

    with pytest.raises(ValueError, match="while the daemon runs: stop it and start it again"):
        daemon.reconfigure(elsewhere)

    assert daemon.configuration.run_directory == workshop.run_path
