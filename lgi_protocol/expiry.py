"""Until when certificates are good, and from when on to warn of their end.

Of a certificate's DER just the subject and the validity are read, and that here: the library that reads all
of it takes 10 MB, which each daemon would pay for, and time, which each start of a tool would.
"""

import re
import ssl
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

WARNING = timedelta(days=30)
_PEM = re.compile("-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_VERSION, _UTC_TIME, _GENERALIZED_TIME = 0xA0, 0x17, 0x18
_FORMATS = {_UTC_TIME: "%y%m%d%H%M%SZ", _GENERALIZED_TIME: "%Y%m%d%H%M%SZ"}


def not_after(path: Path) -> datetime:
    """When the first certificate of a PEM file ends that is needed from it, in UTC. OSError or ValueError.

    Of several with the same name, as of a CA that was renewed, the last one counts.
    """
    latest: dict[bytes, datetime] = {}
    for pem in _PEM.findall(path.read_text("ascii")):
        subject, end = _subject_and_end(ssl.PEM_cert_to_DER_cert(pem))
        latest[subject] = max(end, latest.get(subject, end))
    if not latest:
        raise ValueError(f"{path} holds no certificate")
    return min(latest.values())


def warnings(paths: Iterable[Path], now: datetime) -> list[str]:
    """A sentence for each certificate file that ends within thirty days, or has ended.

    Nothing of keys, nor of files that cannot be read: whoever uses them says so.
    """
    found = []
    for path in dict.fromkeys(paths):
        try:
            end = not_after(path)
        except (OSError, ValueError):
            continue
        if end - now < WARNING:
            found.append(f"the certificate {path} {describe(end, now)}: have it renewed")
    return found


def describe(end: datetime, now: datetime) -> str:
    """The end in words."""
    if end < now:
        return f"has ended on {end:%Y-%m-%d}"
    days = (end - now).days
    left = "today" if days == 0 else "in 1 day" if days == 1 else f"in {days} days"
    return f"ends on {end:%Y-%m-%d} ({left})"


def _subject_and_end(der: bytes) -> tuple[bytes, datetime]:
    """Of a certificate (RFC 5280, 4.1); ValueError when it is none."""
    (_, certificate), *_ = _elements(der)
    (_, signed), *_ = _elements(certificate)
    fields = [field for field in _elements(signed) if field[0] != _VERSION]
    # serialNumber, signature, issuer, validity, subject
    if len(fields) < 5:
        raise ValueError("it is no certificate")
    (_, _begin), (kind, end) = _elements(fields[3][1])
    return fields[4][1], _time(kind, end)


def _time(kind: int, text: bytes) -> datetime:
    if kind not in _FORMATS:
        raise ValueError("it is no certificate")
    # Python's years of two digits turn at 69, those of certificates at 50: nothing here is from before 1970.
    return datetime.strptime(text.decode("ascii"), _FORMATS[kind]).replace(tzinfo=UTC)


def _elements(der: bytes) -> list[tuple[int, bytes]]:
    """The tags and contents of elements that follow each other; ValueError when they end too early."""
    found, at = [], 0
    while at < len(der):
        head = der[at : at + 2]
        size, start = head[-1], at + 2
        if size & 0x80:
            start += size & 0x7F
            size = int.from_bytes(der[at + 2 : start], "big")
        if len(head) < 2 or start + size > len(der):
            raise ValueError("it is cut off")
        found.append((head[0], der[start : start + size]))
        at = start + size
    if not found:
        raise ValueError("it is empty")
    return found
