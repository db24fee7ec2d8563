"""Private keys, and files that only their owner can read from the moment they are created."""

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from lgi_protocol.x509_errors import unreadable_as_value_error

if TYPE_CHECKING:
    # Slow to load: functions that need them import them.
    from lgi_protocol.x509_builder import PrivateKey


SECRET = 0o600
PUBLIC = 0o644


class KeyType(StrEnum):
    """ECDSA on P-256, or RSA with 3072 bits for programs without support for it."""

    EC = "ec"
    RSA = "rsa"


def make_key(key_type: KeyType) -> "PrivateKey":
    """Generate a private key."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    if key_type is KeyType.RSA:
        return rsa.generate_private_key(public_exponent=65537, key_size=3072)
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: "PrivateKey") -> bytes:
    """Return the key as unencrypted PKCS8, because LGI's programs cannot ask for a pass phrase."""
    from cryptography.hazmat.primitives import serialization

    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def create(path: Path, key_type: KeyType, replace: bool = False) -> "PrivateKey":
    """Generate a key and write it to a file. Raises the errors of `write_file`."""
    key = make_key(key_type)
    write_file(path, key_pem(key), SECRET, replace)
    return key


def read_key(path: Path) -> "PrivateKey":
    """Return the private key in a PEM file. Raises OSError, ValueError when it has no usable key."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    try:
        with unreadable_as_value_error():
            key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except ValueError as error:
        raise ValueError(f"{path} contains no usable key: {error}") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise ValueError(f"{path} contains a key that is neither EC nor RSA")
    return key


def write_file(path: Path, data: bytes, mode: int, replace: bool = False) -> None:
    """Write a file atomically; its permissions are never wider than ``mode``.

    Raises FileExistsError when the file exists, unless ``replace`` is set.
    """
    target = path.with_name(f".{path.name}.{os.getpid()}.new") if replace else path
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(data)
            os.fsync(opened.fileno())
        if replace:
            target.replace(path)
    except OSError:
        target.unlink(missing_ok=True)
        raise
