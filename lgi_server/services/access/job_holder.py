"""The daemon that holds a job, by the reference that it has given it."""

import hmac
from typing import Protocol


class _HasReference(Protocol):
    @property
    def daemon_reference(self) -> str: ...


def is_held(job: _HasReference, reference: str) -> bool:
    """Return whether the daemon with this reference has the job."""
    holds = job.daemon_reference
    return bool(holds) and hmac.compare_digest(holds.encode(), reference.encode())
