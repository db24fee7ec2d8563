"""The user a job runs as when the daemon is root, and the privileges it drops."""

import os
import pwd
import random
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Mapping

from lgi_daemon.execution import processes

# Above the accounts of most sites and the subordinate uids of most containers.
UIDS = range(2_000_000, 3_000_000)
# Lower uids belong to system users.
LOWEST_UID = 1000
# One more means "do not change" to the system.
HIGHEST_UID = 2**32 - 2
_SAMPLE_SIZE = 1000
# How many uids are tried one by one: of a million nearly each is free, and a search for those that any
# process has costs as much as the start of a job.
_DRAWS = 3
_NEVER: Mapping[int, int] = {}
# Until when uids count as those of no account: each job asks three times, and a look takes 0.1 ms, or asks
# a directory service.
_NO_ACCOUNTS: dict[int, float] = {}
_NO_ACCOUNT_SECONDS, _MOST_NO_ACCOUNTS = 10.0, 4096
SETPRIV = shutil.which("setpriv") or ""
# How often all processes of a uid are killed, and the timeout in seconds each time.
_ROUNDS = 20
_ROUND_SECONDS = 0.5


def problem() -> str:
    """Return why root cannot run jobs as other users, and what to do; empty when it can."""
    if SETPRIV:
        return ""
    return "setpriv is missing, jobs cannot be run under uids of their own: install util-linux"


def command(uid: int) -> list[str]:
    """Return the arguments in front of a command that run it under a uid, and the gid of the same number.

    It has no other groups and no capabilities, and gains none from any program it starts, set-user-ID or not.
    Raise OSError when setpriv is missing.
    """
    if not SETPRIV:
        raise OSError(problem())
    drop = ["--clear-groups", "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs"]
    return [SETPRIV, f"--reuid={uid}", f"--regid={uid}", *drop, "--"]


def programs_problem(uid: int) -> str:
    """Return why jobs of that uid cannot run LGI's programs, and what to do; empty when they can."""
    if os.geteuid() != 0:
        return ""
    python = sys.executable
    # setpriv still looks up its program with root's rights, so a shell must start Python. LGI itself may be
    # in another place, and jobs have no variable of the daemon that says where.
    probe = [*command(uid), "/bin/sh", "-c", '"$0" -c "import lgi_protocol.xml"', python]
    result = subprocess.run(  # noqa: S603 - our own Python
        probe, cwd="/", env={"PATH": os.defpath}, capture_output=True, check=False
    )
    if result.returncode == 0:
        return ""
    return (
        f"jobs under uids of their own cannot run {python}, so LGI_xml and all other programs of LGI fail "
        f"in them: install LGI with a Python, and in a place, that every user can read and enter"
    )


def choose_uid(
    configured: int, occupied: Collection[int], uids: range = UIDS, used: Mapping[int, int] = _NEVER
) -> int:
    """Return the configured uid, else a random one of no job, account or process; without root our own.

    Unused uids come first, then those used longest ago: ``used`` has higher numbers for later uses. Raise
    RuntimeError when none of ``uids`` is free.
    """
    if os.geteuid() != 0:
        return os.geteuid()
    if configured:
        return configured
    for uid in (secrets.choice(uids) for _draw in range(_DRAWS)):
        if not (uid in occupied or uid in used or processes.is_used(uid) or _is_account(uid)):
            return uid
    busy = processes.users() | set(occupied)
    sample = random.SystemRandom().sample(uids, min(_SAMPLE_SIZE, len(uids)))
    for uid in sorted(sample, key=lambda uid: used.get(uid, 0)):
        if uid not in busy and not _is_account(uid):
            return uid
    raise RuntimeError(f"no uid between {uids.start} and {uids.stop - 1} is free: set job_sandbox_uids wider")


def is_job_uid(uid: int) -> bool:
    """Return whether a uid can have been chosen for one job alone: under root, and of no account."""
    return os.geteuid() == 0 and uid >= LOWEST_UID and not _is_account(uid)


def kill_uid(uid: int) -> bool:
    """Send SIGKILL to every process of a uid that was chosen for one job alone; return whether none is left.

    A process can leave its session and change its environment, but not its uid. Processes of root, of the
    daemon's user and of accounts are never killed.
    """
    if not is_job_uid(uid):
        return True
    for _round in range(_ROUNDS):
        if not processes.is_used(uid):
            return True
        kill_all(uid, choose_uid(0, {uid}))
        time.sleep(0.01)
    return not processes.is_used(uid)


def kill_all(uid: int, nobody: int) -> None:
    """Kill all processes of a uid by one system call, which a fork bomb cannot outrun.

    The killing process has the uid as its effective one only. Its other uids are ``nobody``, a uid of no
    other process, so that the processes it kills cannot stop it by a signal first.
    """
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setresgid(nobody, nobody, nobody)
            os.setresuid(nobody, uid, nobody)
            # All processes this user may signal; not reached when a line above fails.
            os.kill(-1, signal.SIGKILL)
        finally:
            os._exit(0)
    # The killed processes may slow it down: it has a timeout, and another one follows.
    end = time.monotonic() + _ROUND_SECONDS
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return
        time.sleep(0.001)


def _is_account(uid: int) -> bool:
    now = time.monotonic()
    if now < _NO_ACCOUNTS.get(uid, 0.0):
        return False
    try:
        pwd.getpwuid(uid)
    except KeyError:
        if len(_NO_ACCOUNTS) >= _MOST_NO_ACCOUNTS:
            _NO_ACCOUNTS.clear()
        _NO_ACCOUNTS[uid] = now + _NO_ACCOUNT_SECONDS
        return False
    return True
