"""Certificates of any common name, also of those our own authority would never write."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from lgi_tools.certificates import keys, profiles
from lgi_tools.certificates.ca import KEY, Authority
from lgi_tools.certificates.keys import KeyType
from lgi_tools.certificates.profiles import Kind, Validity


@dataclass(frozen=True)
class Caller:
    """A certificate that was issued, and how a connection is made with it."""

    pem: str
    context: ssl.SSLContext


class Callers:
    """Everybody who called LGI in the records, each with a certificate of this grid's authority."""

    def __init__(self, authority: Authority) -> None:
        """Certificates are made when they are first asked for, and kept."""
        self._authority = authority
        self._directory = authority.directory / "conformance"
        self._directory.mkdir(exist_ok=True)
        self._known: dict[tuple[str, int], Caller] = {}

    def of(self, common_name: str, which: int = 0) -> Caller:
        """Return the caller of a common name; without a name, one without certificate.

        ``which`` distinguishes certificates of the same name.
        """
        if (common_name, which) not in self._known:
            self._known[common_name, which] = self._issue(common_name) if common_name else self._nobody()
        return self._known[common_name, which]

    def _nobody(self) -> Caller:
        return Caller("", ssl.create_default_context(cafile=self._authority.ca_file))

    def _issue(self, common_name: str) -> Caller:
        key = keys.make_key(KeyType.EC)
        certificate = profiles.sign_leaf(
            self._authority.certificate,
            keys.read_key(self._authority.directory / KEY),
            key.public_key(),
            name=profiles.subject(common_name, Kind.RESOURCE),
            validity=Validity.of_days(2).until(self._authority.certificate.not_valid_after_utc),
        )
        pem = certificate.public_bytes(Encoding.PEM)
        file = self._written(keys.key_pem(key) + pem)
        context = ssl.create_default_context(cafile=self._authority.ca_file)
        context.load_cert_chain(file)
        return Caller(pem.decode(), context)

    def _written(self, contents: bytes) -> Path:
        file = self._directory / f"{len(self._known)}.pem"
        file.write_bytes(contents)
        return file
