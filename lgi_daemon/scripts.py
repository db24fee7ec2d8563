"""Runs the scripts of jobs. The only place that starts programs, as whatever user."""

import logging
import os
import shutil
import signal
import subprocess
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from lgi_daemon import processes
from lgi_daemon.processes import Identity

log = logging.getLogger(__name__)

CHECK_SECONDS = 60.0
# Stage-in and stage-out move files.
STAGE_SECONDS = 900.0
# The script's path is an argument, never part of the command.
# As LGI: a file without '#!' is run by sh.
_RUN = 'exec "$0"'
# Runs only after a line has come: the daemon sends it when it has noted the process.
_RUN_WHEN_TOLD = 'read -r go && exec "$0" < /dev/null'
# Changes the user after Popen has returned: what Popen itself has made that user, the job's other processes
# can stop before its first line, and Popen waits for it without end.
_SETPRIV = shutil.which("setpriv")
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "USER", "LOGNAME", "SHELL")


class NoAnswer(Exception):
    """A script did not end in time or could not be started: it said neither yes nor no."""

    def __init__(self, text: str, seconds: float = 0.0) -> None:
        """``seconds`` is how long it was waited for, during which nothing else was done."""
        self.seconds = seconds
        super().__init__(text)


@dataclass(frozen=True)
class Place:
    """Where and as whom (None: the daemon's own user) a script runs; ``hints`` are LGI_* variables."""

    directory: Path
    uid: int | None = None
    hints: dict[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """All that a script inherits: the daemon's PATH, HOME, language and TMPDIR, and the hints."""
        kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        # Scripts call LGI_filetransfer and LGI_qsub, wherever this daemon was installed.
        kept["PATH"] = f"{sysconfig.get_path('scripts')}:{kept.get('PATH') or os.defpath}"
        kept.setdefault("LANG", "C.UTF-8")
        if self.uid is not None:
            kept = {name: kept[name] for name in kept if name not in ("USER", "LOGNAME", "SHELL")}
            kept["HOME"] = kept["TMPDIR"] = str(self.directory)
        return kept | self.hints


class Scripts:
    """Starts scripts and remembers those in the background, so that their ends are noticed."""

    def __init__(self) -> None:
        """Nothing runs yet."""
        self._children: list[subprocess.Popen[bytes]] = []

    def status(self, script: Path, place: Place, seconds: float = CHECK_SECONDS) -> int:
        """The exit status of a script, 0 for "yes"; NoAnswer when it takes longer or cannot be started.

        What a script that takes too long has started is killed with it.
        """
        child = _start(script, place, _RUN, subprocess.DEVNULL)
        try:
            return child.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            raise NoAnswer(f"{script.name} took more than {seconds:g} s and was killed", seconds) from None

    def start(self, script: Path, place: Place, note: Callable[[Identity], None]) -> Identity:
        """Start a script in the background, in a session of its own that outlives the daemon.

        ``note`` is called with its identity before its first line runs; when the daemon dies in between, or
        ``note`` raises, it never runs. NoAnswer when it cannot be started.
        """
        child = _start(script, place, _RUN_WHEN_TOLD, subprocess.PIPE)
        self._children.append(child)
        assert child.stdin is not None  # noqa: S101 - asked for with PIPE
        identity = processes.identify(child.pid)
        with child.stdin as gate:
            note(identity)
            try:
                gate.write(b"\n")
                gate.flush()
            except BrokenPipeError:
                raise NoAnswer(f"{script.name} was killed before it began") from None
        return identity

    def reap(self) -> None:
        """Take note of the background scripts that have ended."""
        self._children = [child for child in self._children if child.poll() is None]


def _start(script: Path, place: Place, command: str, stdin: int) -> subprocess.Popen[bytes]:
    """A script in a new session with nothing of the daemon but a clean environment."""
    arguments, uid = ["/bin/sh", "-c", command, str(script)], place.uid
    if uid is not None and _SETPRIV is not None:
        arguments = [_SETPRIV, f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--", *arguments]
        uid = None
    try:
        return subprocess.Popen(  # noqa: S603 - the administrator's script, by its absolute path
            arguments,
            cwd=place.directory,
            env=place.environment(),
            stdin=stdin,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            close_fds=True,
            start_new_session=True,
            umask=0o077,
            user=uid,
            group=uid,
            extra_groups=None if uid is None else [],
        )
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise NoAnswer(f"{script.name} could not be started: {error}") from None
