"""Keeps jobs under uids of their own from seeing the processes of others, their command lines among them.

The run scripts of such jobs, and all that they start, are in a mount namespace with another /proc, which
shows a user its own processes only (hidepid). What is mounted on the machine later is mounted there too. The
namespace is made once; a descriptor of this process keeps it.
"""

import os
import re
import select
import shutil
import subprocess
from functools import cache

# Before, the option would have been that of all mounts of /proc on the machine.
OLDEST_KERNEL = (5, 8)
_UNSHARE, _MOUNT = (shutil.which(name) or "" for name in ("unshare", "mount"))
_SECONDS = 10.0
# Engines of containers want a shared root: here it is shared with nobody else. A line is printed when the
# namespace is ready, which is kept until one is read.
_PREPARE = (
    '"$0" -n --make-rshared / && '
    '"$0" -n -t proc -o hidepid=invisible,nosuid,nodev,noexec proc /proc && echo && read -r _end'
)


def problem() -> str:
    """Return why jobs of this daemon can see the processes of others; empty when they cannot."""
    return _namespace()[1]


def namespace() -> int:
    """Return the descriptor of a mount namespace with such a /proc; -1 where there can be none."""
    return _namespace()[0]


@cache
def _namespace() -> tuple[int, str]:
    """Make the namespace; return its descriptor, or why there is none."""
    if os.geteuid() != 0:
        return -1, "the daemon was not started by root, and all jobs have its uid"
    if _kernel() < OLDEST_KERNEL:
        return -1, f"the kernel {os.uname().release} cannot hide them from jobs alone, 5.8 and later can"
    if not (_UNSHARE and _MOUNT):
        return -1, "unshare or mount is not installed"
    words = [_UNSHARE, "--mount", "--propagation", "slave", "--", "/bin/sh", "-c", _PREPARE, _MOUNT]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as maker:  # noqa: S603
        if _has_printed(maker):
            return os.open(f"/proc/{maker.pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC), ""
        maker.kill()
        _out, errors = maker.communicate()
        return -1, f"a /proc of their own cannot be mounted: {' '.join(errors.split()) or 'no answer'}"


def _has_printed(maker: "subprocess.Popen[str]") -> bool:
    assert maker.stdout is not None  # noqa: S101 - opened with PIPE
    is_ready, _, _ = select.select([maker.stdout], [], [], _SECONDS)
    return bool(is_ready and maker.stdout.readline())


def _kernel() -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall("[0-9]+", os.uname().release)[:2])
