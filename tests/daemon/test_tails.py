"""The output of running jobs is sent while a user watches it, and only then."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lgi_daemon.jobs.output_sender import ASK_SECONDS, LINGER_SECONDS, MAX_BYTES, OutputSender
from lgi_daemon.loop.daemon import Daemon
from lgi_daemon.loop.long_poll import LongPoll
from lgi_protocol.errors import ErrorNumber
from tests.support.fake_server import URL, refused
from tests.support.workshop import FAST, Workshop, only


@dataclass
class Scene:
    """A daemon with a running job, and its sending on a clock set by hand."""

    workshop: Workshop
    daemon: Daemon
    tails: OutputSender = field(init=False)
    now: float = 0.0

    def __post_init__(self) -> None:
        daemon = self.daemon
        self.tails = OutputSender(
            daemon.servers, daemon.jobs, daemon.stopping, threaded=False, clock=lambda: self.now
        )
        daemon.long_polls.output_sender = self.tails
        self.watch = LongPoll("LGI", URL, 40)

    @property
    def directory(self) -> Path:
        """The job's."""
        job = only(self.daemon)
        return job.run.files(job.record).path

    def put(self, text: bytes) -> None:
        """The job puts out something more."""
        with (self.directory / "LGI_output").open("ab") as output:
            output.write(text)

    def look(self, seconds: float = 1.0) -> list[tuple[int, bytes, bool]]:
        """What is sent at one look."""
        self.now += seconds
        self.workshop.server.sent.clear()
        self.tails.send_all()
        return list(self.workshop.server.sent)

    def told(self) -> None:
        """Make one held call."""
        self.daemon.long_polls.poll(self.watch)


@pytest.fixture
def scene(workshop: Workshop) -> Scene:
    """No user watches yet."""
    daemon = workshop.daemon()
    workshop.server.submit("1")
    workshop.tick(daemon)
    workshop.marked(only(daemon), "is_running")
    return Scene(workshop, daemon)


@pytest.fixture
def watched(scene: Scene) -> Scene:
    """A user watches the job."""
    scene.workshop.server.looked_at.add("1")
    scene.told()
    return scene


def test_no_output_is_sent_while_nobody_looks(scene: Scene) -> None:
    """A daemon that was not asked for the output of a job does not read it."""
    scene.put(b"out")
    scene.told()

    assert scene.look() == []


def test_new_output_is_sent_every_second(watched: Scene) -> None:
    """The first send comes in any case: it shows the server that this daemon supports it."""
    assert watched.look() == [(0, b"", False)]
    watched.put(b"one")
    assert watched.look() == [(0, b"one", False)]
    assert watched.look() == []
    watched.put(b"two")
    assert watched.look() == [(3, b"two", False)]


def test_the_server_is_told_what_is_sent_already(watched: Scene) -> None:
    """So that it does not name the job again; a job that is looked at is none to search for."""
    searches = len(watched.workshop.server.made("request_work"))
    watched.told()

    assert watched.tails.sending("LGI", URL) == ("1",)
    assert watched.tails.sending("LGI", "https://other.test/LGI") == ()
    assert len(watched.workshop.server.made("request_work")) == searches
    assert watched.watch.announced == {}


def test_only_the_end_of_a_long_output_is_sent(watched: Scene) -> None:
    """The cost of a send is bounded, whatever the job writes."""
    watched.put(b"a" * 100 + b"b" * MAX_BYTES)

    assert watched.look() == [(100, b"b" * MAX_BYTES, False)]


def test_a_tail_ends_when_nobody_looks_any_more(watched: Scene) -> None:
    """For a while the daemon only asks whether a user has returned, and reads nothing."""
    watched.look()
    watched.workshop.server.looked_at.clear()
    watched.put(b"one")
    watched.look()
    watched.put(b"two")

    assert watched.look() == []
    assert watched.look(ASK_SECONDS) == [(3, b"", False)]
    watched.look(LINGER_SECONDS)
    assert watched.tails.sending("LGI", URL) == ()
    assert watched.look(ASK_SECONDS) == []


def test_a_reader_who_comes_back_is_sent_what_was_left_out(watched: Scene) -> None:
    """The held call still says that the job is known."""
    watched.look()
    watched.workshop.server.looked_at.clear()
    watched.look(ASK_SECONDS)
    watched.put(b"one")
    watched.workshop.server.looked_at.add("1")

    assert watched.look(ASK_SECONDS) == [(0, b"", False)]
    assert watched.look() == [(0, b"one", False)]


def test_the_end_of_the_output_is_sent_when_the_job_has_gone(watched: Scene) -> None:
    """It includes the last output, although the directory is already removed."""
    watched.look()
    watched.put(b"last words")
    workshop, daemon = watched.workshop, watched.daemon
    workshop.marked(only(daemon), "is_finished")
    workshop.tick(daemon, FAST)
    assert workshop.tree() == []

    assert watched.look() == [(0, b"last words", True)]
    assert watched.look(ASK_SECONDS) == []
    assert watched.tails.sending("LGI", URL) == ()


@pytest.mark.parametrize("error", [None, refused(ErrorNumber.NO_JOB)])
def test_a_server_that_fails_ends_the_sending(watched: Scene, error: Exception | None) -> None:
    """The job continues, and is announced again if a user still watches it."""
    watched.workshop.server.fail("send_tail", error)

    assert watched.look() == []
    assert watched.tails.sending("LGI", URL) == ()
    assert len(watched.daemon.jobs) == 1


def test_jobs_of_others_are_not_followed(scene: Scene) -> None:
    """Another daemon of the resource may have them."""
    scene.tails.start("LGI", URL, ["2"])
    scene.tails.start("LGI", "https://other.test/LGI", ["1"])

    assert scene.look() == []


def test_the_number_of_followed_jobs_is_limited(scene: Scene) -> None:
    """A user who watches thousands of jobs costs no more."""
    daemon = scene.daemon
    none = OutputSender(daemon.servers, daemon.jobs, daemon.stopping, threaded=False, max_jobs=0)

    for sender in (none, scene.tails):
        sender.start("LGI", URL, ["1"])

    assert (none.sending("LGI", URL), scene.tails.sending("LGI", URL)) == ((), ("1",))
