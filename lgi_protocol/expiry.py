"""Until when certificates are good, and from when on to warn of their end."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509

WARNING = timedelta(days=30)


def ends(path: Path) -> datetime:
    """When the first certificate of a PEM file ends that is needed from it, in UTC. OSError or ValueError.

    Of several with the same name, as of a CA that was renewed, the last one counts.
    """
    latest: dict[x509.Name, datetime] = {}
    for certificate in x509.load_pem_x509_certificates(path.read_bytes()):
        end = certificate.not_valid_after_utc
        latest[certificate.subject] = max(end, latest.get(certificate.subject, end))
    return min(latest.values())


def warnings(paths: Iterable[Path], now: datetime) -> list[str]:
    """A sentence for each certificate file that ends within thirty days, or has ended.

    Nothing of keys, nor of files that cannot be read: whoever uses them says so.
    """
    found = []
    for path in dict.fromkeys(paths):
        try:
            end = ends(path)
        except (OSError, ValueError):
            continue
        if end - now < WARNING:
            found.append(f"the certificate {path} {when(end, now)}: have it renewed")
    return found


def when(end: datetime, now: datetime) -> str:
    """The end in words."""
    if end < now:
        return f"has ended on {end:%Y-%m-%d}"
    days = (end - now).days
    left = "today" if days == 0 else "in 1 day" if days == 1 else f"in {days} days"
    return f"ends on {end:%Y-%m-%d} ({left})"
