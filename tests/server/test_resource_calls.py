"""The calls of resources: sessions, locks, work, updates."""

import threading
import time

import pytest

from lgi_protocol.errors import ServerError
from lgi_protocol.resource_api import ResourceCalls
from tests.support.grid import CAPABILITIES, PROJECT, Grid, wait_for
from tests.support.stored_uses import stored_uses

INVARIANT = (
    "SELECT job.job_id FROM job_queue AS job LEFT JOIN running_locks AS held ON held.job_id = job.job_id"
    " WHERE (job.lock_state = 1) <> (held.job_id IS NOT NULL)"
    " OR held.job_id IS NULL AND job.lock_state <> CASE WHEN job.state = 'queued' AND EXISTS"
    " (SELECT 1 FROM job_holds WHERE job_holds.job_id = job.job_id) THEN 2 ELSE 0 END"
)


def refusal(call: object, *args: object, **kwargs: object) -> int:
    """The error number of a refused call."""
    with pytest.raises(ServerError) as refused:
        call(*args, **kwargs)  # type: ignore[operator]
    return refused.value.number


def test_a_sign_up_opens_a_session_and_stores_the_capabilities(grid: Grid) -> None:
    """Every sign-up is a session of its own; posted capabilities replace the stored ones."""
    resource = grid.resource(capabilities="<a> 1 </a>")
    first = resource.session_id

    second = resource.sign_up(CAPABILITIES)

    assert second.session_id != first
    assert second.master_server == grid.url
    assert second.max_field_size == 65355
    (row,) = grid.rows("SELECT resource_capabilities FROM active_resources WHERE project_server = 0")
    assert row["resource_capabilities"] == CAPABILITIES


def test_a_sign_off_frees_the_locks_of_its_session_only(grid: Grid) -> None:
    """Other sessions of the same resource are untouched; the ended one is error 16."""
    resource = grid.resource()
    other = ResourceCalls(resource.client, PROJECT)
    other.sign_up()
    mine, theirs = grid.user().submit(), grid.user().submit()
    resource.lock(str(mine))
    other.lock(str(theirs))
    ended = resource.session_id

    resource.sign_off()

    assert [row["job_id"] for row in grid.rows("SELECT job_id FROM running_locks")] == [theirs]
    resource.session_id = ended
    assert refusal(resource.unlock, str(mine)) == 16
    assert grid.rows(INVARIANT) == []


SESSIONS = {"missing": ("", 8), "no number": ("abc", 8), "too big": ("1" * 10, 62), "unknown": ("999999", 16)}


@pytest.mark.parametrize(("session_id", "number"), SESSIONS.values(), ids=SESSIONS.keys())
def test_calls_that_need_a_session_say_what_is_wrong_with_it(
    grid: Grid, session_id: str, number: int
) -> None:
    """8, 62 or 16, before the call's own fields are looked at."""
    resource = grid.resource()
    resource.session_id = session_id

    assert refusal(resource.lock, "abc") == number


def test_the_session_of_another_resource_is_error_16(grid: Grid) -> None:
    """Sessions belong to the resource that opened them."""
    one, two = grid.resource("res1@cluster"), grid.resource("res2@cluster")
    two.session_id = one.session_id

    assert refusal(two.lock, "1") == 16


def test_a_session_dies_after_half_an_hour_without_a_call(grid: Grid) -> None:
    """1800 s; the next sign-up of the resource removes it and its locks."""
    resource = grid.resource()
    job_id = grid.user().submit()
    with stored_uses(grid):
        resource.lock(str(job_id))
    grid.run("UPDATE running_sessions SET session_time_stamp = session_time_stamp - 1801")

    assert refusal(resource.unlock, str(job_id)) == 16
    resource.sign_up()

    assert grid.rows("SELECT lock_id FROM running_locks") == []
    assert grid.rows(INVARIANT) == []


def test_the_locks_of_a_resource_that_never_returns_are_freed_by_others(grid: Grid) -> None:
    """Any sign-up ends idle sessions, of all resources; those in use stay."""
    gone, living = grid.resource("res1@cluster"), grid.resource("res2@cluster")
    lost, kept = str(grid.user().submit()), str(grid.user().submit())
    with stored_uses(grid):
        gone.lock(lost)
        living.lock(kept)
    grid.run(
        "UPDATE running_sessions SET session_time_stamp = session_time_stamp - 7200 WHERE session_id = %s",
        gone.session_id,
    )

    offered = grid.resource("res3@cluster").request_work("hello_world", 0, 10).jobs

    assert [job.job_id for job in offered] == [lost]
    assert grid.rows(INVARIANT) == []


def test_an_unknown_resource_is_error_5(grid: Grid) -> None:
    """A valid certificate of the project's CA is not enough."""
    calls = ResourceCalls(grid.client(grid.people.resource("unknown@cluster")), PROJECT)

    assert refusal(calls.sign_up) == 5


def test_a_certificate_that_is_not_the_stored_one_is_error_2(grid: Grid) -> None:
    """The same name, signed by the same CA, is not enough."""
    grid.resource("res1@cluster")
    again = grid.people.resource("res1@cluster", ("LGI",))

    assert refusal(ResourceCalls(grid.client(again), PROJECT).sign_up) == 2


@pytest.mark.parametrize(
    ("capabilities", "number"),
    [
        ("x" * 65355, 69),
        ("<a> </b>", 73),
        ("<!DOCTYPE a><a> </a>", 73),
        ("<response> </response>", 73),
        ("<resource> </resource>", 73),
    ],
)
def test_unacceptable_capabilities_refuse_the_sign_up(grid: Grid, capabilities: str, number: int) -> None:
    """69 when too big, 73 when no XML that may stand in an answer."""
    resource = grid.resource()

    assert refusal(resource.sign_up, capabilities) == number


def test_work_is_offered_oldest_first_and_locked(grid: Grid) -> None:
    """Queued, unlocked jobs of the application for this resource or any; no second offer while locked."""
    grid.resource("res2@cluster")
    resource = grid.resource("res1@cluster")
    user = grid.user()
    jobs = [user.submit() for _ in range(3)]
    other = user.submit(target_resources="res2@cluster")
    grid.run("UPDATE job_queue SET priority = 1 WHERE job_id = %s", jobs[2])

    offer = resource.request_work("hello_world", 0, 10)

    assert offer.resource == "res1@cluster"
    assert [int(job.job_id) for job in offer.jobs] == [jobs[2], jobs[0], jobs[1]]
    assert other not in [int(job.job_id) for job in offer.jobs]
    assert refusal(resource.request_work, "hello_world", 0, 10) == 17
    assert grid.rows(INVARIANT) == []


def test_work_is_counted_without_locking_it(grid: Grid) -> None:
    """limit 0 answers only number_of_jobs."""
    resource = grid.resource()
    for _ in range(3):
        grid.user().submit()

    assert resource.count_work("hello_world") == 3
    assert resource.count_work("other") == 0
    assert grid.rows("SELECT lock_id FROM running_locks") == []


def test_owners_filter_the_offer(grid: Grid) -> None:
    """Names ask for one of them, !name refuses, any asks for everybody."""
    resource = grid.resource()
    marks = grid.user().submit()
    franks = grid.user("frank@desk", ("chem",)).submit()

    def offered(owners: str) -> list[int]:
        jobs = resource.request_work("hello_world", 0, 10, owners).jobs
        for job in jobs:
            resource.unlock(job.job_id)
        return [int(job.job_id) for job in jobs]

    assert offered("mark@laptop") == [marks]
    assert offered("  !theor, !x") == [franks]
    assert offered("chem, theor, !mark@laptop") == [franks]
    assert offered("any") == [marks, franks]
    assert offered("") == [marks, franks]
    assert offered("%") == []


def test_a_page_far_down_is_empty(grid: Grid) -> None:
    """Nothing when start >= 16 x limit, and nothing is locked."""
    resource = grid.resource()
    grid.user().submit()

    assert resource.request_work("hello_world", 16, 1).jobs == ()
    assert len(resource.request_work("hello_world", 0, 1).jobs) == 1


def test_a_job_is_locked_once(grid: Grid) -> None:
    """22 when locked, also by oneself; 21 for no target; 15 when unknown; 14 to free another's."""
    one, two = grid.resource("res1@cluster"), grid.resource("res2@cluster")
    job_id = str(grid.user().submit())
    targeted = str(grid.user().submit(target_resources="res1@cluster"))
    one.lock(job_id)

    assert refusal(one.lock, job_id) == 22
    assert refusal(two.lock, job_id) == 22
    assert refusal(two.lock, targeted) == 21
    assert refusal(two.lock, "999999") == 15
    assert refusal(two.unlock, job_id) == 14
    assert refusal(two.details, job_id) == 20
    one.unlock(job_id)
    assert refusal(one.unlock, job_id) == 14


def test_an_update_changes_what_was_posted(grid: Grid) -> None:
    """Empty fields stay; the answer is the final record; the time stamp grows with every update."""
    resource = grid.resource()
    job_id = str(grid.user().submit(input="4142", job_specifics="<a> 1 </a>"))
    (offered,) = resource.request_work("hello_world", 0, 1).jobs

    running = resource.update(
        job_id,
        state="running",
        target_resources="res1@cluster, no@where",
        job_specifics=f"<daemon_reference> AB </daemon_reference> {offered.job_specifics}",
    )
    again = resource.update(job_id, output=b"Done\x00")

    assert (running.state, running.target_resources, running.input) == ("running", ("res1@cluster",), b"AB")
    assert running.daemon_reference == "AB"
    assert running.job_specifics.count("<repository>") == 1
    assert again.output == b"Done\x00"
    assert int(offered.state_time_stamp) < int(running.state_time_stamp) < int(again.state_time_stamp)


def test_a_job_with_the_largest_specifics_can_be_taken(grid: Grid) -> None:
    """A daemon posts them back with the tags of repository and reference; also the next one can (ours)."""
    resource = grid.resource()
    text = f"<a>{'x' * (65354 - 7)}</a>"
    job_id = str(grid.user().submit(job_specifics=text))

    for reference in ("A" * 32, "B" * 32):
        (offered,) = resource.request_work("hello_world", 0, 1).jobs
        taken = f"<daemon_reference> {reference} </daemon_reference> {offered.job_specifics}"
        resource.update(job_id, state="running", job_specifics=taken)
        running = resource.details(job_id)
        resource.unlock(job_id)
        grid.set_job(int(job_id), state="queued")

        assert running.daemon_reference == reference
        assert text in running.job_specifics
    resource.lock(job_id)
    assert refusal(resource.update, job_id, job_specifics=f"{text}y") == 53


UPDATES = {
    "state too big": ({"state": "s" * 255}, 45),
    "targets too big": ({"target_resources": "t" * 255}, 50),
    "targets unknown": ({"target_resources": "no@where"}, 28),
    "specifics too big": ({"job_specifics": "x" * 65355}, 53),
    "specifics no XML": ({"job_specifics": "<a> </b>"}, 72),
    "specifics reserved": ({"job_specifics": "<x> <job> </job> </x>"}, 72),
    "specifics hiding a repository": ({"job_specifics": "<x> <repository> h:/ </repository> </x>"}, 72),
    "input too big": ({"input": b"A" * 65356}, 54),
    "output too big": ({"output": b"A" * 65356}, 55),
}


@pytest.mark.parametrize(("changes", "number"), UPDATES.values(), ids=UPDATES.keys())
def test_a_refused_update_changes_nothing(grid: Grid, changes: dict[str, str], number: int) -> None:
    """Each field its number; the job stays as it was."""
    resource = grid.resource()
    job_id = str(grid.user().submit())
    resource.lock(job_id)
    before = resource.details(job_id)

    assert refusal(resource.update, job_id, **({"state": "running"} | changes)) == number

    assert resource.details(job_id) == before


STATES = ["queued", "running", "finished", "aborting", "aborted", "postprocessing"]
ALLOWED = {
    ("queued", "queued"),
    ("queued", "running"),
    ("queued", "postprocessing"),
    ("running", "running"),
    ("running", "finished"),
    ("running", "aborted"),
    ("running", "postprocessing"),
    ("postprocessing", "running"),
    ("postprocessing", "finished"),
    ("postprocessing", "aborted"),
    ("postprocessing", "postprocessing"),
    ("aborting", "aborting"),
    ("aborting", "aborted"),
    ("aborting", "finished"),
    ("finished", "finished"),
    ("aborted", "aborted"),
}


def test_only_the_transitions_of_the_table_are_made(grid: Grid) -> None:
    """Ruling 4: every pair of states; a refused one is error 25 and leaves the state."""
    resource = grid.resource()
    job_id = str(grid.user().submit())
    resource.lock(job_id)

    for old in STATES:
        for new in [*STATES, "deleted"]:
            grid.set_job(int(job_id), state=old)
            if (old, new) in ALLOWED:
                assert resource.update(job_id, state=new).state == new
            else:
                assert refusal(resource.update, job_id, state=new) == 25
                assert resource.details(job_id).state == old


def test_a_daemon_that_lost_the_job_cannot_finish_it(grid: Grid) -> None:
    """A late finished is refused by its daemon_reference (14); a doubled one changes nothing."""
    resource = grid.resource()
    job_id = str(grid.user().submit())
    resource.lock(job_id)
    reference = "<daemon_reference> {} </daemon_reference>"
    resource.update(job_id, state="running", job_specifics=reference.format("NEW"))

    late = refusal(resource.update, job_id, state="finished", output=b"old", daemon_reference="OLD")
    robbed = refusal(resource.update, job_id, state="running", job_specifics=reference.format("OLD"))
    finished = resource.update(job_id, state="finished", output=b"new", daemon_reference="NEW")
    again = resource.update(job_id, state="finished", output=b"new", daemon_reference="NEW")

    assert (late, robbed) == (14, 14)
    assert (finished.output, again.output, again.state) == (b"new", b"new", "finished")


def test_an_update_needs_the_lock(grid: Grid) -> None:
    """Error 14 without it, also for a job that does not exist."""
    resource = grid.resource()
    job_id = str(grid.user().submit())

    assert refusal(resource.update, job_id, state="running") == 14
    assert refusal(resource.update, "999999", state="running") == 14


@pytest.mark.slow
def test_the_state_of_a_job_is_told_to_its_targets(grid: Grid) -> None:
    """No session needed; 24 for other resources, 15 for no job; the pulse is noted."""
    one, two = grid.resource("res1@cluster"), grid.resource("res2@cluster")
    job_id = str(grid.user().submit(target_resources="res1@cluster"))
    grid.run("UPDATE job_queue SET daemon_pulse = 0")

    assert one.job_state(job_id).state == "queued"
    assert refusal(two.job_state, job_id) == 24
    assert refusal(two.job_state, "999999") == 15
    wait_for(lambda: time.time() - 600 < pulse(grid) <= time.time())


def pulse(grid: Grid) -> int:
    """When a daemon last looked after the job; stored within a second or so."""
    (row,) = grid.rows("SELECT daemon_pulse FROM job_queue")
    return int(str(row["daemon_pulse"]))


def test_an_abort_within_the_second_of_the_last_update_is_seen(grid: Grid) -> None:
    """state_time_stamp differs after every change of state: daemons compare it as text."""
    resource = grid.resource()
    user = grid.user()
    job_id = user.submit()
    resource.lock(str(job_id))
    known = resource.update(str(job_id), state="running").state_time_stamp
    resource.unlock(str(job_id))

    user.delete(job_id)

    seen = resource.job_state(str(job_id))
    assert seen.state == "aborting"
    assert seen.state_time_stamp != known


def test_the_certificate_of_a_resource_is_told_to_others(grid: Grid) -> None:
    """Hex of its PEM; 43 without a name, 5 for an unknown one."""
    resource = grid.resource("res1@cluster")
    client = resource.client
    call = "resources/resource_request_resource_data"

    reply = client.post(call, {"resource_name": "LGI@localhost"})

    pem = bytes.fromhex(reply.value("requested_resource_data", "client_certificate"))
    assert pem.startswith(b"-----BEGIN CERTIFICATE-----")
    assert reply.value("requested_resource_data", "resource_url") == grid.url
    assert refusal(client.post, call, {}) == 43
    assert refusal(client.post, call, {"resource_name": "no@where"}) == 5
    assert refusal(client.post, call, {"resource_name": "n" * 255}) == 63


@pytest.mark.slow
def test_many_resources_at_once_get_every_job_exactly_once(grid: Grid) -> None:
    """Eight sessions claim forty jobs in threes: none is handed out twice, none is left over."""
    resources = [grid.resource(f"res{number}@cluster") for number in range(8)]
    jobs = {grid.user().submit() for _ in range(40)}
    taken: list[int] = []

    def work(resource: ResourceCalls) -> None:
        while offered := resource.request_work("hello_world", 0, 3).jobs:
            for job in offered:
                taken.append(int(job.job_id))
                resource.update(job.job_id, state="running")
                resource.unlock(job.job_id)

    threads = [threading.Thread(target=work, args=(resource,)) for resource in resources]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert sorted(taken) == sorted(jobs)
    assert grid.rows(INVARIANT) == []


def test_exactly_one_of_two_submits_at_the_last_place_passes(grid: Grid) -> None:
    """Checked and inserted in one transaction."""
    grid.resource()
    grid.run("UPDATE users_allowed SET job_limit = 5")
    users = [grid.user() for _ in range(8)]
    outcomes: list[int] = []

    def submit(number: int) -> None:
        fields = {"application": "hello_world", "target_resources": "any"}
        outcomes.append(users[number].refusal("interface_submit_job", **fields))

    threads = [threading.Thread(target=submit, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert sorted(outcomes) == [0] * 5 + [33] * 3
    assert len(grid.rows("SELECT job_id FROM job_queue")) == 5
