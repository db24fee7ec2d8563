"""The effect of slow clients on others: response times of other users, and memory of the server.

``python -m benchmarks.slow_clients`` (``--kind idle``) starts a new server for each kind of client.
"""

import argparse
import multiprocessing
import socket
import ssl
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.synchronize import Event
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks import processes
from lgi_protocol.errors import ServerError, TransportError
from tests.support.grid import Grid, running
from tests.support.limited_grid import LimitedGrid

CALL = "/LGI/interfaces/interface_job_state"
GET = b"GET /LGI/documents/wire HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = (
    f"POST {CALL} HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    "Content-Length: {size}\r\n\r\nproject="
)
CALLS, TOO_LATE = 400, 5.0
# The number of closed connections that are opened again in a second.
REOPENED = 10


@dataclass(frozen=True)
class Kind:
    """Clients of one kind: their number, that of their certificates (0: none), and what each sends first.

    ``again`` is what each sends periodically; ``descriptors`` is the limit of the server.
    """

    number: int
    certificates: int
    request: bytes = b""
    again: bytes = b""
    seconds: float = 60.0
    tls: bool = True
    descriptors: int = 20_000


KINDS = {
    "idle": Kind(5000, 0),
    "half-open": Kind(5000, 0, tls=False),
    "one byte a minute": Kind(5000, 0, b"G", b"E"),
    "one byte a minute, of five": Kind(5000, 5, POST.format(size=1000).encode(), b"x"),
    "unread answers": Kind(800, 0, GET * 300, descriptors=700),
    "silent bodies": Kind(700, 5, POST.format(size=2_000_000_000).encode()),
    "silent bodies of a megabyte": Kind(700, 5, POST.format(size=1_000_000).encode()),
    "silent uploads": Kind(680, 1, b"PUT", descriptors=700),
}


def attack(kind: Kind, port: int, contexts: list[tuple[str, str, str]], opened: Event, stop: Event) -> None:
    """Hold the number of connections of a kind open; reopen closed ones at a limited rate."""
    made = [_context(*files) for files in contexts]
    clients: list[socket.socket | None] = [None] * kind.number
    sent = time.monotonic()
    while not stop.is_set():
        missing = [number for number, client in enumerate(clients) if client is None or _is_closed(client)]
        for number in missing[: REOPENED if opened.is_set() else None]:
            clients[number] = _opened(kind, port, made[number % len(made)])
            if stop.is_set():
                return
        opened.set()
        if kind.again and time.monotonic() - sent > kind.seconds:
            sent = time.monotonic()
            for client in filter(None, clients):
                with suppress(OSError):
                    client.send(kind.again)
        stop.wait(1)


def _context(authority: str, certificate: str, key: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authority)
    if certificate:
        context.load_cert_chain(certificate, key)
    return context


def _opened(kind: Kind, port: int, context: ssl.SSLContext) -> socket.socket | None:
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plain.settimeout(2)
    try:
        plain.connect(("127.0.0.1", port))
        client = context.wrap_socket(plain, server_hostname="localhost") if kind.tls else plain
        client.settimeout(0.2)
        if kind.request:
            client.sendall(kind.request)
    except TimeoutError:
        return None
    except OSError:
        plain.close()
        return None
    return client


def _is_closed(client: socket.socket) -> bool:
    """Return whether the server has closed a connection; nothing is read from it."""
    try:
        return client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] != 1
    except OSError:
        return True


@contextmanager
def attacked(grid: Grid, kind: Kind) -> Iterator[None]:
    """Keep the clients connected during a block, which begins when all are connected."""
    authority = str(grid.people.authority.ca_file)
    users = [grid.people.user(f"eve{number}@desk", ("theor",)) for number in range(kind.certificates)]
    files = [(authority, str(user.certificate), str(user.key)) for user in users] or [(authority, "", "")]
    methods = multiprocessing.get_context("spawn")
    opened, stop = methods.Event(), methods.Event()
    process = methods.Process(target=attack, args=(kind, grid.port, files, opened, stop))
    process.start()
    try:
        opened.wait(60)
        yield
    finally:
        stop.set()
        process.join(20)
        process.kill()


def times(call: Callable[[], object], number: int) -> list[float]:
    """Return the seconds of each call, up to the first one that is not answered in time."""
    taken = []
    for _ in range(number):
        begin = time.monotonic()
        try:
            call()
        except (ServerError, TransportError) as error:
            print(f"    not answered: {error}")
            return [*taken, TOO_LATE]
        taken.append(time.monotonic() - begin)
    return taken


def p99(seconds: list[float]) -> float:
    """Return the 99th percentile in milliseconds."""
    return 1000 * statistics.quantiles(seconds, n=100)[-1] if len(seconds) > 1 else 1000 * TOO_LATE


def measure(name: str, kind: Kind) -> bool:
    """Print the response times of another user; return whether the p99 is below twice that without load."""
    with running(LimitedGrid(kind.descriptors)) as grid:
        kind = _with_upload(grid, kind)
        mark = grid.user("mark@laptop", ("theor",))

        def known() -> None:
            mark.post("interface_job_state")

        def new() -> None:
            grid.user("mark@laptop", ("theor",)).post("interface_job_state")

        times(known, 50)
        # Half of the calls without load come before and half after, since the machine has other load too.
        calm = times(known, CALLS // 2), times(new, CALLS // 8)
        before = _memory(grid)
        with attacked(grid, kind):
            under = times(known, CALLS), times(new, CALLS // 8)
            after = _memory(grid)
        calm = calm[0] + times(known, CALLS // 2), calm[1] + times(new, CALLS // 8)
        log = grid.log.read_text()
        print(f"{name}: {kind.number} clients")
        for what, one, other in zip(("kept connection", "new connection"), calm, under, strict=True):
            print(f"    {what}: p99 {p99(one):.1f} ms calm, {p99(other):.1f} ms; {len(other)} answered")
        print(f"    memory {before / 2**20:.0f} MB, {after / 2**20:.0f} MB")
        print(f"    {log.count('Traceback')} tracebacks, {log.count('Too many open')} times no descriptor")
        return p99(under[0]) < 2 * p99(calm[0])


def _with_upload(grid: Grid, kind: Kind) -> Kind:
    """Return a kind whose uploads go to an existing repository."""
    if kind.request != b"PUT":
        return kind
    grid.resource()
    owner = grid.user("eve0@desk", ("theor",))
    reply = owner.post("interface_submit_job", application="hello_world", target_resources="any")
    path = urlsplit(reply.value("job", "job_specifics", "repository_url")).path
    head = f"PUT {path}/file HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nx"
    return Kind(kind.number, kind.certificates, head.encode(), descriptors=kind.descriptors)


def _memory(grid: Grid) -> int:
    return processes.share([grid.process.pid]).memory if grid.process else 0


def main() -> int:
    """Measure all kinds of clients, or one of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", choices=list(KINDS), action="append")
    chosen = parser.parse_args().kind or list(KINDS)
    passed = [measure(name, KINDS[name]) for name in chosen]
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    sys.exit(main())
