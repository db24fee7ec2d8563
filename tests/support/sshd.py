"""An ssh server of our own on loopback: an ordinary user's process, which lets in that user alone."""

import os
import pwd
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
from contextlib import suppress
from functools import partial
from pathlib import Path

from tests.support.grid import free_port, wait_for

PATH = f"{os.environ.get('PATH', '')}:/usr/sbin"


def missing() -> str:
    """What this machine lacks for it; empty when nothing."""
    for program in ("sshd", "ssh", "ssh-keygen", *(("useradd",) if os.geteuid() == 0 else ())):
        if shutil.which(program, path=PATH) is None:
            return program
    return ""


class PrivateSshd:
    """A repository host. Tests that root runs make a user for it, since sshd needs one with a shell."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="lgi-sshd-"))
        self.home = self.directory / "home"
        self.repository = self.home / "repository"
        self.repository.mkdir(parents=True)
        self.port = free_port()
        self.known_hosts = self.directory / "known_hosts"
        self.log = self.directory / "sshd.log"
        self._authorized = self.directory / "authorized_keys"
        self._process: subprocess.Popen[bytes] | None = None
        self._made = os.geteuid() == 0
        self.user = f"lgirepo{os.getpid()}" if self._made else pwd.getpwuid(os.geteuid()).pw_name
        if self._made:
            self._make_user()

    def _make_user(self) -> None:
        words = ("-M", "-N", "-g", "nogroup", "-s", "/bin/sh", "-d", str(self.home), "-p", "*", self.user)
        # Tests beside this one may be changing the accounts at this moment.
        wait_for(lambda: _succeeds("useradd", *words) or _succeeds("id", self.user))

    @property
    def address(self) -> str:
        """What the configuration of a project server says."""
        return f"{self.user}@127.0.0.1:{self.port}"

    def new_host_key(self) -> None:
        """Another identity, which nobody knows yet."""
        for old in self.directory.glob("host_key*"):
            old.unlink()
        _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.directory / "host_key"))

    def publish_host_key(self) -> None:
        """Let clients know it."""
        public = (self.directory / "host_key.pub").read_text()
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {public}")

    def authorize(self, private: Path) -> None:
        """Let in whoever has a key, as LGI's document says it is done."""
        public = _run("ssh-keygen", "-y", "-f", str(private))
        self._authorized.write_text(f"restrict {public}")
        self._authorized.chmod(0o644)

    def start(self, largest_file: int = -1) -> None:
        """Start and return when it answers; no file can be made bigger than so many bytes."""
        settings = {
            "Port": str(self.port),
            "ListenAddress": "127.0.0.1",
            "HostKey": str(self.directory / "host_key"),
            "AuthorizedKeysFile": str(self._authorized),
            "PidFile": "none",
            "UsePAM": "no",
            "StrictModes": "no",
            "PasswordAuthentication": "no",
        }
        file = self.directory / "sshd_config"
        file.write_text("".join(f"{key} {value}\n" for key, value in settings.items()))
        account = pwd.getpwnam(self.user)
        if self._made:
            for path in (self.directory, self.home, self.repository, *self.directory.glob("host_key*")):
                os.chown(path, account.pw_uid, account.pw_gid)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(shutil.which("sshd", path=PATH)), "-D", "-e", "-f", str(file)],
                stderr=log,
                start_new_session=True,
                preexec_fn=partial(resource.setrlimit, resource.RLIMIT_FSIZE, (largest_file, -1)),
                **(
                    {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
                    if self._made
                    else {}
                ),
            )
        wait_for(self._answers)

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def pause(self) -> None:
        """Take connections and never say a word."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Go on."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """Stop listening; connections that are open last until their clients end them."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)
            self._process = None

    def remove(self) -> None:
        """Stop and remove everything."""
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)
        if self._made:
            wait_for(lambda: _succeeds("userdel", "--force", self.user) or not _succeeds("id", self.user))


def _succeeds(*command: str) -> bool:
    with suppress(subprocess.CalledProcessError):
        _run(*command)
        return True
    return False


def _run(*command: str) -> str:
    return subprocess.run(
        command, check=True, capture_output=True, text=True, env={**os.environ, "PATH": PATH}
    ).stdout
