"""The directory of LGI_run --here, with the file by which a resource knows that it sees the same one."""

import os
import secrets
import stat
import sys
import time
from contextlib import suppress
from functools import lru_cache

from lgi_protocol import open_flags
from lgi_protocol.shared_directory import PREFIX, SharedDirectory

# Seconds. A token is for the jobs of a day; its file stays for jobs that wait, or are tried again.
_NEW, _OLD = 86400, 30 * 86400
_LENGTH = 16


def current_directory() -> SharedDirectory:
    """Return the current directory with a token, whose file is in it. Raises ValueError, OSError."""
    return _with_token(os.path.realpath("."))


@lru_cache(4)
def _with_token(path: str) -> SharedDirectory:
    # Before anything is written.
    SharedDirectory(path, "0" * 2 * _LENGTH)
    token = _known_token(path)
    if not token:
        token = secrets.token_hex(_LENGTH)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | open_flags.NO_FOLLOW
        with os.fdopen(os.open(os.path.join(path, PREFIX + token), flags, 0o644), "w") as opened:
            # Daemons that run jobs as another user read it too; it is no secret.
            if sys.platform != "win32":
                os.fchmod(opened.fileno(), 0o644)
            opened.write(f"{token}\n")
    return SharedDirectory(path, token)


def _known_token(path: str) -> str:
    """Return a token of the last day, empty without one; remove the files of old ones."""
    now, found = time.time(), ""
    for entry in os.scandir(path):
        if not entry.name.startswith(PREFIX):
            continue
        with suppress(OSError):
            status = entry.stat(follow_symlinks=False)
            if not stat.S_ISREG(status.st_mode) or not _is_own(status):
                continue
            age = now - status.st_mtime
            if age > _OLD:
                os.unlink(entry.path)
            elif age < _NEW and _is_whole(entry.path):
                found = entry.name.removeprefix(PREFIX)
    return found


def _is_own(status: os.stat_result) -> bool:
    return sys.platform == "win32" or status.st_uid == os.geteuid()


def _is_whole(path: str) -> bool:
    with open(path, opener=lambda name, flags: os.open(name, flags | open_flags.NO_FOLLOW)) as opened:
        token = opened.read(3 * _LENGTH)
    return token == f"{path.rpartition(PREFIX)[2]}\n" and len(token) == 2 * _LENGTH + 1
