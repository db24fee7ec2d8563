"""Let gunicorn's gevent worker, as this server needs it."""

import logging
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import gevent
from gunicorn.http.errors import NoMoreData
from gunicorn.workers.ggevent import GeventWorker

from lgi_server.auth import client_certificate
from lgi_server.serving.connection import Connection, Pace
from lgi_server.serving.connection_table import SHARE, ConnectionTable, address_account
from lgi_server.serving.tls_reload import LOOK_SECONDS

log = logging.getLogger("lgi.serve")
# Bytes of a refused request that are read all the same, and for how long.
MOST_IGNORED, IGNORING_SECONDS = 64 * 1024 * 1024, 10.0


class _ClosingError(NoMoreData):  # type: ignore[misc]
    """Thrown into a connection that waits for a request, to end it: as if its client had closed it."""


class _Listener:
    """The address of a listening socket, also of one that was closed since a connection was accepted."""

    def __init__(self, listener: Any) -> None:
        self._address = listener.getsockname()

    def getsockname(self) -> Any:
        """Return the address that the socket had."""
        return self._address


class Worker(GeventWorker):  # type: ignore[misc]
    """A gevent worker whose clients have to keep up, and that ends without waiting for idle connections."""

    handshake_seconds = 10
    pace = Pace(rate=1000.0, window=30.0, head=10.0)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Create a worker, as gunicorn does."""
        super().__init__(*args, **kwargs)
        # All connections of a front end are one account.
        share = SHARE if self.cfg.is_ssl else 1.0
        self._connections = ConnectionTable(self.worker_connections, self._close, share)
        self._of_greenlet: dict[gevent.Greenlet, Connection] = {}
        self._greenlets: dict[Connection, gevent.Greenlet] = {}
        self._listeners: dict[int, _Listener] = {}

    def run(self) -> None:
        """Serve until told to stop."""
        self._listeners = {id(listener): _Listener(listener) for listener in self.sockets}
        gevent.spawn(self._close_idle)
        gevent.spawn(self._renew)
        super().run()

    def _close(self, connection: Connection) -> None:
        """End a connection that waits, unless a request has come before its turn: that one is answered."""
        gevent.get_hub().loop.run_callback(self._close_now, connection)

    def _close_now(self, connection: Connection) -> None:
        # Nothing runs between the question and the exception: this is the hub's own greenlet.
        if self._connections.may_be_closed(connection):
            self._greenlets[connection].throw(_ClosingError)

    def _renew(self) -> None:
        """Take up renewed certificates as long as the worker lives."""
        while self.alive:
            if self.app.renewal:
                self.app.renewal.look(datetime.now(UTC))
            gevent.sleep(LOOK_SECONDS)

    def _close_idle(self) -> None:
        """Once the worker is to end: requests are finished, connections that wait for one are closed."""
        while self.alive:
            gevent.sleep(0.2)
        self.app.flask.extensions["lgi"].end_long_polls()
        while True:
            self._connections.close_waiting()
            gevent.sleep(0.1)

    @contextmanager
    def timeout_ctx(self) -> Iterator[None]:
        """Around the wait for a connection's next request. The first one has no longer than a handshake."""
        # A connection whose next request is here already would go on before all others.
        gevent.sleep(0)
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
        """One request. What of its body nobody wanted is read, so that the answer arrives, but not for ever.

        A connection that sends more than that is closed.
        """
        try:
            super().handle_request(listener_name, req, sock, addr)
        except StopIteration:
            # The connection is closed anyway: with bytes left unread the answer would be lost.
            with suppress(Exception):
                _has_ended(req.body)
            raise
        if not _has_ended(req.body):
            # A socket of the file system has no address.
            caller = addr[0] if addr else "the front end"
            log.info("a request of %s goes on after its answer: its connection is closed", caller)
            raise StopIteration
        return True

    def handle(self, listener: Any, client: Any, address: Any) -> None:
        """One connection: its handshake, where TLS is ours, then its requests."""
        current, connection = gevent.getcurrent(), Connection(client, self.pace)
        self._of_greenlet[current], self._greenlets[connection] = connection, current
        self._connections.opened(connection, address_account(address))
        try:
            if self._is_known(connection, client, address):
                super().handle(self._listeners.get(id(listener), listener), connection, address)
        except _ClosingError:
            client.close()
        finally:
            self._connections.ended(connection)
            del self._of_greenlet[current], self._greenlets[connection]

    def _is_known(self, connection: Connection, client: Any, address: Any) -> bool:
        """Return whether a connection can go on: on the account of the certificate its client has shown."""
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


def _has_ended(body: Any) -> bool:
    """Read what is left of a request; whether that was all of it."""
    left = MOST_IGNORED
    with gevent.Timeout(IGNORING_SECONDS, False):
        while left > 0 and (unread := body.read(min(left, 64 * 1024))):
            left -= len(unread)
        return left > 0
    return False
