"""Asking for work: who is asked, what is taken, what is given back."""

import pytest

from lgi_daemon.config.rules import LimitRules
from lgi_protocol.daemon_reference import without_reference
from lgi_protocol.errors import ErrorNumber
from lgi_protocol.job_directory import HASHED, JobDirectory
from tests.support.fake_server import URL, FakeServer, refused
from tests.support.workshop import FAST, SLOW, Workshop, only


def test_an_accepted_job_is_whole_on_disk_and_ours_at_the_server(workshop: Workshop) -> None:
    """All documented files with their digests; the reference stands in front of the job's specifics."""
    workshop.server.submit("1", specifics="<seconds> 1 </seconds>")
    daemon = workshop.daemon()

    workshop.tick(daemon)

    record = only(daemon).record
    directory = JobDirectory(daemon.run.files(record).path)
    directory.verify()
    assert {name for name in HASHED if directory.read(name)} == set(HASHED)
    assert directory.text("LGI_target_resources") == "cluster@test"
    assert directory.read("LGI_input") == b"hi"
    reference = f"<daemon_reference> {record.reference} </daemon_reference>"
    assert workshop.server.jobs["1"].job_specifics == f"{reference} <seconds> 1 </seconds>"


def test_an_accepted_job_is_on_disk_before_the_server_is_told(workshop: Workshop) -> None:
    """A kill during the update must find the job on disk."""
    workshop.server.submit("1")
    daemon = workshop.daemon()
    workshop.server.fail("update", KeyboardInterrupt())  # type: ignore[arg-type]

    with pytest.raises(KeyboardInterrupt):
        workshop.tick(daemon)

    (name,) = workshop.tree()
    record = workshop.run_path / ".records" / name.removeprefix("JOB_") / "record.json"
    assert record.stat().st_mode & 0o777 == 0o600
    assert not (workshop.run_path / "LGI/hello_world" / name / "LGI_input").exists()


def test_earlier_references_do_not_pile_up_in_the_specifics() -> None:
    """LGI 1.31 adds 72 bytes at each acceptance, until the field is full."""
    assert without_reference("<daemon_reference> A </daemon_reference> <a> 1 </a>") == "<a> 1 </a>"
    assert without_reference("<a> <daemon_reference> in </daemon_reference> </a>") == (
        "<a> <daemon_reference> in </daemon_reference> </a>"
    )


def test_a_job_refused_by_its_limits_script_is_unlocked_and_leaves_nothing(workshop: Workshop) -> None:
    """job_check_limits_script is run before the claim; another resource may take the job."""
    workshop.server.submit("1")
    workshop.write_script("job_check_limits_script", "exit 1")
    daemon = workshop.daemon()

    workshop.tick(daemon)

    assert workshop.server.jobs["1"].state == "queued"
    assert workshop.server.locks == {}
    assert workshop.tree() == []
    assert list((workshop.run_path / ".records").iterdir()) == []


def test_a_job_that_is_not_taken_is_always_unlocked(workshop: Workshop) -> None:
    """There are two cores; the third job is free for others."""
    workshop.rules = LimitRules({"any": 10}, (), 10, cpu_limit=2)
    for job_id in ("1", "2", "3"):
        workshop.server.submit(job_id)
    daemon = workshop.daemon()

    workshop.tick(daemon)

    assert [job.state for job in workshop.server.jobs.values()] == ["running", "running", "queued"]
    assert workshop.server.locks == {}
    assert workshop.server.made("unlock") == ["unlock"] * 3


def test_many_jobs_that_are_not_taken_are_freed_by_one_call(workshop: Workshop) -> None:
    """The end of the session unlocks them; a claimed job is unlocked immediately."""
    workshop.rules = LimitRules({"any": 10}, (), 10, cpu_limit=2)
    for job_id in range(1, 9):
        workshop.server.submit(str(job_id))
    daemon = workshop.daemon()

    workshop.tick(daemon)

    server = workshop.server
    assert sorted(job.state for job in server.jobs.values()) == ["queued"] * 6 + ["running"] * 2
    assert (server.locks, server.sessions) == ({}, set())
    assert server.made("unlock", "sign_off") == ["unlock", "unlock", "sign_off"]


@pytest.mark.slow
def test_the_next_page_is_asked_for_in_another_session(workshop: Workshop) -> None:
    """A server offers nothing to a session that holds a job."""
    workshop.write_script("job_check_limits_script", "exit 1")
    for job_id in range(1, 45):
        workshop.server.submit(str(job_id))
    daemon = workshop.daemon()

    workshop.tick(daemon)

    server = workshop.server
    assert [asked["start"] for asked in server.asked] == [0, 10, 30]
    assert (server.locks, server.sessions, server.made("unlock")) == ({}, set(), [])
    assert server.made("sign_up", "sign_off") == ["sign_up", "sign_off"] * 3


@pytest.mark.parametrize("is_only_the_answer", [False, True])
def test_a_sign_off_that_is_lost_is_repeated_once_the_server_answers(
    workshop: Workshop, is_only_the_answer: bool
) -> None:
    """Until then the server keeps what it has offered, half an hour long, from this daemon too."""
    workshop.rules = LimitRules({"any": 10}, (), 10, cpu_limit=2)
    for job_id in range(1, 9):
        workshop.server.submit(str(job_id))
    workshop.server.fail("sign_off", after=is_only_the_answer)
    daemon = workshop.daemon()
    workshop.tick(daemon)
    left = len(workshop.server.locks)
    for job in daemon.jobs:
        workshop.marked(job, "is_finished")

    workshop.tick(daemon, FAST)
    workshop.tick(daemon, FAST)

    server = workshop.server
    assert left == (0 if is_only_the_answer else 6)
    assert (server.locks, server.sessions) == ({}, set())
    assert [job.state for job in server.jobs.values()].count("queued") == 4


def test_a_busy_servers_sessions_are_ended_later(workshop: Workshop) -> None:
    """As one whose sign-off is lost; one that the server does not know needs no end."""
    workshop.server.fail("sign_off", refused(ErrorNumber.BACK_OFF))
    workshop.server.submit("1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    left = len(workshop.server.sessions)

    workshop.tick(daemon, SLOW)
    ended = len(workshop.server.sessions)
    workshop.server.fail("sign_off", refused(ErrorNumber.NO_SESSION))
    workshop.tick(daemon, SLOW)
    made = len(workshop.server.made("sign_off"))
    workshop.tick(daemon, SLOW)

    assert (left, ended) == (1, 0)
    assert len(workshop.server.made("sign_off")) == made + 1


def test_a_refused_claim_leaves_nothing(workshop: Workshop) -> None:
    """The server says no: the directory goes and the job is unlocked."""
    workshop.server.submit("1")
    workshop.server.fail("update", refused(ErrorNumber.NO_TARGET))
    daemon = workshop.daemon()

    workshop.tick(daemon)

    assert (workshop.tree(), workshop.server.locks, len(daemon.jobs)) == ([], {}, 0)


def test_system_limits_keep_the_server_from_being_asked(workshop: Workshop) -> None:
    """check_system_limits_script with another exit status than 0: no work for that application now."""
    workshop.server.submit("1")
    workshop.write_script("check_system_limits_script", "exit 3")
    daemon = workshop.daemon()

    workshop.tick(daemon)

    assert workshop.server.made("request_work") == []


def test_the_system_limits_script_knows_what_it_is_asked_about(workshop: Workshop) -> None:
    """One script can answer for several applications; it runs in the run directory."""
    workshop.write_script("check_system_limits_script", 'echo "$LGI_PROJECT $LGI_APPLICATION" > asked')
    daemon = workshop.daemon()

    workshop.tick(daemon)

    assert (workshop.run_path / "asked").read_text() == "LGI hello_world\n"


def test_a_full_resource_asks_no_server(workshop: Workshop) -> None:
    """Not even a sign-up is made while no job could be taken."""
    workshop.rules = LimitRules({"any": 1}, (), 1)
    workshop.server.submit("1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    workshop.marked(only(daemon), "is_running")
    workshop.server.calls.clear()

    workshop.tick(daemon, FAST)

    assert workshop.server.made("sign_up", "request_work") == []


def test_denied_owners_are_refused_though_the_server_offers(workshop: Workshop) -> None:
    """The filter is a courtesy; the daemon decides itself."""
    workshop.rules = LimitRules({"any": 5}, ("evil",), 5)
    workshop.server.submit("1", owners=("evil",))
    daemon = workshop.daemon()

    workshop.tick(daemon)

    assert workshop.server.asked[0]["owners"] == "!evil"
    assert workshop.server.jobs["1"].state == "queued"


def test_jobs_are_taken_while_there_are_cores_for_them(workshop: Workshop) -> None:
    """Of eight, three and four are in use: the job of two stays for others, that of one is taken."""
    workshop.rules = LimitRules({"any": 10}, (), 10, cpu_limit=8)
    for job_id, cpus in {"1": 3, "2": 4, "3": 2, "4": 1}.items():
        workshop.server.submit(job_id, specifics=f"<cpus> {cpus} </cpus>")
    daemon = workshop.daemon()

    workshop.tick(daemon)

    assert [job.state for job in workshop.server.jobs.values()] == ["running", "running", "queued", "running"]
    assert workshop.server.locks == {}


def test_all_pages_are_looked_through_while_nothing_is_taken(workshop: Workshop) -> None:
    """Forty jobs of others do not hide the forty-first."""
    workshop.rules = LimitRules({"mark": 5}, (), 5)
    for number in range(40):
        workshop.server.submit(str(number), owners=("bob",))
    workshop.server.submit("99", owners=("mark",))
    daemon = workshop.daemon()

    workshop.tick(daemon)

    assert [ask["start"] for ask in workshop.server.asked] == [0, 5, 15, 35]
    assert workshop.server.jobs["99"].state == "running"
    assert workshop.server.locks == {}


@pytest.mark.parametrize(("job_limit", "requested"), [(5, 5), (20, 20), (1000, 256)])
def test_no_more_jobs_are_requested_than_there_is_room_for(
    workshop: Workshop, job_limit: int, requested: int
) -> None:
    """What is offered is locked for everybody else; LGI requests at least 32."""
    workshop.rules = LimitRules({"any": job_limit}, (), job_limit)
    daemon = workshop.daemon()

    workshop.tick(daemon)

    assert workshop.server.asked[0]["limit"] == requested


def test_the_room_that_a_rejected_job_leaves_is_used(workshop: Workshop) -> None:
    """More is requested in the same cycle while the queue has jobs, up to the free capacity."""
    workshop.rules = LimitRules({"mark": 4}, (), 4)
    for job_id, owner in {"1": "bob", "2": "mark", "3": "bob", "4": "mark", "5": "mark", "6": "mark"}.items():
        workshop.server.submit(job_id, owners=(owner,))
    daemon = workshop.daemon()

    workshop.tick(daemon)

    asked = [(one["start"], one["limit"]) for one in workshop.server.asked]
    assert asked == [(0, 4), (2, 2)]
    assert [job.state for job in workshop.server.jobs.values()].count("running") == 4
    assert workshop.server.locks == {}


def test_slave_servers_are_asked_too_and_a_dead_one_holds_up_nobody(workshop: Workshop) -> None:
    """The list comes from the master's sign-up; slaves are asked in reverse order, as LGI."""
    living = "https://slave.test/LGI"
    workshop.server.slaves = (living, "https://dead.test/LGI")
    workshop.servers[living] = FakeServer(living)
    workshop.servers[living].submit("7")
    daemon = workshop.daemon()

    workshop.tick(daemon)

    assert workshop.servers["https://dead.test/LGI"].made("sign_up") == ["sign_up"]
    assert only(daemon).record.server == living
    assert only(daemon).record.master_server == URL


def test_a_server_is_left_alone_after_a_back_off(workshop: Workshop) -> None:
    """Hole D5: As long as it asks, plus up to half of it; the daemon does not wait meanwhile."""
    workshop.server.fail("sign_up", refused(ErrorNumber.BACK_OFF, timeout=1000))
    daemon = workshop.daemon()
    workshop.tick(daemon)

    workshop.tick(daemon, SLOW)
    early = len(workshop.server.made("sign_up"))
    workshop.tick(daemon, 2 * SLOW)

    assert early == 1
    assert len(workshop.server.made("sign_up")) == 2


def test_daemons_that_were_sent_away_together_do_not_return_together(workshop: Workshop) -> None:
    """Each waits as long as it was asked to and up to half as long again, another time each."""
    servers = workshop.daemon().servers

    pauses = [servers.back_off(URL, 100.0) for _daemon in range(50)]

    assert all(100.0 <= pause <= 150.0 for pause in pauses)
    assert max(pauses) - min(pauses) > 10.0


def test_a_dead_server_is_tried_twice_a_minute(workshop: Workshop) -> None:
    """After ten seconds, then after twenty (and half of it more)."""
    workshop.server.submit("1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    workshop.marked(only(daemon), "is_running")
    workshop.server.calls.clear()
    workshop.server.fail("job_state", times=100)

    for _second in range(600):
        workshop.tick(daemon, 1.0)

    # The first one is due after a fast cycle.
    assert 15 <= len(workshop.server.made("job_state")) <= 26


def test_a_server_that_is_back_is_asked_for_work_within_half_a_minute(workshop: Workshop) -> None:
    """After an outage of minutes, whatever the slow cycle; the cycles of LGI are ten minutes."""
    workshop.server.fail("sign_up", times=10_000)
    daemon = workshop.daemon()
    for _second in range(400):
        workshop.tick(daemon, 1.0)
    tries = len(workshop.server.made("sign_up"))
    workshop.server.faults.clear()
    workshop.server.submit("1")

    for _second in range(31):
        workshop.tick(daemon, 1.0)

    assert 12 <= tries <= 22
    assert workshop.server.jobs["1"].state == "running"


def test_no_new_work_is_begun_when_the_daemon_is_to_stop(workshop: Workshop) -> None:
    """The current call ends, locks are freed, sessions signed off; no further job is taken."""
    for job_id in ("1", "2", "3"):
        workshop.server.submit(job_id)
    daemon = workshop.daemon()
    daemon.set_callbacks(lambda: "update" in workshop.server.calls)

    workshop.tick(daemon)

    assert [job.state for job in workshop.server.jobs.values()] == ["running", "queued", "queued"]
    assert (workshop.server.locks, workshop.server.sessions) == ({}, set())
    assert "prologue" not in workshop.acts()


def test_work_is_asked_for_sooner_after_a_job_ended(workshop: Workshop) -> None:
    """A free place does not stay empty for a slow cycle."""
    workshop.server.submit("1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    workshop.marked(only(daemon), "is_running")
    workshop.tick(daemon, FAST)
    workshop.marked(only(daemon), "is_finished")
    workshop.tick(daemon, FAST)
    workshop.server.calls.clear()

    workshop.tick(daemon, FAST)

    assert workshop.server.made("request_work") == ["request_work"]


def test_a_job_that_waits_for_a_place_gets_it_at_once(workshop: Workshop) -> None:
    """Offers that were not taken for lack of capacity are requested again when a job has ended."""
    workshop.rules = LimitRules({"any": 1}, (), 5)
    for job_id in ("1", "2"):
        workshop.server.submit(job_id)
    daemon = workshop.daemon()
    workshop.tick(daemon)
    workshop.marked(only(daemon), "is_finished")
    workshop.tick(daemon, 1.0)

    workshop.tick(daemon, 1.0)

    assert workshop.server.jobs["2"].state == "running"
