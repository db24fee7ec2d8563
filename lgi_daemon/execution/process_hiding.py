"""Keeps jobs under uids of their own from seeing the processes of others, their command lines among them.

The run script of such a job, and all of the job with it, has a mount namespace with a /proc of its own, which
shows a user its own processes only (hidepid). What is mounted on the machine later is mounted there too.
"""

import os
import re
import shutil
import subprocess
from functools import cache

# Before, the option would have been that of all mounts of /proc on the machine.
OLDEST_KERNEL = (5, 8)
_UNSHARE, _MOUNT = shutil.which("unshare") or "", shutil.which("mount") or ""
_SECONDS = 10.0
_MOUNTING = "-n -t proc -o hidepid=invisible,nosuid,nodev,noexec proc /proc"
_NAMESPACE = "--mount --propagation slave --"
# Engines of containers want a shared root: here it is shared with nobody else.
_INSIDE = f'"$0" -n --make-rshared /; "$0" {_MOUNTING}; exec "$@"'
# Arguments are the inner script, unshare and mount. A job runs all the same where no more namespace, or no
# /proc, can be made.
_OUTSIDE = f"""
unshare=$1 mount=$2; shift 2
"$unshare" --mount /bin/true || exec "$@"
exec "$unshare" {_NAMESPACE} /bin/sh -c "$0" "$mount" "$@"
"""


@cache
def problem() -> str:
    """Return why jobs of this daemon can see the processes of others; empty when they cannot."""
    if os.geteuid() != 0:
        return "the daemon was not started by root, and all jobs have its uid"
    if _kernel() < OLDEST_KERNEL:
        return f"the kernel {os.uname().release} cannot hide them from jobs alone, one of 5.8 or later can"
    if not (_UNSHARE and _MOUNT):
        return "unshare and mount are not installed"
    probe = [_UNSHARE, *_NAMESPACE.split(), _MOUNT, *_MOUNTING.split()]
    try:
        done = subprocess.run(  # noqa: S603 - our own words
            probe, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode:
        return f"a /proc of their own cannot be mounted: {' '.join(done.stderr.split())}"
    return ""


def command(unshare: str = _UNSHARE) -> list[str]:
    """Return the arguments in front of a command that run it with such a /proc; none where none can be.

    They need root, and keep the number of the process.
    """
    return [] if problem() else ["/bin/sh", "-c", _OUTSIDE, _INSIDE, unshare, _MOUNT]


def _kernel() -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall("[0-9]+", os.uname().release)[:2])
