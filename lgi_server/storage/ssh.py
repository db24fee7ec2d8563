"""Commands on another host, run by ssh without blocking the worker.

ssh passes the command to the login shell of the host as one text. So a command has only constant text and
checked names; data of users goes through standard input.
"""

import logging
import time
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from gevent import subprocess
from gevent.lock import BoundedSemaphore

from lgi_server.config.repository_host import RepositoryHost, is_plain

log = logging.getLogger("lgi.ssh")
CONNECT_SECONDS = 5
# Seconds after a failed connection in which no request tries again: each attempt would delay it.
AWAY_SECONDS = 5.0
# Commands of one worker at once: two workers stay below sshd's limit of ten sessions per connection.
AT_ONCE = 4
WAIT_SECONDS = 10.0
_SSH_FAILED = 255
# The path of a socket has at most 107 bytes, and ssh adds 17 to it temporarily.
_LONGEST_SOCKET = 107 - 17
_OPTIONS = {
    "BatchMode": "yes",
    "IdentitiesOnly": "yes",
    "IdentityAgent": "none",
    "PreferredAuthentications": "publickey",
    "StrictHostKeyChecking": "yes",
    "GlobalKnownHostsFile": "/dev/null",
    "UpdateHostKeys": "no",
    "ClearAllForwardings": "yes",
    "ConnectTimeout": str(CONNECT_SECONDS),
    "ServerAliveInterval": "5",
    "ServerAliveCountMax": "3",
    "LogLevel": "ERROR",
}


class RemoteCommandError(Exception):
    """The command has failed; the log has the reason."""


class Ssh:
    """Runs commands on one host. The connection is kept for a minute and shared by all workers."""

    def __init__(self, host: RepositoryHost, control: Path) -> None:
        """Create the client; ``control`` is a private directory for the socket of the connection."""
        self._name = str(host.address)
        options = {**_OPTIONS, "UserKnownHostsFile": str(host.known_hosts), **_sharing(control / "ssh")}
        self._command = [
            *("ssh", "-F", "none", "-T", "-i", str(host.ssh_key)),
            *("-p", str(host.address.port), "-l", host.address.user),
            *(part for key, value in options.items() for part in ("-o", f"{key}={value}")),
            *("--", host.address.host),
        ]
        self._slots = BoundedSemaphore(AT_ONCE)
        self._away_until = 0.0

    def run(self, command: str, given: IO[bytes] | None = None, seconds: float = 30.0) -> bytes:
        """Return the standard output of a command that ends within ``seconds``, with ``given`` as its input.

        Raises RemoteCommandError; at once for AWAY_SECONDS after a failed connection.
        """
        if not self._slots.acquire(timeout=WAIT_SECONDS):
            raise RemoteCommandError("too many commands at once")
        try:
            if time.monotonic() < self._away_until:
                raise RemoteCommandError("the host could not be reached a moment ago")
            return self._run(command, given, seconds)
        finally:
            self._slots.release()

    def _run(self, command: str, given: IO[bytes] | None, seconds: float) -> bytes:
        # A file, not a pipe: the process of the kept connection inherits it and would keep a pipe open.
        with TemporaryFile() as errors:
            try:
                done = subprocess.run(
                    [*self._command, command],
                    stdin=given or subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
                    timeout=seconds,
                )
                status, output = done.returncode, done.stdout
            except subprocess.TimeoutExpired:
                status, output = _SSH_FAILED, b""
            if status == 0:
                return bytes(output)
            if status == _SSH_FAILED:
                self._away_until = time.monotonic() + AWAY_SECONDS
            errors.seek(0)
            text = errors.read(2000).decode("ascii", "backslashreplace").strip()
        reason = text or "the command took too long"
        log.error("%s: status %d, %s", self._name, status, ascii(reason))
        raise RemoteCommandError(reason)


def _sharing(socket: Path) -> dict[str, str]:
    """Return the options to keep one connection, or for none if the path of the socket is unusable."""
    if len(bytes(socket)) > _LONGEST_SOCKET or not is_plain(socket):
        log.warning("%s cannot be the path of a socket: each command makes its own connection", socket)
        return {"ControlPath": "none"}
    return {"ControlMaster": "auto", "ControlPersist": "60", "ControlPath": str(socket)}
