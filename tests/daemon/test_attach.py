"""Sessions of LGI_attach in a daemon: with which jobs they are possible, and what servers can do by them."""

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import pytest

from lgi_daemon.jobs import attach_rules, attach_sessions
from lgi_daemon.jobs.attach_sessions import MOST, MOST_KNOWN, AttachSessions
from lgi_daemon.jobs.job import LocalJob
from lgi_daemon.loop.daemon import Daemon
from lgi_protocol.attach_frames import Frame, FrameReader, Kind, Start
from lgi_protocol.exchange import AttachRequest
from lgi_protocol.hexcode import decode, encode
from lgi_protocol.reply import Reply
from tests.support.fake_server import URL
from tests.support.workshop import Workshop, only, until

# A run script that goes on until its job is killed.
RUNS = "exec sleep 1000"


@dataclass
class Line:
    """The server's side of one session: what the user sends, and what comes for the user."""

    input: bytes = b""
    output: bytes = b""
    closed: bool = False
    news: threading.Condition = field(default_factory=threading.Condition)

    def call(self, fields: Mapping[str, str]) -> Reply:
        """Answer a call of the daemon; one that waits is held until there is something."""
        with self.news:
            self.output += decode(fields.get("data", ""))[max(len(self.output) - int(fields["offset"]), 0) :]
            self.closed |= "close" in fields
            self.news.notify_all()
            received = int(fields["received"])
            if "wait" in fields:
                self.news.wait_for(lambda: self.closed or len(self.input) > received, 20)
            new = self.input[received:] if "data" not in fields else b""
            return Reply(
                f"<accepted> {len(self.output)} </accepted> <offset> {received} </offset>"
                f" <data> {encode(new)} </data> <ended> {int(self.closed)} </ended>"
            )

    def send(self, *frames: Frame) -> None:
        """Let the user send frames."""
        with self.news:
            self.input += b"".join(one.write() for one in frames)
            self.news.notify_all()

    def close(self) -> None:
        """Let the user go."""
        with self.news:
            self.closed = True
            self.news.notify_all()

    def frames(self) -> list[Frame]:
        """What has come for the user."""
        return list(FrameReader().feed(self.output))

    def of(self, kind: Kind) -> bytes:
        """All content of a kind."""
        return b"".join(one.data for one in self.frames() if one.kind is kind)


@dataclass
class Scene:
    """A daemon with a job, and its sessions."""

    workshop: Workshop
    daemon: Daemon
    allowed: bool = True
    lines: dict[str, Line] = field(default_factory=dict)
    references: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.sessions = AttachSessions(self, self.daemon.jobs, lambda: self.allowed)  # type: ignore[arg-type]

    def connect(self, _project: str, _server: str) -> "Scene":
        """Be the servers, and the calls of one."""
        return self

    def attach_stream(self, reference: str, fields: Mapping[str, str]) -> Reply:
        """Answer a call."""
        self.references.add(reference)
        return self.lines[fields["session"]].call(fields)

    @property
    def job(self) -> LocalJob:
        """The job."""
        return only(self.daemon)

    def begin(self, number: int = 1, job_id: str = "1", project: str = "LGI", server: str = URL) -> Line:
        """Have a server begin a session."""
        token = f"{number:032x}"
        line = self.lines.setdefault(token, Line())
        self.sessions.start(project, server, [AttachRequest(job_id, token)])
        return line

    def refused(self, number: int = 1) -> str:
        """Why a session is refused."""
        line = self.begin(number)
        until(lambda: line.closed)
        return line.of(Kind.REFUSAL).decode()


@pytest.fixture
def scene(workshop: Workshop) -> Iterator[Scene]:
    """The run script of the job runs."""
    workshop.write_script("job_run_script", f": > is_running\n{RUNS}")
    daemon = workshop.daemon()
    workshop.server.submit("1")
    workshop.tick(daemon)
    made = Scene(workshop, daemon)
    until(made.job.is_alive)
    yield made
    for line in made.lines.values():
        line.close()
    made.sessions.close()
    for job in daemon.jobs:
        job.kill_processes()
        job.remove()


def test_a_command_is_run_for_the_user_and_its_end_is_told(scene: Scene) -> None:
    """With the reference of the job in each call, which proves that the daemon has it."""
    line = scene.begin()
    line.send(
        Start(("sh", "-c", "cat; echo problem >&2; exit 5")).frame(),
        Frame(Kind.DATA, b"hi\n"),
        Frame(Kind.END),
    )

    until(lambda: line.of(Kind.EXIT) == b"5")

    assert (line.of(Kind.DATA), line.of(Kind.ERRORS)) == (b"hi\n", b"problem\n")
    assert scene.references == {scene.job.record.reference}
    until(lambda: line.closed)


def test_the_program_has_the_limits_and_the_user_of_the_job(scene: Scene) -> None:
    """And the cores of its run script; but no variable that only scripts have."""
    line = scene.begin()
    run = scene.job.record.run
    assert run is not None
    os.sched_setaffinity(run.pid, {min(os.sched_getaffinity(0))})
    line.send(Start(("sh", "-c", "pwd; id -u; env; grep Cpus_allowed_list /proc/self/status")).frame())

    until(lambda: line.of(Kind.EXIT) == b"0")

    directory, uid, *rest = line.of(Kind.DATA).decode().splitlines()
    record = scene.job.record
    assert directory == str(scene.job.run.files(record).path)
    assert int(uid) == (record.uid if scene.job.run.sandboxed else os.geteuid())
    assert f"LGI_DAEMON_REFERENCE={record.reference}" in rest
    assert not [one for one in rest if one.startswith(("LGI_STATE_DIRECTORY", "LGI_LIBRARY"))]
    assert rest[-1].split()[-1] == str(min(os.sched_getaffinity(0)))


def test_a_user_who_goes_takes_the_program_along(scene: Scene) -> None:
    """Also one that ignores the hang-up, and its children."""
    line = scene.begin()
    line.send(Start(("sh", "-c", "trap '' HUP; sleep 1000 & echo $$ $!; wait")).frame())
    until(lambda: line.of(Kind.DATA).endswith(b"\n"))
    pids = line.of(Kind.DATA).split()

    line.close()

    until(lambda: not any(os.path.exists(f"/proc/{pid.decode()}") for pid in pids))
    assert scene.job.is_alive()


def test_the_end_of_the_job_ends_the_program(scene: Scene) -> None:
    """The user is told; nothing is started beside a job that has ended."""
    line = scene.begin()
    line.send(Start(("sh", "-c", "echo $$; exec sleep 1000")).frame())
    until(lambda: line.of(Kind.DATA).endswith(b"\n"))
    pid = int(line.of(Kind.DATA))

    scene.job.kill_processes()

    until(lambda: line.closed)
    until(lambda: not os.path.exists(f"/proc/{pid}"))
    assert "the job does not run on this machine itself, or has just ended" in scene.refused(2)


def test_a_program_cannot_be_started_between_the_end_of_a_job_and_its_removal(scene: Scene) -> None:
    """It would outlive the job, with a uid that the next one may get."""
    line = scene.begin()
    scene.job.save(ending="finished")

    line.send(Start(("true",)).frame())

    until(lambda: line.closed)
    assert b"the job has ended" in line.of(Kind.REFUSAL)
    assert line.of(Kind.EXIT) == b""


@pytest.mark.parametrize("frame", [Frame(Kind.DATA, b"x"), Frame(Kind.START, b"{"), Frame(Kind.EXIT)])
def test_a_session_that_begins_in_another_way_is_refused(scene: Scene, frame: Frame) -> None:
    """Whatever comes is no command."""
    line = scene.begin()
    line.send(frame)

    until(lambda: line.closed)

    assert line.of(Kind.REFUSAL)


def test_a_resource_has_no_sessions_unless_its_owner_allows_them(scene: Scene) -> None:
    """A session that runs ends when they are forbidden."""
    line = scene.begin()
    line.send(Start(("sleep", "1000")).frame())
    scene.allowed = False

    until(lambda: line.closed)

    assert b"does not allow LGI_attach" in line.of(Kind.REFUSAL)
    assert "does not allow LGI_attach" in scene.refused(2)


def test_a_configuration_allows_no_sessions_by_default(workshop: Workshop) -> None:
    """Each daemon begins so."""
    assert workshop.configuration.attach is False


def test_a_session_is_begun_for_jobs_of_the_server_that_names_it(scene: Scene) -> None:
    """No other server or project has a way to them, and a name that is none is not answered."""
    lines = [
        scene.begin(1, server="https://other/LGI"),
        scene.begin(2, project="other"),
        scene.begin(3, job_id="2"),
    ]
    scene.sessions.start("LGI", URL, [AttachRequest("1", "../x"), AttachRequest("1", "")])

    assert not scene.references
    assert not any(line.closed for line in lines)


def test_a_server_that_names_sessions_without_end_gets_few(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The threads are bounded, and so is what is remembered."""
    begun: list[Callable[[], object]] = []
    monkeypatch.setattr(attach_sessions.threading.Thread, "start", lambda thread: begun.append(thread.run))

    for number in range(200):
        scene.begin(number)

    assert len(begun) == MOST + attach_sessions.MOST_REFUSALS
    assert len(scene.sessions.known("LGI", URL)) == MOST_KNOWN
    assert scene.sessions.known("LGI", "https://other/LGI") == ()


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("backend=slurm\n. LGI_backend", "the job is run by slurm"),
        ("export backend='pbs'  # here\n. LGI_backend", "the job is run by pbs"),
        ("backend=process\ncontainer=podman\n. LGI_backend", "in a container of podman"),
        ("backend=process\nx=$(date)\ncontainer=docker\n. LGI_backend", "in a container of docker"),
    ],
)
def test_a_job_that_runs_elsewhere_has_no_session(scene: Scene, script: str, why: str) -> None:
    """On a batch system or in a container there is nothing beside it here."""
    record = scene.job.record
    scene.job.save(uses_library=True, has_state_directory=True)
    path = scene.job.run.script(record, "job_run_script")
    path.unlink()
    path.write_text(f"#!/bin/sh\n{script}\n")

    assert why in scene.refused()


@pytest.mark.parametrize(
    ("batch", "why"),
    [
        ("cd /x\nset --  /bin/sh ./LGI_input\n", ""),
        ("set -- taskset -c 1 timeout -k 10 9  bwrap --x\nset -- ./x\n", "in a container of bwrap"),
        ("set --  env -u LGI_DAEMON_REFERENCE podman run --rm\n", "in a container of podman"),
        ("set --  apptainer exec\n", "in a container of apptainer"),
        (None, "do not say that it runs on this machine itself"),
    ],
)
def test_a_job_whose_scripts_read_other_files_has_a_session_beside_a_plain_process(
    scene: Scene, batch: str | None, why: str
) -> None:
    """These may set a back-end or a container: what was started counts."""
    scene.job.save(uses_library=True, has_state_directory=True)
    record = scene.job.record
    path, state = scene.job.run.script(record, "job_run_script"), scene.job.run.state(record)
    path.unlink()
    path.write_text("#!/bin/sh\n. /etc/site\n. LGI_backend\n")
    state.mkdir(exist_ok=True)
    if batch is not None:
        (state / "batch").write_text(batch)
        (state / "process").write_text("1 2 3\n")

    problem = attach_rules.problem(scene.job)

    assert why in problem
    assert bool(why) == bool(problem)
