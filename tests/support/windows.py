"""The clients with what Windows has, as far as Linux can play it: run as a program, which reads what to do.

The modules of Python that Windows lacks cannot be imported, names of `os`, `select` and `signal` are gone, no
directory can be opened, no open file be moved or removed, and nothing be done through the descriptor of a
directory. Paths stay those of Linux.
"""

import errno
import fcntl
import importlib
import inspect
import json
import os
import pkgutil
import select
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

PACKAGES = ("lgi_protocol", "lgi_tools")
MODULES = {"fcntl", "pwd", "grp", "termios", "tty", "pty", "resource", "syslog", "readline", "curses", "spwd"}
NAMES = {
    os: (
        *("getuid", "geteuid", "getgid", "getegid", "fchmod", "fchown", "chown", "lchown", "fork", "setsid"),
        *("killpg", "getpgid", "getpgrp", "sysconf", "sched_getaffinity", "mkfifo", "openpty", "statvfs"),
        *("O_NOFOLLOW", "O_DIRECTORY", "O_CLOEXEC", "O_NONBLOCK", "pread", "pwrite", "uname"),
    ),
    select: ("poll", "epoll"),
    signal: ("SIGHUP", "SIGKILL", "SIGWINCH", "SIGCHLD", "SIGUSR1", "SIGUSR2", "SIGALRM", "alarm"),
}


def modules() -> list[str]:
    """All modules of the clients."""
    found = ["LGI"]
    for name in PACKAGES:
        package = importlib.import_module(name)
        found += [name, *(one.name for one in pkgutil.walk_packages(package.__path__, f"{name}."))]
    return found


class Hidden:
    """Finds none of the modules that Windows lacks."""

    def find_spec(self, name: str, *_more: object) -> None:
        """Refuse a hidden module."""
        if name in MODULES:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def become_windows() -> None:
    """Take away what Windows lacks. The packages of others, which are loaded, keep what they have."""
    for name in [name for name in sys.modules if name.partition(".")[0] in {*PACKAGES, "LGI", *MODULES}]:
        del sys.modules[name]
    sys.meta_path.insert(0, Hidden())
    for module, names in NAMES.items():
        for name in names:
            delattr(module, name)
    sys.modules["msvcrt"] = _locks()
    vars(shutil)["_use_fd_functions"] = False
    os.open = _open(os.open)
    for name in ("replace", "rename", "unlink", "remove"):
        setattr(os, name, _unopened(getattr(os, name)))
    for name in ("stat", "utime", "chmod"):
        setattr(os, name, _by_path(name, getattr(os, name)))
    sys.platform = "win32"


def _locks() -> ModuleType:
    made = ModuleType("msvcrt")
    made.LK_NBLCK = 2

    def locking(descriptor: int, _mode: int, _count: int) -> None:
        if os.lseek(descriptor, 0, os.SEEK_CUR) <= os.fstat(descriptor).st_size:
            raise AssertionError("others could not read the file")
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PermissionError(errno.EACCES, "Permission denied") from None

    made.locking = locking
    return made


def _open(real: Callable[..., int]) -> Callable[..., int]:
    def opened(path: str, flags: int, mode: int = 0o777, **more: object) -> int:
        if more:
            raise NotImplementedError("dir_fd unavailable on this platform")
        if Path(path).is_dir():
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return real(path, flags, mode)

    return opened


def _unopened(real: Callable[..., None]) -> Callable[..., None]:
    def changed(path: str, *more: str, dir_fd: object = None) -> None:
        # There the system removes the temporary files of this module.
        if inspect.currentframe().f_back.f_globals["__name__"] == "tempfile":
            return real(path, *more)
        files = {os.path.abspath(os.fspath(one)) for one in (path, *more)}
        for number in os.listdir("/proc/self/fd"):
            try:
                held = os.readlink(f"/proc/self/fd/{number}")
            except OSError:
                continue
            if held in files:
                raise PermissionError(errno.EACCES, "it is used by this process", held)
        return real(path, *more)

    return changed


def _by_path(name: str, real: Callable[..., object]) -> Callable[..., object]:
    def used(path: object, *words: object, dir_fd: object = None, **more: object) -> object:
        if dir_fd is not None or (isinstance(path, int) and name != "stat"):
            raise NotImplementedError(f"{name} with a descriptor is unavailable on this platform")
        return real(path, *words, **more)

    return used


def main() -> int:
    """Run the commands of standard input, each a module and its words as JSON; print what each returned."""
    names = modules()
    for name in names:
        importlib.import_module(name)
    become_windows()
    for name in names:
        importlib.import_module(name)
    for line in sys.stdin:
        module, *words = json.loads(line)
        code = importlib.import_module(module).main(words)
        print(f"\n{module}: {code}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
