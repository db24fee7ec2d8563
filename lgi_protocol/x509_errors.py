"""One error for certificates, requests, lists and keys that the library cannot read."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def unreadable_as_value_error() -> Iterator[None]:
    """Turn the library's other errors for what it reads into ValueError; it also decorates functions.

    A version or an algorithm that it does not know, an extension that stands there twice, or a name of a
    strange type is none of ValueError there. Bytes of others must not end a program with it.
    """
    # Slow to load; a program that reads a certificate has loaded it already.
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        yield
    except (
        TypeError,
        UnsupportedAlgorithm,
        x509.DuplicateExtension,
        x509.InvalidVersion,
        x509.UnsupportedGeneralNameType,
    ) as error:
        raise ValueError(str(error)) from error
