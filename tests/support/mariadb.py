"""A private MariaDB: its own data directory and socket, no TCP port, under root an ordinary user."""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

PROGRAMS = ("mariadbd", "mariadb-install-db")
SMALL = (
    "--performance-schema=0",
    "--innodb-buffer-pool-size=32M",
    "--innodb-log-file-size=16M",
    "--key-buffer-size=1M",
    "--aria-pagecache-buffer-size=1M",
    "--max-connections=100",
)


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def missing() -> str:
    """Return the programs that must be installed first; empty when all exist."""
    return ", ".join(name for name in PROGRAMS if _program(name) is None)


class PrivateMariaDB:
    """A server for one test run. Its directory has a short name: a socket's path has at most 107 bytes."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="lgi-db-"))
        self.socket = self.directory / "sock"
        self._user: str | None = None
        if os.getuid() == 0:
            self._user = "nobody"
            os.chown(self.directory, pwd.getpwnam("nobody").pw_uid, -1)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def admin(self) -> str:
        """The user with all rights, over the socket."""
        return "root"

    def install(self) -> None:
        """Create the data directory."""
        self._run(
            "mariadb-install-db",
            "--no-defaults",
            f"--datadir={self.directory / 'data'}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            "--innodb-log-file-size=16M",
        )

    def options(self) -> tuple[str, ...]:
        """What this server is told beside where its files are."""
        return ("--skip-networking",)

    def start(self) -> None:
        """Start the server and return when it answers."""
        command = [
            _program("mariadbd") or "mariadbd",
            "--no-defaults",
            f"--datadir={self.directory / 'data'}",
            # Not /tmp: a server that starts removes the temporary tables of all others from there.
            f"--tmpdir={self.directory}",
            f"--socket={self.socket}",
            f"--pid-file={self.directory / 'pid'}",
            *SMALL,
            *self.options(),
        ]
        log = (self.directory / "log").open("ab")
        self._process = subprocess.Popen(command, user=self._user, stdout=log, stderr=log, cwd="/")
        end = time.monotonic() + 60
        while not self.answers():
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError((self.directory / "log").read_text()[-2000:])
            time.sleep(0.05)

    def answers(self) -> bool:
        """Return whether the server accepts connections."""
        import pymysql

        try:
            pymysql.connect(unix_socket=str(self.socket), user=self.admin, ssl_disabled=True).close()
        except pymysql.MySQLError:
            return False
        return True

    def _run(self, *command: str) -> None:
        program = _program(command[0]) or command[0]
        subprocess.run(
            [program, *command[1:]],
            user=self._user,
            # Not /tmp, as above: what installs starts a server too.
            env={**os.environ, "TMPDIR": str(self.directory)},
            check=True,
            capture_output=True,
            cwd="/",
            timeout=120,
        )

    def create_database(self, name: str) -> str:
        """Create an empty database and return its address."""
        import pymysql

        with pymysql.connect(unix_socket=str(self.socket), user=self.admin, ssl_disabled=True) as connection:
            cursor = connection.cursor()
            cursor.execute(f"DROP DATABASE IF EXISTS `{name}`")
            cursor.execute(f"CREATE DATABASE `{name}`")
        return f"mariadb://{self.admin}@localhost/{name}?socket={self.socket}"

    def stop(self) -> None:
        """Stop the server."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)
            self._process = None

    def kill(self) -> None:
        """Kill the server with SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(60)
            self._process = None

    def remove(self) -> None:
        """Stop the server and remove its files."""
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)
