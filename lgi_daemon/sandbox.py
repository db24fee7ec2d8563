"""The user a job runs as when the daemon is root."""

import os
import pwd
import random
from collections.abc import Collection

from lgi_daemon import processes

# Above the accounts of most sites and the subordinate uids of most containers.
UIDS = range(2_000_000, 3_000_000)
_TRIES = 1000


def choose_uid(configured: int, taken: Collection[int]) -> int:
    """The configured uid, else a random one that no job, account or process has; without root our own.

    RuntimeError when none is free.
    """
    if os.geteuid() != 0:
        return os.geteuid()
    if configured:
        return configured
    busy = processes.users() | set(taken)
    for uid in random.SystemRandom().sample(UIDS, _TRIES):
        if uid not in busy and not _is_account(uid):
            return uid
    raise RuntimeError(f"no free uid between {UIDS.start} and {UIDS.stop - 1}: set job_sandbox_uid")


def _is_account(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True
