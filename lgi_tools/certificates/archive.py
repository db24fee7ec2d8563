"""Certificates in files. Replaced certificates stay valid until they expire, and are kept for revocation."""

from pathlib import Path
from typing import TYPE_CHECKING

from lgi_protocol.x509_errors import unreadable_as_value_error
from lgi_tools.certificates import keys

if TYPE_CHECKING:
    # Slow to load: functions that need them import them.
    from cryptography import x509

DIRECTORY = "former"


def read_certificate(path: Path) -> "x509.Certificate":
    """Return the first certificate of a PEM file. Raises OSError, or ValueError naming the file."""
    from cryptography import x509

    try:
        with unreadable_as_value_error():
            return x509.load_pem_x509_certificate(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path} contains no certificate: {error}") from None


def archive(file: Path) -> None:
    """Keep a copy of the certificate in ``file``, if there is one, before it is replaced."""
    if not file.exists():
        return
    directory = file.parent / DIRECTORY
    directory.mkdir(mode=0o700, exist_ok=True)
    copy = directory / f"{file.stem}.{read_certificate(file).serial_number:x}.crt"
    keys.write_file(copy, file.read_bytes(), keys.PUBLIC, replace=True)


def write_certificate(file: Path, certificate: "x509.Certificate") -> None:
    """Write a certificate as PEM; the one that it replaces is kept."""
    from cryptography.hazmat.primitives.serialization import Encoding

    archive(file)
    keys.write_file(file, certificate.public_bytes(Encoding.PEM), keys.PUBLIC, replace=True)


def all_versions(file: Path) -> "list[x509.Certificate]":
    """Return the certificate of a file and all it has replaced. Raises FileNotFoundError."""
    known = [read_certificate(file)]
    stem = len(file.stem)
    for path in sorted((file.parent / DIRECTORY).glob("*.crt")):
        name, _, serial = path.stem.rpartition(".")
        if serial and len(name) == stem and name == file.stem:
            known.append(read_certificate(path))
    return known
