"""Commands run on another host by ssh, waited for without blocking a worker.

ssh joins the command's words and gives them to the login shell there. So a command is one text made of our
own words only; whatever a user has chosen goes through standard input.
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
# For so long after a failed connection nobody tries again: each try would keep a request waiting.
AWAY_SECONDS = 5.0
# Two workers together stay below sshd's limit of ten sessions a connection.
AT_ONCE = 4
WAIT_SECONDS = 10.0
_SSH_FAILED = 255
# A path of a socket has at most 107 bytes, and ssh adds 17 to it for a moment.
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
    """The command did not succeed; the log has the reason."""


class Ssh:
    """The way to one host. A connection is kept for a minute and shared by all workers."""

    def __init__(self, host: RepositoryHost, control: Path) -> None:
        """``control`` is a directory of our own for the socket of the kept connection."""
        self._name = str(host.address)
        options = {**_OPTIONS, "UserKnownHostsFile": str(host.known_hosts), **_sharing(control / "ssh")}
        self._command = [
            *("ssh", "-F", "none", "-T", "-i", str(host.ssh_key)),
            *("-p", str(host.address.port), "-l", host.address.user),
            *(part for key, value in options.items() for part in ("-o", f"{key}={value}")),
            *("--", host.address.host),
        ]
        self._places = BoundedSemaphore(AT_ONCE)
        self._away_until = 0.0

    def run(self, command: str, given: IO[bytes] | None = None, seconds: float = 30.0) -> bytes:
        """Return what a command printed there. Raises RemoteCommandError, at once while the host is away."""
        if not self._places.acquire(timeout=WAIT_SECONDS):
            raise RemoteCommandError("too many commands at once")
        try:
            if time.monotonic() < self._away_until:
                raise RemoteCommandError("the host was away a moment ago")
            return self._run(command, given, seconds)
        finally:
            self._places.release()

    def _run(self, command: str, given: IO[bytes] | None, seconds: float) -> bytes:
        # The kept connection inherits stderr and outlives this command: a pipe would not come to its end.
        with TemporaryFile() as said:
            try:
                done = subprocess.run(
                    [*self._command, command],
                    stdin=given or subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=said,
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
            said.seek(0)
            reason = said.read(2000).decode("ascii", "backslashreplace").strip() or "no answer in time"
        log.error("%s: status %d, %s", self._name, status, ascii(reason))
        raise RemoteCommandError(reason)


def _sharing(socket: Path) -> dict[str, str]:
    """Return the options for one kept connection, unless the socket's path would not do."""
    if len(bytes(socket)) > _LONGEST_SOCKET or not is_plain(socket):
        log.warning("%s: too long or too odd for a socket, each command connects anew", socket)
        return {"ControlPath": "none"}
    return {"ControlMaster": "auto", "ControlPersist": "60", "ControlPath": str(socket)}
