"""Certificates in files; those that were replaced are good until their end, and stay to be revoked."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography import x509

from lgi_tools.certificates import keys

DIRECTORY = "former"


def read_certificate(path: Path) -> x509.Certificate:
    """The first certificate of a PEM file. Raises OSError, or ValueError naming the file."""
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path} holds no certificate: {error}") from None


def read_revocations(path: Path) -> x509.CertificateRevocationList:
    """A revocation list. Raises OSError, or ValueError naming the file."""
    try:
        return x509.load_pem_x509_crl(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path} holds no revocation list: {error}") from None


def archive(file: Path) -> None:
    """Keep a copy of a certificate that is about to be replaced, if there is one."""
    if not file.exists():
        return
    directory = file.parent / DIRECTORY
    directory.mkdir(mode=0o700, exist_ok=True)
    copy = directory / f"{file.stem}.{read_certificate(file).serial_number:x}.crt"
    keys.write_file(copy, file.read_bytes(), keys.PUBLIC, replace=True)


def all_versions(file: Path) -> list[x509.Certificate]:
    """The certificate of a file and all it has replaced. Raises FileNotFoundError when there is none now."""
    known = [read_certificate(file)]
    stem = len(file.stem)
    for path in sorted((file.parent / DIRECTORY).glob("*.crt")):
        name, _, serial = path.stem.rpartition(".")
        if serial and len(name) == stem and name == file.stem:
            known.append(read_certificate(path))
    return known


@contextmanager
def exclusive_lock(directory: Path) -> Iterator[None]:
    """Wait until nobody else changes a directory of certificates, and keep others waiting."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
