"""What a running job has put out so far (interface_job_tail, resource_job_tail)."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from lgi_protocol import hexcode
from lgi_protocol.errors import ErrorNumber
from lgi_protocol.reply import Reply
from lgi_protocol.resource_api import ResourceCalls
from lgi_protocol.work_offer import WATCHED
from lgi_server.services.jobs.live_output import INTEREST, KEPT, MEMORY
from tests.support.grid import Grid, UserCalls, refusal, wait_for

NAME = "res1@cluster"
REFERENCE = "0123456789abcdef"


@dataclass
class Running:
    """A job that runs, its user and its resource."""

    grid: Grid
    user: UserCalls
    resource: ResourceCalls
    job_id: int

    def look(self, offset: int = 0, wait: int = 0) -> Reply:
        """What the user sees."""
        fields = {"wait": str(wait)} if wait else {}
        return self.user.post("interface_job_tail", job_id=str(self.job_id), offset=str(offset), **fields)

    def watch(self) -> None:
        """The user looks for the first time, and that is noted."""
        self.look()
        wait_for(lambda: self.grid.rows("SELECT job_id FROM job_tails"))

    def send(self, offset: int, data: bytes, complete: bool = False) -> bool:
        """What the daemon sends."""
        return self.resource.send_tail(str(self.job_id), REFERENCE, offset, data, complete=complete)

    def awaited(self, seconds: int = 0, watched: tuple[str, ...] = ()) -> list[tuple[str, str]]:
        """Return the watched jobs in the answer to a waiting resource."""
        found = self.resource.poll_work(["hello_world"], (), seconds, watched=watched)
        return [(job.job_id, job.state) for job in found]


@pytest.fixture
def running(grid: Grid) -> Running:
    """A job that a daemon has taken."""
    user, resource = grid.user(), grid.resource(NAME)
    job_id = user.submit()
    resource.lock(str(job_id))
    specifics = f"<daemon_reference> {REFERENCE} </daemon_reference>"
    resource.update(str(job_id), state="running", target_resources=NAME, job_specifics=specifics)
    resource.unlock(str(job_id))
    return Running(grid, user, resource, job_id)


def data(reply: Reply) -> tuple[int, bytes]:
    """From which byte on, and what."""
    return reply.number("offset"), hexcode.decode(reply.value("tail"))


def soon(call: Callable[[], Reply], act: Callable[[], object]) -> Reply:
    """The answer of a call that waits until something is done."""
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(call)
        time.sleep(0.4)
        assert not answer.done()
        act()
        return answer.result(60)


@pytest.mark.slow
def test_the_output_of_a_job_is_seen_as_it_comes(running: Running) -> None:
    """The first request makes the resource send output; each further one returns what follows."""
    assert running.awaited() == []

    with ThreadPoolExecutor(1) as pool:
        told = pool.submit(running.awaited, 50)
        first = running.look()
        assert told.result(60) == [(str(running.job_id), WATCHED)]
    running.send(0, b"one\n")
    second = running.look()
    third = soon(lambda: running.look(4, wait=50), lambda: running.send(4, b"two\n"))

    assert (data(first), first.number("told"), first.value("state")) == ((0, b""), 0, "running")
    assert (data(second), second.number("told")) == ((0, b"one\n"), 1)
    assert data(third) == (4, b"two\n")


def test_no_resource_is_told_of_jobs_that_nobody_looks_at(running: Running) -> None:
    """Output of such a job is not stored either, and the answer makes the daemon stop."""
    assert running.send(0, b"x") is False
    assert running.grid.rows("SELECT job_id FROM job_tails") == []


def test_an_old_daemon_is_told_nothing_new(running: Running) -> None:
    """It would take the job for one to search for."""
    running.watch()
    fields = {"project": "LGI", "applications": "hello_world"}

    assert running.resource.client.post("resources/resource_wait", fields).number("number_of_jobs") == 0
    assert running.awaited() == [(str(running.job_id), WATCHED)]


def test_a_job_that_is_sent_already_is_no_news(running: Running) -> None:
    """The request names the jobs whose output the daemon sends."""
    running.watch()

    assert running.awaited(watched=(str(running.job_id),)) == []


@pytest.mark.slow
def test_other_resources_are_told_nothing(running: Running) -> None:
    """If they send output of the job they get error NOT_VISIBLE."""
    running.watch()
    other = running.grid.resource("res2@cluster")
    running.resource = other

    assert running.awaited() == []
    assert refusal(lambda: running.send(0, b"x")) == ErrorNumber.NOT_VISIBLE


def test_another_daemon_of_the_resource_may_not_send(running: Running) -> None:
    """The job's reference says whose it is."""
    running.watch()
    send = running.resource.send_tail

    assert refusal(lambda: send(str(running.job_id), "another", 0, b"x")) == ErrorNumber.NOT_YOUR_LOCK
    assert refusal(lambda: send("99999", REFERENCE, 0, b"x")) == ErrorNumber.NO_JOB
    assert refusal(lambda: send("x", REFERENCE, 0, b"x")) == ErrorNumber.JOB_ID


def test_only_a_reader_of_a_job_sees_its_output(running: Running) -> None:
    """The request of another user does not make the job watched."""
    eve = running.grid.user("eve@desk", ("others",))

    assert eve.refusal("interface_job_tail", job_id=str(running.job_id)) == ErrorNumber.READ_REFUSED
    assert eve.refusal("interface_job_tail", job_id="99999") == ErrorNumber.NO_JOB
    assert eve.refusal("interface_job_tail") == ErrorNumber.JOB_ID
    assert (
        eve.refusal("interface_job_tail", job_id=str(running.job_id), offset="x") == ErrorNumber.START_TOO_BIG
    )


def test_only_the_end_of_an_output_is_kept(running: Running) -> None:
    """A user who has seen less gets the offset of the first kept byte; a request beyond the end waits."""
    running.watch()
    running.send(0, b"a" * 50_000)
    running.send(50_000, b"b" * 50_000)

    begin, text = data(running.look(10))

    assert (begin, len(text)) == (100_000 - KEPT, KEPT)
    assert data(running.look(99_999)) == (99_999, b"b")
    assert data(running.look(100_000)) == (100_000, b"")
    assert data(running.look(999_999_999)) == (100_000, b"")


def test_a_piece_that_does_not_follow_replaces_the_output_before_it(running: Running) -> None:
    """The job puts out more than is sent, or its daemon was started again."""
    running.watch()
    running.send(0, b"begin")

    running.send(1000, b"later")

    assert data(running.look()) == (1000, b"later")


@pytest.mark.slow
def test_the_end_of_an_output_is_answered(running: Running) -> None:
    """At once, also to who has seen everything; the resource need send no more."""
    running.watch()
    running.send(0, b"all")

    reply = soon(lambda: running.look(3, wait=50), lambda: running.send(3, b"", complete=True))

    assert reply.number("complete") == 1
    assert running.awaited() == []
    began = time.monotonic()
    assert running.look(3, wait=50).number("complete") == 1
    assert time.monotonic() - began < 30


def test_a_daemon_that_sends_nothing_is_no_reason_to_wait(running: Running) -> None:
    """Once the job has ended, a look is answered at once with what there is."""
    running.watch()
    running.grid.set_job(running.job_id, state="finished")
    began = time.monotonic()

    reply = running.look(0, wait=50)

    assert (reply.value("state"), reply.number("told")) == ("finished", 0)
    assert time.monotonic() - began < 30


@pytest.mark.slow
def test_a_daemon_hears_when_nobody_looks_any_more(running: Running) -> None:
    """Half a minute after the last look."""
    running.watch()
    assert running.send(0, b"x") is True

    running.grid.run("UPDATE job_tails SET asked = asked - %s", INTEREST + 2)

    assert running.send(1, b"y") is False
    assert running.awaited() == []


@pytest.mark.slow
def test_an_output_that_nobody_looks_at_is_forgotten(running: Running) -> None:
    """It is deleted when another output is requested later, or with its job."""
    running.watch()
    running.grid.run("UPDATE job_tails SET asked = asked - %s", MEMORY + 2)
    other = Running(running.grid, running.user, running.resource, running.user.submit())

    other.look()
    wait_for(lambda: running.grid.rows("SELECT job_id FROM job_tails") == [{"job_id": other.job_id}])
    running.user.delete(other.job_id)

    assert running.grid.rows("SELECT job_id FROM job_tails") == []


@pytest.mark.slow
def test_many_readers_may_look_at_once(running: Running) -> None:
    """All are woken by one piece; the notes of their looks do not get into each other's way."""
    running.watch()
    seen: list[tuple[int, bytes]] = []
    threads = [threading.Thread(target=lambda: seen.append(data(running.look(0, wait=50)))) for _ in range(5)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    running.send(0, b"all see it")
    for thread in threads:
        thread.join(60)

    assert seen == [(0, b"all see it")] * 5
