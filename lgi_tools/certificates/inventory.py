"""The certificates in a CA's directory and their expiry."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from lgi_protocol.value_object import value_object
from lgi_tools.certificates import revocation_list
from lgi_tools.certificates.archive import read_certificate
from lgi_tools.certificates.ca import REVOCATIONS

if TYPE_CHECKING:
    # Slow to load: functions that need them import them.
    from cryptography import x509


@value_object
class Entry:
    """One certificate as the list shows it."""

    file: str
    common_name: str
    kind: str
    serial: str
    expires: datetime
    state: str


def entries(directory: Path, now: datetime) -> list[Entry]:
    """Return the certificates of a directory by file name. Raises OSError, ValueError naming a bad file."""
    crl = directory / REVOCATIONS
    revoked = revocation_list.serials(crl) if crl.exists() else frozenset()
    return [_entry(path, now, revoked) for path in sorted(directory.glob("*.crt"))]


def _entry(path: Path, now: datetime, revoked: frozenset[int]) -> Entry:
    from cryptography.x509.oid import NameOID

    certificate = read_certificate(path)
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    state = "not yet valid" if now < begin else "expired" if now > end else "valid"
    if certificate.serial_number in revoked:
        state = "revoked"
    kind = _first(certificate, NameOID.ORGANIZATIONAL_UNIT_NAME).removeprefix("LGI ")
    return Entry(path.name, name_of(certificate), kind, f"{certificate.serial_number:x}", end, state)


def _first(certificate: "x509.Certificate", part: "x509.ObjectIdentifier") -> str:
    found = certificate.subject.get_attributes_for_oid(part)
    return str(found[0].value) if found else "-"


def name_of(certificate: "x509.Certificate") -> str:
    """Return the common name of a certificate, ``-`` when it has none."""
    from cryptography.x509.oid import NameOID

    return _first(certificate, NameOID.COMMON_NAME)


def table(listed: list[Entry]) -> str:
    """Return the entries as a table with a heading."""
    rows: list[tuple[str, ...]] = [("file", "common name", "kind", "serial", "expires on", "state")]
    rows += [
        (each.file, each.common_name, each.kind, each.serial, f"{each.expires:%Y-%m-%d}", each.state)
        for each in listed
    ]
    return aligned(rows)


def aligned(rows: Sequence[tuple[str, ...]]) -> str:
    """Format rows as lines with aligned columns."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "".join(f"{line.rstrip()}\n" for line in lines)
