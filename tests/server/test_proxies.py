"""nginx and Apache speaking TLS for us, haproxy and nginx passing it through, with the files we ship."""

import select
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from lgi_protocol.errors import ServerError, TransportError
from lgi_protocol.resource_api import ResourceCalls
from tests.conftest import lacking
from tests.server.test_concurrent_calls import take_all
from tests.server.test_front_end import escaped, pem_of
from tests.server.test_http import BOUNDARY, IDENTITY, exchange, multipart, post
from tests.support import front_ends, queues, running_jobs
from tests.support.front_ends import HEADER, STREAM, Running
from tests.support.grid import Grid, free_port, running, wait_for
from tests.support.mariadb import PrivateMariaDB
from tests.support.siblings import Sibling

LIST = "/LGI/interfaces/interface_job_state.php"
TERMINATING = {"nginx": front_ends.nginx, "apache2": front_ends.apache}
PASSING = {"haproxy": front_ends.haproxy, "nginx": front_ends.nginx_stream}
DAEMONS, JOBS = 8, 800


class OnSocket(Grid):
    """A project server on a socket of the file system."""

    def __init__(self, **settings: str) -> None:
        self.socket = Path(tempfile.mkdtemp(prefix="lgi-front-")) / "server.sock"
        super().__init__(settings={"front_end_header": HEADER, "listen": f"unix:{self.socket}"} | settings)

    def listens(self) -> bool:
        """Whether the server accepts connections at its socket, which is there a moment before."""
        with socket.socket(socket.AF_UNIX) as probe:
            return self.socket.exists() and probe.connect_ex(str(self.socket)) == 0

    def remove(self) -> None:
        """Stop it and remove everything."""
        super().remove()
        shutil.rmtree(self.socket.parent)


class Behind(OnSocket):
    """A project server on a socket, and the front end that listens for it."""

    def __init__(self, start: Callable[[Grid, Path], Running]) -> None:
        super().__init__()
        self._start = start
        self.front: Running | None = None

    def start(self) -> None:
        """The server, then its front end."""
        super().start()
        self.front = self._start(self, self.socket)

    def remove(self) -> None:
        """Stop both and remove everything."""
        if self.front is not None:
            self.front.stop()
        super().remove()


@pytest.fixture(scope="module", params=list(TERMINATING))
def behind(request: pytest.FixtureRequest) -> Iterator[Behind]:
    """A server behind each front end that terminates TLS."""
    if front_ends.missing(request.param):
        lacking(request.param)
    with running(Behind(TERMINATING[request.param])) as made:
        yield made


@pytest.mark.slow
@pytest.mark.parametrize("prefix", ["/LGI", "/LGI/interfaces", "/elsewhere"])
def test_a_header_of_a_client_moves_no_path(behind: Grid, prefix: str) -> None:
    """Neither front end removes SCRIPT_NAME, so the server ignores it."""
    body = b"project=LGI&user=mark%40laptop&groups=theor"

    answer = exchange(behind, post(LIST, body, extra=f"SCRIPT_NAME: {prefix}\r\n"))

    assert answer.startswith("HTTP/1.1 200 ")
    assert "<number_of_jobs>" in answer


@pytest.mark.slow
def test_a_client_that_reads_no_answer_is_closed_behind_a_front_end() -> None:
    """The front end hands on what its client takes: also a connection without TLS has to go on."""
    made = OnSocket(rate_window="2", workers="1")
    with running(made, cleared=False), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(made.socket))
        client.sendall(b"GET /LGI/documents/wire HTTP/1.1\r\nHost: localhost\r\n\r\n" * 60)
        poll = select.poll()
        poll.register(client.fileno(), 0)

        wait_for(lambda: poll.poll(0), 60)

        assert "Traceback" not in made.log.read_text()


def test_a_job_lives_behind_a_front_end_as_everywhere(behind: Grid, tmp_path: Path) -> None:
    """Submit with files, work, a job's own certificate, its files: all of it by the certificate handed on."""
    data = tmp_path / "data file%?.bin"
    data.write_bytes(bytes(range(256)) * 4000)
    calls = behind.resource()
    job_id = behind.user().submit((data,))
    job = running_jobs.certified(behind, calls, running_jobs.take(behind, calls), tmp_path)

    put = job.ask("PUT", f"{job.repository}/result", b"done")
    got = job.ask("GET", f"{job.repository}/data%20file%25%3F.bin")
    calls.lock(str(job_id))
    calls.update(str(job_id), state="finished", output=b"\0\xff")
    calls.unlock(str(job_id))
    finished = behind.user().post("interface_job_state", job_id=str(job_id))

    assert (put.status_code, got.content) == (200, data.read_bytes())
    assert finished.value("job", "state") == "finished"
    assert job.list().status_code == 403


@pytest.mark.parametrize("headers", [{}, {HEADER: "forged"}, {HEADER.lower(): "forged"}, {HEADER: ""}])
def test_a_caller_without_a_certificate_is_nobody_whatever_header_he_sends(
    behind: Grid, headers: dict[str, str]
) -> None:
    """The header that a client sends does not arrive."""
    session = requests.Session()
    session.trust_env = False
    session.verify = str(behind.people.authority.ca_file)
    pem = escaped(pem_of(behind))

    answer = session.post(
        f"{behind.url}/interfaces/interface_job_state",
        {"project": "LGI", "user": "mark@laptop", "groups": "theor"},
        headers={name: value and pem for name, value in headers.items()},
    )

    assert "<number> 2 </number>" in answer.text


def test_no_user_becomes_another_by_a_header(behind: Grid) -> None:
    """The certificate of the connection counts, not one that a user sends in a header."""
    frank = behind.user("frank@desk", ("chem",))
    frank.client.session.headers[HEADER] = escaped(pem_of(behind))
    frank.post("interface_job_state")

    frank.name = "mark@laptop"
    with pytest.raises(ServerError):
        frank.post("interface_job_state")


def test_the_socket_is_for_its_owner_and_group(behind: Behind) -> None:
    """A process that can write to it can claim any identity."""
    assert behind.socket.stat().st_mode & 0o777 == 0o660


@pytest.mark.parametrize(
    ("target", "extra"),
    [
        (LIST, ""),
        ("//LGI/interfaces//interface_job_state.php", ""),
        ("/LGI/x/../interfaces/interface_job_state.php", ""),
        ("https://localhost" + LIST, ""),
        (LIST, "Expect: 100-continue\r\n"),
    ],
    ids=["plain", "double slashes", "dots", "absolute form", "expect"],
)
def test_old_clients_are_understood_through_a_front_end(behind: Grid, target: str, extra: str) -> None:
    """All forms of addresses and bodies of old clients pass the front end."""
    behind.clear()
    request = post(target, multipart(*IDENTITY), f"multipart/form-data; boundary={BOUNDARY}", extra)

    assert "<number_of_jobs> 0 " in exchange(behind, request)


def test_a_held_call_wakes_at_once_through_a_front_end(behind: Grid) -> None:
    """A resource that waits for work is answered when a job comes, long before its time is over."""
    behind.clear()
    calls, user = behind.resource(), behind.user()
    woken: list[float] = []

    def wait() -> None:
        calls.poll_work(["hello_world"], [], 50)
        woken.append(time.monotonic())

    waiting = threading.Thread(target=wait)
    waiting.start()
    time.sleep(0.5)
    assert woken == []
    user.submit()
    submitted = time.monotonic()
    waiting.join(100)

    assert woken[0] - submitted < 20.0


@pytest.fixture(params=list(PASSING))
def balanced(request: pytest.FixtureRequest, private_mariadb: PrivateMariaDB) -> Iterator[list[Grid]]:
    """Two servers on one database and one repository directory; their address is that of a balancer."""
    if front_ends.missing(request.param) or not STREAM.exists():
        lacking(request.param)
    first = Grid(private_mariadb.create_database("balanced"))
    second = Sibling(first)
    port = free_port()
    balancer: Running | None = None
    try:
        first.start()
        second.start()
        balancer = PASSING[request.param](first.directory, port, (first.port, second.port))
        first.url = second.url = f"https://localhost:{port}/LGI"
        first.clear()
        yield [first, second]
    finally:
        if balancer is not None:
            balancer.stop()
        second.stop()
        first.remove()


def test_two_servers_on_one_database_hand_out_each_job_once(balanced: list[Grid]) -> None:
    """Whichever server a call meets: sessions, locks and waits are in the database."""
    first, _ = balanced
    numbers = queues.fill(first.database, JOBS)
    daemons = [first.resource(f"res{number}@cluster") for number in range(DAEMONS)]
    offers: list[list[int]] = []

    threads = [threading.Thread(target=take_all, args=(calls, offers, True)) for calls in daemons]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(100)

    assert sorted(number for offer in offers for number in offer) == numbers
    assert first.rows("SELECT lock_id FROM running_locks") == []
    assert first.rows("SELECT session_id FROM running_sessions") == []


def test_one_server_goes_on_when_the_other_dies(balanced: list[Grid]) -> None:
    """Job, session, lock and files of one server can be used on the other."""
    first, second = balanced
    calls = first.resource()
    job_id = first.user().submit()
    offered = calls.request_work("hello_world", 0, 1).jobs

    first.stop()
    wait_for(lambda: answers(calls, str(job_id)), 60)
    calls.update(str(job_id), state="running")
    calls.update(str(job_id), state="finished", output=b"done")
    calls.unlock(str(job_id))
    first.start()

    assert [int(job.job_id) for job in offered] == [job_id]
    assert second.user().state(job_id) == "finished"


def answers(calls: ResourceCalls, job_id: str) -> bool:
    """Whether a call comes through already."""
    try:
        calls.details(job_id)
    except TransportError:
        return False
    return True
