"""Real servers over real TLS: the network cut at every call of a job's life, and daemons that compete."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lgi_daemon.config.rules import LimitRules
from lgi_daemon.loop.daemon import Daemon
from lgi_daemon.servers.clock import Clock
from lgi_daemon.servers.connections import ServerConnections, connector
from tests.acceptance.conftest import RESOURCE as REAL_RESOURCE
from tests.acceptance.conftest import DaemonProcess, offers
from tests.support.cutting_proxy import Cut, CuttingProxy, When
from tests.support.grid import Grid, UserCalls, running
from tests.support.workshop import FAST, Workshop, until

from .conftest import IS_ROOT

pytestmark = pytest.mark.slow
RESOURCE = "cluster@test"


@pytest.fixture(scope="module")
def server() -> Iterator[Grid]:
    """A project server."""
    with running(Grid(), cleared=False) as made:
        yield made


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch, server: Grid) -> Iterator[CuttingProxy]:
    """On the way of every connection that is made from now on."""
    made = CuttingProxy()
    monkeypatch.setenv("https_proxy", made.url)
    yield made
    made.close()


def resource(place: Path, server: Grid, name: str = "only") -> Workshop:
    """A run directory for the registered resource."""
    folder = place / name
    folder.mkdir(mode=0o755)
    workshop = Workshop(folder, IS_ROOT)
    workshop.rules = LimitRules({"any": 50}, (), 50)
    workshop.write_script(
        "job_run_script", "echo $LGI_JOB_ID >> started; cat LGI_input > LGI_output; : > is_finished"
    )
    return workshop


def daemon_of(workshop: Workshop, server: Grid, at_once: int = 0) -> Daemon:
    """A daemon that talks to a real server."""
    issued = server.people.resource(RESOURCE)
    configuration = workshop.configuration
    (project,) = configuration.projects
    configuration = replace(
        configuration,
        credentials=server.people.credentials(issued),
        projects=(replace(project, master_server=server.url),),
    )
    daemon = Daemon(configuration, workshop.run_directory(), fast=FAST, slow=2 * FAST, at_once=at_once)
    daemon.recover()
    return daemon


def known(server: Grid) -> UserCalls:
    """An empty project, a registered resource, and a user of it."""
    server.clear()
    server.resource(RESOURCE).sign_off()
    return server.user()


def lived(place: Path, server: Grid, proxy: CuttingProxy, user: UserCalls, cut: Cut) -> bool:
    """One job's life with one cut in it, and what must have come of it; whether there was a cut."""
    proxy.cut = Cut(-1, When.BEFORE)
    job_id = user.submit(input=b"the answer".hex())
    workshop = resource(place, server, f"{cut.turn}{cut.when[:1]}")
    daemon = daemon_of(workshop, server)
    proxy.cut = cut
    for _cycle in range(8):
        workshop.tick(daemon, FAST)
        until(lambda: not any(job.is_alive() for job in daemon.jobs))
    daemon.run.lock.release()
    # The user's question goes through the proxy too, and is not to be cut.
    proxy.cut = Cut(-1, When.BEFORE)

    story = f"cut {cut.when} at turn {cut.turn}: {workshop.acts()}"
    told = user.post("interface_job_state", job_id=str(job_id))
    assert told.value("job", "state") == "finished", story
    assert bytes.fromhex(told.value("job", "output")) == b"the answer", story
    assert workshop.acts().count("run") == workshop.acts().count("epilogue") == 1, story
    assert workshop.tree() == [], story
    assert server.rows("SELECT * FROM running_locks") == [], story
    return cut.done


@pytest.mark.parametrize("when", When)
def test_a_job_ends_once_and_rightly_wherever_the_network_is_cut(
    place: Path, server: Grid, proxy: CuttingProxy, monkeypatch: pytest.MonkeyPatch, when: When
) -> None:
    """Handshakes and calls are cut, from the first sign-up to the last sign-off; the job still ends once."""
    monkeypatch.delenv("https_proxy")
    user = known(server)
    monkeypatch.setenv("https_proxy", proxy.url)

    turns = 0
    while lived(place, server, proxy, user, Cut(turns, when)):
        turns += 1

    # Sign-up, exchanges and streams, each with its handshake or without.
    assert turns > 8


def test_one_connection_serves_many_cycles(
    place: Path, server: Grid, proxy: CuttingProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One TLS handshake for all the calls of three jobs' lives."""
    monkeypatch.delenv("https_proxy")
    user = known(server)
    monkeypatch.setenv("https_proxy", proxy.url)
    jobs = [user.submit(input=b"the answer".hex()) for _job in range(3)]
    # The user's calls go through the proxy too.
    before = proxy.connections
    workshop = resource(place, server)
    daemon = daemon_of(workshop, server)

    def ended() -> bool:
        workshop.tick(daemon, FAST)
        return all(user.state(job) == "finished" for job in jobs)

    until(ended)

    assert proxy.connections == before + 1
    daemon.run.lock.release()


def test_workers_keep_few_connections_for_many_cycles(
    place: Path, server: Grid, proxy: CuttingProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There are at most three (fetch, sync, long poll), for any number of jobs and cycles."""
    monkeypatch.delenv("https_proxy")
    user = known(server)
    monkeypatch.setenv("https_proxy", proxy.url)
    user.submit(input=b"the answer".hex())
    # The user's calls go through the proxy too.
    before = proxy.connections
    workshop = resource(place, server)
    daemon = daemon_of(workshop, server, at_once=8)
    cycles = 0

    def ended() -> bool:
        nonlocal cycles
        cycles += 1
        # What the server wants is asked first, then the scripts are.
        for seconds in (FAST, 1.0):
            workshop.tick(daemon, seconds)
            until(lambda: not daemon.busy)
        return all(user.state(job) == "finished" for job in jobs)

    for _round in range(3):
        jobs = [user.submit(input=b"the answer".hex()) for _job in range(4)]
        until(ended)

    daemon.set_callbacks(lambda: True)
    daemon.close()
    daemon.run.lock.release()
    assert cycles > 6
    assert proxy.connections <= before + 3


def test_sigterm_signs_off_everywhere_and_leaves_jobs_running(server: Grid) -> None:
    """The server knows of no session any more, the job's process lives, and the exit code is 0."""
    known(server)
    server.resource(REAL_RESOURCE, "").sign_off()
    daemon = DaemonProcess(server)
    try:
        daemon.start()
        until(lambda: offers(server))
        server.user().submit(input=b"hi".hex(), job_specifics="<seconds> 300 </seconds>")
        until(lambda: any((job / "running").exists() for job in daemon.jobs()))
        (job,) = daemon.jobs()
        pid = int((job / "running").read_text().split()[0])

        code = daemon.stop()

        assert code == 0
        assert Path(f"/proc/{pid}").exists()
        assert daemon.jobs() == [job]
        assert server.rows("SELECT * FROM running_sessions") == []
        assert server.rows("SELECT * FROM running_locks") == []
    finally:
        daemon.remove()


def test_two_daemons_with_one_certificate_run_no_job_twice(place: Path, server: Grid) -> None:
    """Two run directories, one resource, workers on both sides: each of forty jobs runs once."""
    user = known(server)
    jobs = [user.submit(input=b"the answer".hex()) for _job in range(40)]
    workshops = [resource(place, server, name) for name in ("one", "two")]
    for workshop in workshops:
        noted = f"echo started_$LGI_JOB_ID >> {workshop.journal}"
        workshop.write_script("job_run_script", f"{noted}; cat LGI_input > LGI_output; : > is_finished")
    daemons = [daemon_of(workshop, server, at_once=8) for workshop in workshops]
    ended = threading.Event()

    def tick(daemon: Daemon) -> None:
        while not ended.is_set():
            daemon.work_cycle.due_at = 0.0
            daemon.tick(1000.0 + time.monotonic())
            ended.wait(0.05)

    threads = [threading.Thread(target=tick, args=(daemon,)) for daemon in daemons]
    for thread in threads:
        thread.start()
    try:
        until(lambda: all(user.state(job) == "finished" for job in jobs), 100.0)
    finally:
        ended.set()
        for thread in threads:
            thread.join()
        for daemon in daemons:
            daemon.close()
            daemon.run.lock.release()

    acts = [act for workshop in workshops for act in workshop.acts() if act.startswith("started_")]
    outputs = [user.post("interface_job_state", job_id=str(job)).value("job", "output") for job in jobs]
    assert sorted(acts) == sorted(f"started_{job}" for job in jobs)
    assert [bytes.fromhex(output) for output in outputs] == [b"the answer"] * len(jobs)


@pytest.mark.parametrize("when", When)
def test_a_kept_connection_that_is_cut_costs_a_call_nothing(
    server: Grid, proxy: CuttingProxy, when: When
) -> None:
    """Another front end answers immediately, so the server is not left alone for ten seconds."""
    known(server)
    servers = ServerConnections(
        connector(server.people.credentials(server.people.resource(RESOURCE))), Clock()
    )
    servers.connect("LGI", server.url).sign_up()
    made = proxy.connections
    # The next question on a connection; a handshake has several, and none is made for a kept one.
    proxy.cut = Cut(0, when)

    with servers.tracking(server.url):
        session = servers.connect("LGI", server.url).sign_up()

    assert session.session_id
    assert (proxy.cut.done, proxy.connections) == (True, made + 1)
    assert servers.open(server.url)
