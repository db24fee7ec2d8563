"""Expiry of certificates, and warnings before it.

Only subject and validity of the DER are parsed, by our own code: the cryptography library would cost each
daemon 10 MB of memory and each tool start-up time.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

WARNING = timedelta(days=30)
_PEM = re.compile("-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_VERSION, _UTC_TIME, _GENERALIZED_TIME = 0xA0, 0x17, 0x18
# YYYYMMDDHHMMSS; a UTCTime has the last two digits of the year.
_DIGITS = 14
_LAST_CENTURY = "69"


def not_after(path: Path) -> datetime:
    """Return the end of `validity`, and raise as it does."""
    return validity(path)[1]


def validity(path: Path) -> tuple[datetime, datetime]:
    """Return the period (UTC) in which all certificates in a PEM file are valid.

    Of several with the same subject, as of a renewed CA, the latest one counts. Raise OSError when the file
    cannot be read, ValueError when it holds no certificate.
    """
    import ssl

    latest: dict[bytes, tuple[datetime, datetime]] = {}
    for pem in _PEM.findall(path.read_text("ascii")):
        subject, end, begin = _subject_and_validity(ssl.PEM_cert_to_DER_cert(pem))
        latest[subject] = max((end, begin), latest.get(subject, (end, begin)))
    if not latest:
        raise ValueError(f"{path} holds no certificate")
    return max(begin for _, begin in latest.values()), min(end for end, _ in latest.values())


def warnings(paths: Iterable[Path], now: datetime) -> list[str]:
    """Return a warning for each certificate file that expires within 30 days or is not valid now.

    Keys and unreadable files are skipped: the code that uses them reports them.
    """
    found = []
    for path in dict.fromkeys(paths):
        try:
            begin, end = validity(path)
        except (OSError, ValueError):
            continue
        if now < begin:
            found.append(f"the certificate {path} {not_yet_valid(begin)}: check the clock of this machine")
        elif end - now < WARNING:
            found.append(f"the certificate {path} {describe(end, now)}: renew it")
    return found


def describe(end: datetime, now: datetime) -> str:
    """Return an expiry as text: ``expires on 2026-12-01 (in 29 days)``."""
    if end < now:
        return f"expired on {end:%Y-%m-%d}"
    days = (end - now).days
    left = "today" if days == 0 else "in 1 day" if days == 1 else f"in {days} days"
    return f"expires on {end:%Y-%m-%d} ({left})"


def not_yet_valid(begin: datetime) -> str:
    """Return the begin of a validity as text: ``is not yet valid, only from 2026-12-01 09:00 UTC``."""
    return f"is not yet valid, only from {begin:%Y-%m-%d %H:%M} UTC"


def _subject_and_validity(der: bytes) -> tuple[bytes, datetime, datetime]:
    """Return subject, end and begin of a certificate (RFC 5280, 4.1); raise ValueError when it is none."""
    (_, certificate), *_ = _elements(der)
    (_, signed), *_ = _elements(certificate)
    fields = [field for field in _elements(signed) if field[0] != _VERSION]
    # serialNumber, signature, issuer, validity, subject
    if len(fields) < 5:
        raise ValueError("not a certificate")
    begin, end = _elements(fields[3][1])
    return fields[4][1], _time(*end), _time(*begin)


def _time(kind: int, text: bytes) -> datetime:
    if kind not in (_UTC_TIME, _GENERALIZED_TIME):
        raise ValueError("not a certificate")
    digits, zone = text[:-1].decode("ascii"), text[-1:]
    if kind == _UTC_TIME:
        # Two-digit years wrap at 69 as in `strptime`; a certificate older than 1970 is none of ours.
        digits = f"{'19' if digits >= _LAST_CENTURY else '20'}{digits}"
    if zone != b"Z" or len(digits) != _DIGITS or not digits.isdigit():
        raise ValueError("not the time of a certificate")
    # To load strptime takes 4 ms of processor.
    return datetime.fromisoformat(f"{digits[:8]}T{digits[8:]}").replace(tzinfo=UTC)


def _elements(der: bytes) -> list[tuple[int, bytes]]:
    """Return tag and content of consecutive DER elements; raise ValueError when one is truncated."""
    found, at = [], 0
    while at < len(der):
        head = der[at : at + 2]
        size, start = head[-1], at + 2
        if size & 0x80:
            start += size & 0x7F
            size = int.from_bytes(der[at + 2 : start], "big")
        if len(head) < 2 or start + size > len(der):
            raise ValueError("truncated")
        found.append((head[0], der[start : start + size]))
        at = start + size
    if not found:
        raise ValueError("empty")
    return found
