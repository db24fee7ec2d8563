"""The record of a call, for the log and the metrics."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lgi_server.auth.client_certificate import ClientCertificate
from lgi_server.auth.job_certificate import JobCertificate
from lgi_server.background.metrics import Timer

Caller = ClientCertificate | JobCertificate


def log_account(who: Caller | None) -> Mapping[str, str]:
    """Return the account whose lines the log limits; all jobs of a resource share one."""
    if who is None:
        return {"account": ""}
    return {"account": who.account if isinstance(who, ClientCertificate) else f"jobs on {who.job.resource}"}


@dataclass
class CallRecord:
    """A call: its name and timer, and, once they are known, its caller (``who``) and the posted fields."""

    name: str
    timer: Timer = field(default_factory=Timer)
    who: Caller | None = None
    posted: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return a line for the log; values are Python literals, without control characters."""
        caller = self.who.caller if self.who else "nobody"
        named = [name for name in ("job_id", "state", "application") if name in self.posted]
        fields = " ".join(f"{name}={self.posted[name][:64]!r}" for name in named)
        return f"{self.name} {caller!r} {fields}"
