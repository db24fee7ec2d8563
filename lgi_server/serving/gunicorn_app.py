"""gunicorn with gevent workers behind mutual TLS.

Must be imported after gevent has patched the standard library: a TLS context made before that fails at
every handshake.
"""

import gc
import importlib
import logging
import ssl
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

from lgi_server.app import create_app
from lgi_server.auth import trusted_proxy
from lgi_server.auth.job_ca import JobsAuthority
from lgi_server.background import descriptors, metrics
from lgi_server.config.model import Config
from lgi_server.serving import bind_addresses, gunicorn_response, log_rate_limit
from lgi_server.serving.accept_balance import WorkerLoads
from lgi_server.serving.connection import Pace
from lgi_server.serving.gevent_worker import Worker
from lgi_server.serving.scheduler_process import SchedulerProcess
from lgi_server.serving.tls_reload import CertificateReloader
from lgi_server.serving.worker_channels import WorkerChannels

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

log = logging.getLogger("lgi.serve")
# Loaded at the first calls otherwise, by each worker for itself.
FIRST_CALLS = ("lxml.etree", "gevent.threadpool", "encodings.ascii", "_strptime")


class LateHandshake(ssl.SSLContext):
    """A context whose handshake is done later, in the connection's own greenlet, with a timeout."""

    def wrap_socket(self, *args: Any, **kwargs: Any) -> ssl.SSLSocket:
        """Wrap a socket without a handshake."""
        kwargs["do_handshake_on_connect"] = False
        return super().wrap_socket(*args, **kwargs)


def tls_context(config: Config, jobs: JobsAuthority | None = None) -> ssl.SSLContext:
    """Return a context for TLS 1.2 or newer; client certificates are requested, or required if configured.

    Certificates of jobs are accepted too; `client_certificate` distinguishes them from all others.
    """
    context = LateHandshake(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.set_ciphers(config.tls_ciphers)
    except ssl.SSLError:
        raise ValueError(f"tls_ciphers = {config.tls_ciphers}: OpenSSL has no such cipher") from None
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
    """Return the certificate and key of a server that speaks TLS itself."""
    if config.server_certificate is None or config.server_key is None:
        raise ValueError("server_certificate and server_key are not set")
    return config.server_certificate, config.server_key


def _no_password() -> str:
    raise ValueError("the server's key is encrypted; a server starts without anybody to type a pass phrase")


class Master(Arbiter):  # type: ignore[misc]
    """gunicorn's master process, which looks after the scheduler too."""

    def manage_workers(self) -> None:
        """Start workers and the scheduler that are missing; called each second."""
        super().manage_workers()
        if self.app.scheduler is not None:
            self.app.scheduler.keep(listener.fileno() for listener in self.LISTENERS)


class Gunicorn(BaseApplication):  # type: ignore[misc]
    """gunicorn with settings from our configuration only, none from its own files or environment."""

    def __init__(self, config: Config, scheduler: SchedulerProcess | None = None) -> None:
        """Create the application and the one TLS context that all workers share, before any fork."""
        self.lgi = config
        self.scheduler = scheduler
        self.flask = create_app(config)
        self.loads = WorkerLoads(config.workers)
        self._channels = WorkerChannels(self.loads.slots)
        self.renewal: CertificateReloader | None = None
        if not config.front_end_header:
            jobs = self.flask.extensions["lgi"].trust.jobs
            self.tls = tls_context(config, jobs)
            files = (*_own(config), config.ca_certificate)
            self.renewal = CertificateReloader(self.tls, files, lambda: tls_context(config, jobs))
        # Only once: during a reload the server's own sockets have these addresses.
        self._addresses = bind_addresses.bindable_addresses(config.listen)
        super().__init__()

    def load_config(self) -> None:
        """Set gunicorn's settings."""
        Worker.handshake_seconds = self.lgi.handshake_timeout
        Worker.pace = Pace(self.lgi.minimum_rate, self.lgi.rate_window, self.lgi.handshake_timeout)
        settings: dict[str, object] = {
            "bind": self._addresses,
            "workers": self.lgi.workers,
            "worker_class": Worker,
            "worker_connections": descriptors.budget(self.lgi.requests_at_once).connections,
            "backlog": 2048,
            "keepalive": self.lgi.keep_alive,
            "graceful_timeout": 35,
            "timeout": 60,
            "preload_app": True,
            "proc_name": "LGI_server",
            "post_worker_init": self._begin,
            "pre_fork": lambda _arbiter, worker: setattr(worker, "slot", self.loads.take()),
            "child_exit": lambda _arbiter, worker: self._forget(worker),
            # Called in gunicorn's master process only.
            "on_exit": lambda _arbiter: self._end(),
            "loglevel": "warning",
            "limit_request_line": 8190,
            # Headers such as X-Forwarded-For are never trusted, from any peer.
            "header_map": "drop",
            "forwarder_headers": "",
            "secure_scheme_headers": {},
            "worker_tmp_dir": _in_memory(),
        }
        settings |= self._behind_a_front_end() if self.lgi.front_end_header else self._own_tls()
        if "control_socket_disable" in self.cfg.settings:
            # Newer versions of gunicorn open a socket for commands in the home directory.
            settings["control_socket_disable"] = True
        if "http_parser" in self.cfg.settings:
            # The other parser does not use `OldRequest`.
            settings["http_parser"] = "python"
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
        """Return settings for a front end: long headers, and a socket for owner and group only."""
        # sendfile would bypass `OneRecord`, which sends the head with the first bytes.
        return {"limit_request_field_size": 32 * 1024, "umask": 0o117, "sendfile": False}

    def _begin(self, worker: Worker) -> None:
        """Start what runs beside the calls of a worker."""
        runtime = self.flask.extensions["lgi"]
        runtime.start_heartbeats()
        runtime.take_slot(worker.slot)
        if worker.slot >= 0:
            others = partial(self.loads.others, worker.slot)
            runtime.notices.start(self._channels.of_worker(worker.slot, others))

    def _forget(self, worker: Worker) -> None:
        """Remove what a worker that has ended leaves in shared memory."""
        self.loads.free(worker.slot)
        self.flask.extensions["lgi"].free_slot(worker.slot)
        metrics.forget(worker.pid)

    def _end(self) -> None:
        if self.scheduler is not None:
            self.scheduler.stop()
        metrics.end()

    def run(self) -> None:
        """Serve until a signal ends the server; RuntimeError from gunicorn."""
        for module in FIRST_CALLS:
            importlib.import_module(module)
        # Made at the first call otherwise.
        self.flask.url_map.update()
        # What all workers share lives as long as they do: a collection that looked at it would pause all
        # requests of a worker for 50 ms, and copy the memory it shares with the others.
        gc.collect()
        gc.freeze()
        Master(self).run()

    def load(self) -> "WSGIApplication":
        """Return the application."""
        return self.flask


def _in_memory() -> str | None:
    """Return the directory for gunicorn's heartbeats of workers: in memory, since a disk may be busy."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - gunicorn makes a safe file in it


def check(config: Config, jobs: JobsAuthority | None) -> None:
    """Read the files that the server reads at its start. Raises ValueError or OSError for an unusable one."""
    if config.front_end_header:
        trusted_proxy.from_config(config, jobs)
    else:
        tls_context(config, jobs)


def run(config: Config, scheduler: Callable[[int], int] | None) -> None:
    """Serve until gunicorn stops, with the work of a scheduler in a process beside the workers."""
    log_rate_limit.install()
    log.info("%s on %s, projects %s", config.url, config.listen, ", ".join(config.projects))
    # In memory where possible: the counters are written at every call.
    metrics.share(Path(_in_memory() or tempfile.gettempdir()))
    gunicorn_response.install()
    Gunicorn(config, SchedulerProcess(scheduler) if scheduler else None).run()
