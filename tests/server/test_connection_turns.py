"""Each connection of a worker has its turn, however fast the others send their next requests."""

import time
from multiprocessing.pool import ThreadPool

import gevent
from gevent import socket

from lgi_server.serving import fairness

# Requests of the connections that always have the next one ready.
REQUESTS = 40


def _order() -> list[str]:
    """Serve two connections that never wait and one that waits for its database; return who ran when."""
    order: list[str] = []
    server, database = socket.socketpair()

    def serve_busy(name: str) -> None:
        for _request in range(REQUESTS):
            fairness.yield_loop()
            order.append(name)
            time.sleep(0.0002)

    def serve_patient() -> None:
        for _statement in range(3):
            server.sendall(b"?")
            server.recv(1)
            order.append("patient")

    def answer() -> None:
        while database.recv(1):
            database.sendall(b"!")

    with server, database:
        answering = gevent.spawn(answer)
        busy = [gevent.spawn(serve_busy, name) for name in ("first", "second")]
        gevent.joinall([*busy, gevent.spawn(serve_patient)], timeout=10, raise_error=True)
        answering.kill()
    return order


def test_a_request_that_waits_for_the_database_is_not_overtaken_by_dozens() -> None:
    """Others whose next request is there already run once or twice for each of its statements."""
    with ThreadPool(1) as thread:
        # A loop of its own: that of this thread may have greenlets of other tests.
        order = thread.apply(_order)

    first, second, third = (place for place, name in enumerate(order) if name == "patient")
    assert max(first, second - first, third - second) <= 6, order
    assert order.count("first") == order.count("second") == REQUESTS
