"""The start of a new grid: server, daemon of the first resource, listener for those who join."""

import os
import pwd
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lgi_server.cli.setup import programs, units
from lgi_server.cli.setup.check import databases, listening
from lgi_server.cli.setup.grid_options import GridOptions
from lgi_server.config import parser
from lgi_server.services.project.recorded_changes import AdministrationError

JOIN_PORT = 8444
JOIN_MINUTES = 60
# Seconds for an answer of a program that runs.
PATIENCE = 2.0
# A program that has neither ended nor begun to work within so many seconds runs.
READY_PATIENCE = 30.0


@dataclass(frozen=True)
class Program:
    """A program to start in the background, with the file of its output; None for this account.

    ``refusal`` is a part of what it says when it runs already, ``greeting`` when it has begun to work.
    """

    name: str
    words: tuple[str, ...]
    log: Path
    account: str | None = None
    refusal: str = ""
    greeting: str = ""

    @property
    def start_options(self) -> dict[str, Any]:
        """The options of Popen by which root starts it under its account, without privileges."""
        if os.geteuid() != 0 or self.account in {None, "root"}:
            return {}
        found = pwd.getpwnam(str(self.account))
        groups = os.getgrouplist(found.pw_name, found.pw_gid)
        return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": groups, "umask": 0o027}


def start(plan: GridOptions) -> Iterator[str]:
    """Start what does not run yet, and yield a line for each; AdministrationError for what ends at once."""
    yield _server(plan)
    if plan.resource:
        yield _daemon(plan)
    yield _listener(plan)


def _server(plan: GridOptions) -> str:
    parts = urlsplit(plan.url)
    address = (parts.hostname or "", parts.port or 443)
    if _is_open(address):
        _check_server(plan)
        return f"{plan.url} runs already"
    if units.are_used(plan.units):
        return units.start(units.UNIT)
    config = str(plan.server / "LGI_server.cfg")
    program = Program("LGI_server", (config,), plan.directory / "log" / "server.log", plan.user)
    return _background(program, partial(_is_ready, plan, address))


def _check_server(plan: GridOptions) -> None:
    """Raise AdministrationError when what listens at the address of the server is not this server."""
    for wrong in listening.check(parser.load(plan.server / "LGI_server.cfg")):
        raise AdministrationError(
            f"the server cannot be started, something else has its port: {wrong.text}; {wrong.remedy}"
        )


def _daemon(plan: GridOptions) -> str:
    if units.are_used(plan.units):
        return units.start(units.DAEMON_UNIT)
    file = str(plan.resource_directory / "LGI.cfg")
    log = plan.directory / "log" / "daemon.log"
    words = ("-ft", "5", "-st", "10", file)
    told = {"refusal": "is in use by another daemon", "greeting": " started, pid "}
    return _background(Program("LGI_daemon", words, log, **told))


def _listener(plan: GridOptions) -> str:
    if _has_listener(plan):
        return f"LGI_certificates listens on port {plan.join_port} already"
    words = ["--directory", str(plan.certificates), "listen", urlsplit(plan.url).hostname or ""]
    words += ["--port", str(plan.join_port), "--server", plan.url, "--minutes", str(JOIN_MINUTES)]
    words += ["--register", str(plan.server / "LGI_server.cfg")]
    program = Program("LGI_certificates", tuple(words), plan.directory / "log" / "join.log")
    return _background(program, partial(_has_listener, plan))


def _has_listener(plan: GridOptions) -> bool:
    """Return whether the port of those who join is that of this authority's listener."""
    file = plan.certificates / "ca.crt"
    host = urlsplit(plan.url).hostname or ""
    tls = ssl.create_default_context(cafile=file)
    try:
        with closing(HTTPSConnection(host, plan.join_port, timeout=PATIENCE, context=tls)) as connection:
            connection.request("GET", "/ca.crt")
            return connection.getresponse().read() == file.read_bytes()
    except (OSError, HTTPException):
        return False


def _background(program: Program, is_ready: Callable[[], bool] = lambda: False) -> str:
    """Start a program that outlives this one; return when it is ready, or has run for a while."""
    program.log.parent.mkdir(mode=0o750, exist_ok=True)
    with program.log.open("ab") as log:
        begin = log.tell()
        # A list of arguments without a shell; all of them come from the administrator.
        started = subprocess.Popen(  # noqa: S603
            [programs.path_of(program.name), *program.words],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            **program.start_options,
        )
    end = time.monotonic() + READY_PATIENCE
    while time.monotonic() < end and not is_ready():
        has_ended = started.poll() is not None
        said = program.log.read_bytes()[begin:].decode("utf-8", "replace").strip()
        if has_ended:
            return _refused(program, said)
        if program.greeting and program.greeting in said:
            break
        time.sleep(0.1)
    return f"{program.name} runs as process {started.pid}, its log is {program.log}"


def _refused(program: Program, said: str) -> str:
    """Return that a program runs already, if that is why it has ended; AdministrationError if not."""
    if program.refusal and program.refusal in said:
        return f"{program.name} runs already"
    raise AdministrationError(f"{program.name} has ended at once: {said[-1000:]}")


def _is_ready(plan: GridOptions, address: tuple[str, int]) -> bool:
    """Return whether the server can be connected to, and its scheduler, unless it has none, has begun."""
    if not _is_open(address):
        return False
    config = parser.load(plan.server / "LGI_server.cfg")
    return not config.scheduler.with_server or not any(databases.check(config))


def _is_open(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, PATIENCE).close()
    except OSError:
        return False
    return True
