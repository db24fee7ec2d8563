"""gunicorn with gevent workers behind mutual TLS.

Must be imported after gevent has patched the standard library: a TLS context made before that fails at
every handshake.
"""

import logging
import resource
import ssl
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import gevent
from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.http import wsgi
from gunicorn.workers.ggevent import GeventWorker

from lgi_server import front_end, listening, metrics
from lgi_server.app import create_app
from lgi_server.config import Config
from lgi_server.jobs_authority import JobsAuthority
from lgi_server.renewal import LOOK_SECONDS, Renewal

log = logging.getLogger("lgi.serve")
CONNECTIONS = 4000
# Bytes of a refused request that are read all the same, and for how long.
MOST_IGNORED, IGNORING_SECONDS = 64 * 1024 * 1024, 10.0


class LateHandshake(ssl.SSLContext):
    """A context that leaves the handshake to the connection's own greenlet, where it can be timed."""

    def wrap_socket(self, *args: Any, **kwargs: Any) -> ssl.SSLSocket:
        """As the standard library's, without the handshake."""
        kwargs["do_handshake_on_connect"] = False
        return super().wrap_socket(*args, **kwargs)


def tls_context(config: Config, jobs: JobsAuthority | None = None) -> ssl.SSLContext:
    """TLS 1.2 or newer; client certificates asked for, or demanded by one line of the configuration.

    Those of jobs are accepted here, and told from all others in `identity`.
    """
    context = LateHandshake(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    certificate, key = _own(config)
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except ssl.SSLError as error:
        raise ValueError(f"cannot use the certificate {certificate} with the key {key}: {error}") from None
    try:
        context.load_verify_locations(config.ca_certificate)
    except ssl.SSLError as error:
        raise ValueError(f"cannot use ca_certificate {config.ca_certificate}: {error}") from None
    if jobs is not None:
        context.load_verify_locations(cadata=jobs.pem)
    context.verify_mode = ssl.CERT_REQUIRED if config.require_certificate else ssl.CERT_OPTIONAL
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    # The name of the certificate's owner goes into resumed sessions too; they are as good as full ones.
    return context


def _own(config: Config) -> tuple[Path, Path]:
    """The certificate and key of a server that speaks TLS itself; the configuration has them."""
    if config.server_certificate is None or config.server_key is None:
        raise ValueError("server_certificate and server_key are not set")
    return config.server_certificate, config.server_key


def _no_password() -> str:
    raise ValueError("the server's key is encrypted; a server starts without anybody to type a pass phrase")


class OneRecord(wsgi.Response):  # type: ignore[misc]
    """An answer whose head travels with its first bytes: one more record of TLS costs as much as it."""

    headers_sent: bool
    _head = b""

    def send_headers(self) -> None:
        """Keep the head until there is something to send it with."""
        if not self.headers_sent:
            lines = (*self.default_headers(), *(f"{name}: {value}\r\n" for name, value in self.headers))
            self._head = f"{''.join(lines)}\r\n".encode("latin-1")
            self.headers_sent = True

    def _emit_body(self, data: bytes) -> None:
        head, self._head = self._head, b""
        if self.chunked:
            data = b"%X\r\n%s\r\n" % (len(data), data)
        self.sock.sendall(head + data)

    def close(self) -> None:
        """The end: an answer without a body is only a head."""
        self.send_headers()
        if self._head:
            self.sock.sendall(self._head)
        super().close()


# gunicorn has no setting for the class of its answers.
wsgi.Response = OneRecord


class _Closing(Exception):
    """Thrown into a connection that waits for its next request when the worker is to end."""


class Worker(GeventWorker):  # type: ignore[misc]
    """A gevent worker that gives a handshake only so long, and ends without waiting for idle connections."""

    handshake_seconds = 10

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """gunicorn makes workers."""
        super().__init__(*args, **kwargs)
        self._idle: set[gevent.Greenlet] = set()

    def run(self) -> None:
        """Serve until told to stop."""
        gevent.spawn(self._close_idle)
        gevent.spawn(self._renew)
        super().run()

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
        self.app.flask.extensions["lgi"].end_waiting()
        while True:
            for greenlet in list(self._idle):
                gevent.kill(greenlet, _Closing)
            gevent.sleep(0.1)

    @contextmanager
    def timeout_ctx(self) -> Iterator[None]:
        """Around the wait for a connection's next request."""
        # A connection whose next request is here already would go on before all others.
        gevent.sleep(0)
        current = gevent.getcurrent()
        self._idle.add(current)
        try:
            with gevent.Timeout(self.cfg.keepalive, False), suppress(_Closing):
                yield
        finally:
            self._idle.discard(current)

    def handle_request(self, listener_name: Any, req: Any, sock: Any, addr: Any) -> bool:
        """One request. What of its body nobody wanted is read, so that the answer arrives, but not for ever.

        A connection that sends more than that is closed.
        """
        goes_on: bool = super().handle_request(listener_name, req, sock, addr)
        left = MOST_IGNORED
        with gevent.Timeout(IGNORING_SECONDS, False):
            while left > 0 and (unread := req.body.read(min(left, 64 * 1024))):
                left -= len(unread)
            if left > 0:
                return goes_on
        log.info("a request of %s goes on after its answer: its connection is closed", addr[0])
        raise StopIteration

    def handle(self, listener: Any, client: Any, address: Any) -> None:
        """One connection: its handshake, where TLS is ours, then its requests."""
        if not isinstance(client, ssl.SSLSocket):
            super().handle(listener, client, address)
            return
        try:
            with gevent.Timeout(self.handshake_seconds, TimeoutError("no handshake in time")):
                client.do_handshake()
        except OSError as error:
            log.info("no TLS connection from %s: %s", address[0], ascii(str(error)))
            client.close()
            return
        super().handle(listener, client, address)


class Gunicorn(BaseApplication):  # type: ignore[misc]
    """gunicorn, told everything by our configuration and nothing by its own files or environment."""

    def __init__(self, config: Config) -> None:
        """Makes the application and the one TLS context that all workers share, before any fork."""
        self.lgi = config
        self.flask = create_app(config)
        self.renewal: Renewal | None = None
        if not config.front_end_header:
            jobs = self.flask.extensions["lgi"].trust.jobs
            self.tls = tls_context(config, jobs)
            files = (*_own(config), config.ca_certificate)
            self.renewal = Renewal(self.tls, files, lambda: tls_context(config, jobs))
        super().__init__()

    def load_config(self) -> None:
        """gunicorn's settings."""
        Worker.handshake_seconds = self.lgi.handshake_timeout
        settings: dict[str, object] = {
            "bind": listening.usable(self.lgi.listen),
            "workers": self.lgi.workers,
            "worker_class": Worker,
            "worker_connections": _connections(),
            "backlog": 2048,
            "keepalive": self.lgi.keep_alive,
            "graceful_timeout": 35,
            "timeout": 60,
            "preload_app": True,
            "proc_name": "LGI_server",
            "child_exit": lambda _arbiter, worker: metrics.forget(worker.pid),
            # Of the master only: the workers end otherwise.
            "on_exit": lambda _arbiter: metrics.end(),
            "loglevel": "warning",
            "limit_request_line": 8190,
            "worker_tmp_dir": _in_memory(),
        }
        settings |= self._behind_a_front_end() if self.lgi.front_end_header else self._own_tls()
        if "control_socket_disable" in self.cfg.settings:
            # Newer gunicorns open a socket for commands in the home directory.
            settings["control_socket_disable"] = True
        for name, value in settings.items():
            self.cfg.set(name, value)

    def _own_tls(self) -> dict[str, object]:
        certificate, key = _own(self.lgi)
        return {
            "certfile": str(certificate),
            "keyfile": str(key),
            "ca_certs": str(self.lgi.ca_certificate),
            "ssl_context": lambda _config, _default: self.tls,
        }

    def _behind_a_front_end(self) -> dict[str, object]:
        """A header with a certificate is long; the socket is for its owner and its group alone."""
        # sendfile would pass by OneRecord, which has the head still.
        return {"limit_request_field_size": 32 * 1024, "umask": 0o117, "sendfile": False}

    def load(self) -> Flask:
        """The application."""
        return self.flask


def _in_memory() -> str | None:
    """Where workers leave their heartbeat: never on a disk that may be busy."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - gunicorn makes a safe file in it


def _connections() -> int:
    """Connections of one worker: as many as there are descriptors for, some kept for files and databases."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return max(50, min(CONNECTIONS, hard - 300))


def check(config: Config, jobs: JobsAuthority | None) -> None:
    """Read what a server of this configuration reads. Raises ValueError or OSError for an unusable file."""
    if config.front_end_header:
        front_end.of(config, jobs)
    else:
        tls_context(config, jobs)


def run(config: Config) -> None:
    """Serve until told to stop."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)sZ %(levelname)s %(name)s %(message)s")
    logging.Formatter.converter = time.gmtime
    log.info("%s on %s, projects %s", config.url, config.listen, ", ".join(config.projects))
    # In memory where that is possible: what is counted is written at every call.
    metrics.share(Path(tempfile.mkdtemp(prefix="LGI_server-", dir=_in_memory())))
    Gunicorn(config).run()
