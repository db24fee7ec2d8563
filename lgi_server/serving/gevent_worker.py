"""gunicorn's gevent worker with limits on connections and slow clients."""

import logging
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

import gevent
from gevent.event import Event
from gevent.pool import Pool
from gunicorn.http.body import LengthReader
from gunicorn.http.errors import NoMoreData
from gunicorn.sock import ssl_context
from gunicorn.workers import ggevent

from lgi_server.auth import client_certificate
from lgi_server.serving import fairness
from lgi_server.serving.accept_balance import AT_ONCE, BalancedServer
from lgi_server.serving.connection import Connection, Pace
from lgi_server.serving.connection_table import SHARE, ConnectionTable, address_account
from lgi_server.serving.gunicorn_response import AwaitedBody
from lgi_server.serving.tls_reload import LOOK_SECONDS

log = logging.getLogger("lgi.serve")
# The unread part of a refused request is read and ignored: at most so many bytes, for so many seconds.
MOST_IGNORED, IGNORING_SECONDS = 64 * 1024 * 1024, 10.0
# Seconds between two signs of life of a worker, and between two looks for ended requests when it stops.
NOTIFY_SECONDS, STOP_SECONDS = 1.0, 0.05


class _ClosingError(NoMoreData):  # type: ignore[misc]
    """Thrown into the greenlet of a connection that waits for a request, as if its client had closed it."""


class _Listener:
    """The address of a listening socket, which stays known after the socket was closed."""

    def __init__(self, listener: Any) -> None:
        self._address = listener.getsockname()

    def getsockname(self) -> Any:
        """Return the address of the socket."""
        return self._address


class Worker(ggevent.GeventWorker):  # type: ignore[misc]
    """A gevent worker that limits slow clients, and stops without waiting for idle connections."""

    handshake_seconds = 10
    pace = Pace(rate=1000.0, window=30.0, head=10.0)
    # In the server's table of loads; set before the fork.
    slot = -1

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Create a worker, as gunicorn does."""
        super().__init__(*args, **kwargs)
        # All connections of a front end are one account.
        share = SHARE if self.cfg.is_ssl else 1.0
        self._connections = ConnectionTable(self.worker_connections, self._close, share)
        self._of_greenlet: dict[gevent.Greenlet, Connection] = {}
        self._greenlets: dict[Connection, gevent.Greenlet] = {}
        self._listeners: dict[int, _Listener] = {}
        self._servers: list[BalancedServer] = []
        self._end = Event()

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Stop at the signal, and not at the next second as gunicorn's own worker."""
        super().handle_exit(sig, frame)
        self._end.set()

    def run(self) -> None:
        """Serve until the worker stops, then end the requests in progress within the graceful timeout."""
        self._listeners = {id(listener): _Listener(listener) for listener in self.sockets}
        gevent.get_hub().print_exception = _log_fault
        gevent.spawn(self._close_idle)
        gevent.spawn(self._renew)
        self.app.loads.set(self.slot, 0)
        for listener in self.sockets:
            self._start(listener)
        while self.alive:
            self.notify()
            self._end.wait(NOTIFY_SECONDS)
        self._finish()

    def _start(self, listener: Any) -> None:
        """Accept connections of a socket."""
        tls = {"ssl_context": ssl_context(self.cfg)} if self.cfg.is_ssl else {}
        pool = Pool(self.worker_connections)
        server = BalancedServer(listener, handle=partial(self.handle, listener), spawn=pool, **tls)
        server.is_ahead = partial(self.app.loads.is_ahead, self.slot)
        server.tell_load = self._tell_load
        if self.cfg.workers > 1:
            server.max_accept = AT_ONCE
        self._servers.append(server)
        listener.setblocking(True)
        server.start()

    def _finish(self) -> None:
        """Accept no more connections, and return when those there are have ended, or their time is over."""
        servers = self._servers
        for server in servers:
            server.close()
        limit = time.monotonic() + self.cfg.graceful_timeout
        while any(len(server.pool) for server in servers) and time.monotonic() < limit:
            self.notify()
            gevent.sleep(STOP_SECONDS)
        for server in servers:
            if len(server.pool):
                log.warning("%d requests go on after the graceful timeout and are ended", len(server.pool))
                server.stop(timeout=1)

    def _close(self, connection: Connection) -> None:
        """Close a waiting connection in the hub, unless a request arrives before that."""
        gevent.get_hub().loop.run_callback(self._close_now, connection)

    def _close_now(self, connection: Connection) -> None:
        # No other greenlet runs between the check and the exception: this is the hub's own greenlet.
        if self._connections.may_be_closed(connection):
            self._greenlets[connection].throw(_ClosingError)

    def _renew(self) -> None:
        """Use renewed certificates as long as the worker runs."""
        while self.alive:
            if self.app.renewal:
                self.app.renewal.look(datetime.now(UTC))
            gevent.sleep(LOOK_SECONDS)

    def _close_idle(self) -> None:
        """When the worker stops, end long polls and close the connections that wait for a request."""
        while self.alive:
            self._end.wait(NOTIFY_SECONDS)
        self.app.loads.free(self.slot)
        self.app.flask.extensions["lgi"].end_long_polls()
        while True:
            self._connections.close_waiting()
            gevent.sleep(STOP_SECONDS)

    @contextmanager
    def timeout_ctx(self) -> Iterator[None]:
        """Limit the wait for the next request of a connection; for the first one as for the handshake."""
        # Otherwise a connection whose next request has arrived already would run before all others.
        fairness.yield_loop()
        connection = self._of_greenlet[gevent.getcurrent()]
        has_asked = self._connections.has_asked(connection)
        self._connections.waits(connection)
        try:
            seconds = self.cfg.keepalive if has_asked else self.handshake_seconds
            with gevent.Timeout(seconds, False), suppress(_ClosingError):
                yield
        finally:
            self._connections.asks(connection)

    def handle_request(self, listener_name: Any, req: Any, sock: Any, addr: Any) -> bool:
        """Handle a request and read the rest of its body, since the answer could be lost otherwise.

        A connection that sends more than the limits allow is closed.
        """
        try:
            super().handle_request(listener_name, req, sock, addr)
        except StopIteration:
            # The connection is closed next: with unread bytes the answer would be lost.
            if not _is_read(req.body):
                sock.end_answers()
                with suppress(Exception):
                    _has_ended(req.body)
            raise
        if not _has_ended(req.body):
            # A Unix socket has no address.
            caller = addr[0] if addr else "the front end"
            log.info("a request of %s goes on after its answer: its connection is closed", caller)
            raise StopIteration
        return True

    def handle(self, listener: Any, client: Any, address: Any) -> None:
        """Handle a connection: its handshake, unless a front end has the TLS, and its requests."""
        current, connection = gevent.getcurrent(), Connection(client, self.pace)
        self._of_greenlet[current], self._greenlets[connection] = connection, current
        self._connections.opened(connection, address_account(address))
        self._tell_load()
        try:
            if self._is_known(connection, client, address):
                super().handle(self._listeners.get(id(listener), listener), connection, address)
        except _ClosingError:
            client.close()
        finally:
            self._connections.ended(connection)
            self._tell_load()
            del self._of_greenlet[current], self._greenlets[connection]

    def _tell_load(self) -> None:
        if self.alive:
            starting = sum(server.starting for server in self._servers)
            self.app.loads.set(self.slot, len(self._connections) + starting)

    def _is_known(self, connection: Connection, client: Any, address: Any) -> bool:
        """Do the handshake and set the account of the connection; return whether it succeeded."""
        if not isinstance(client, ssl.SSLSocket):
            return True
        if not self._has_shaken_hands(client, address):
            return False
        trust = self.app.flask.extensions["lgi"].trust
        account = client_certificate.account(client.getpeercert(binary_form=True), trust)
        self._connections.belongs(connection, account or address_account(address))
        return True

    def _has_shaken_hands(self, client: ssl.SSLSocket, address: Any) -> bool:
        try:
            with gevent.Timeout(self.handshake_seconds, TimeoutError("no handshake in time")):
                client.do_handshake()
        except _ClosingError:
            raise
        except OSError as error:
            log.info("no TLS connection from %s: %s", address[0], ascii(str(error)))
            client.close()
            return False
        return True


def _log_fault(context: Any, *fault: Any) -> None:
    """Log what gevent would print: a fault of a greenlet, which a client might cause as often as it likes."""
    log.error("a fault in %s", ascii(str(context))[:200], exc_info=fault)


def _is_read(body: Any) -> bool:
    """Return whether a body is known to be read, or is none."""
    return isinstance(body.reader, LengthReader) and body.reader.length == 0


def _has_ended(body: Any) -> bool:
    """Read the rest of a body, within limits; return whether its end was reached."""
    if isinstance(body.reader, AwaitedBody):
        body.reader.refuse()
    left = MOST_IGNORED
    with gevent.Timeout(IGNORING_SECONDS, False):
        while left > 0 and (unread := body.read(min(left, 64 * 1024))):
            left -= len(unread)
        return left > 0
    return False
