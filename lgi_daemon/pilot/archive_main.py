"""The begin of a packed daemon: unpacks it as a virtual environment, and runs LGI_daemon from there.

It is __main__.py of the archive and knows only Python's own modules. The directory is new, in TMPDIR, and is
removed when the daemon has ended.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

_PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1)


def main() -> int:
    """Return the exit code of the daemon."""
    if "-d" in sys.argv[1:]:
        print("a packed LGI_daemon does not run in the background: leave out -d", file=sys.stderr)
        return 1
    signals = _Signals()
    # Others may enter: under root, jobs use LGI's programs.
    home = Path(tempfile.mkdtemp(prefix="LGI_daemon-"))
    try:
        home.chmod(0o755)
        unpack(Path(sys.argv[0]), home)
        return signals.run([str(home / "bin" / "python"), str(home / "bin" / "LGI_daemon"), *sys.argv[1:]])
    finally:
        shutil.rmtree(home, ignore_errors=True)


def unpack(archive: Path, home: Path) -> None:
    """Make a virtual environment of this Python with the packages of an archive."""
    packages = home / f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
    packages.mkdir(parents=True)
    (home / "bin").mkdir()
    python = os.path.realpath(sys.executable)
    (home / "bin" / "python").symlink_to(python)
    (home / "pyvenv.cfg").write_text(f"home = {os.path.dirname(python)}\n")
    with zipfile.ZipFile(archive) as opened:
        for info in opened.infolist():
            top, _, inside = info.filename.partition("/")
            folder = {"packages": packages, "bin": home / "bin", "share": home / "share"}.get(top)
            if folder is None or info.is_dir() or ".." in inside.split("/"):
                continue
            path = folder / inside
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(opened.read(info))
            # The permissions, as zipfile stores them.
            path.chmod(info.external_attr >> 16 & 0o755)


class _Signals:
    """The signals that come here, for the daemon; one that comes before it was started is sent then."""

    def __init__(self) -> None:
        self._early: list[int] = []
        self._daemon: subprocess.Popen[bytes] | None = None
        for number in _PASSED_ON:
            signal.signal(number, self._pass_on)

    def _pass_on(self, number: int, _frame: object) -> None:
        if self._daemon is None:
            self._early.append(number)
        else:
            self._daemon.send_signal(number)

    def run(self, command: list[str]) -> int:
        """Run the daemon, and return its exit code; none is started after a signal."""
        if self._early:
            return 128 + self._early[0]
        self._daemon = subprocess.Popen(command)  # noqa: S603 - what was unpacked
        for number in self._early:
            self._daemon.send_signal(number)
        return self._daemon.wait()


if __name__ == "__main__":
    sys.exit(main())
