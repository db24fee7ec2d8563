"""The user a job runs as when the daemon is root, and what that user may not do."""

import os
import pwd
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Mapping

from lgi_daemon.execution import processes

# Above the accounts of most sites and the subordinate uids of most containers.
UIDS = range(2_000_000, 3_000_000)
# Below are the users of the system itself.
LOWEST_UID = 1000
# One more means "leave it as it is" to the system.
HIGHEST_UID = 2**32 - 2
_TRIES = 1000
_NEVER: Mapping[int, int] = {}
SETPRIV = shutil.which("setpriv") or ""
# How often, and for how many seconds each time, all of a user is killed.
_ROUNDS = 20
_ROUND_SECONDS = 0.5


def problem() -> str:
    """Why root could not run a job as another user, and what to do about it; empty when it can."""
    return (
        "" if SETPRIV else "setpriv is missing, jobs cannot be run as users of their own: install util-linux"
    )


def command(uid: int) -> list[str]:
    """What stands in front of a command that runs as that user, gid and all.

    Without groups or capabilities, and no program it starts can give it any, set-user-ID or not.
    """
    if not SETPRIV:
        raise OSError(problem())
    drop = ["--clear-groups", "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs"]
    return [SETPRIV, f"--reuid={uid}", f"--regid={uid}", *drop, "--"]


def programs_problem(uid: int) -> str:
    """Why jobs of that user cannot use LGI's programs, and what to do about it; empty when they can."""
    if os.geteuid() != 0:
        return ""
    python = sys.executable
    # What setpriv itself starts is still found with root's rights.
    line = [*command(uid), "/bin/sh", "-c", '"$0" -c ""', python]
    tried = subprocess.run(line, cwd="/", capture_output=True, check=False)  # noqa: S603 - our own Python
    if tried.returncode == 0:
        return ""
    return (
        f"jobs under uids of their own cannot run {python}, so LGI_xml and all other programs of LGI fail "
        f"in them: install LGI with a Python, and in a place, that every user can read and enter"
    )


def choose_uid(
    configured: int, taken: Collection[int], uids: range = UIDS, used: Mapping[int, int] = _NEVER
) -> int:
    """The configured uid, else a random one that no job, account or process has; without root our own.

    Of several it is one that was never used, or longest ago: ``used`` has higher numbers for later uses.
    RuntimeError when none of ``uids`` is free.
    """
    if os.geteuid() != 0:
        return os.geteuid()
    if configured:
        return configured
    busy = processes.users() | set(taken)
    found = random.SystemRandom().sample(uids, min(_TRIES, len(uids)))
    for uid in sorted(found, key=lambda uid: used.get(uid, 0)):
        if uid not in busy and not _is_account(uid):
            return uid
    raise RuntimeError(f"no uid between {uids.start} and {uids.stop - 1} is free: set job_sandbox_uids wider")


def is_nobodys(uid: int) -> bool:
    """Whether a uid can be one that was chosen for a job alone: we are root, and nobody known has it."""
    return os.geteuid() == 0 and uid >= LOWEST_UID and not _is_account(uid)


def empty(uid: int) -> bool:
    """SIGKILL every process of a uid that was chosen for one job alone; whether none is left.

    A process can leave its session and drop its environment, but not its uid. Whoever is known to the
    system is never touched: neither root, nor the daemon's user, nor an account.
    """
    if not is_nobodys(uid):
        return True
    for _round in range(_ROUNDS):
        if uid not in processes.users():
            return True
        kill_all(uid, choose_uid(0, {uid}))
        time.sleep(0.01)
    return uid not in processes.users()


def kill_all(uid: int, nobody: int) -> None:
    """One blow at all processes of a user at once, which a fork bomb cannot outrun as it would a list.

    The killer is that user in effect alone. Its other uids are ``nobody``, which no process has, so that its
    victims may not signal it: they would stop it before it strikes.
    """
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setresgid(nobody, nobody, nobody)
            os.setresuid(nobody, uid, nobody)
            # Everything this user may signal; not reached when one of the lines above fails.
            os.kill(-1, signal.SIGKILL)
        finally:
            os._exit(0)
    # The victims may slow it down: it is not waited for without end, and another follows.
    end = time.monotonic() + _ROUND_SECONDS
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return
        time.sleep(0.001)


def _is_account(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True
