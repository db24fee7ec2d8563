"""A project's certificate authority: a directory with a key, a certificate and what they signed."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from lgi_protocol import common_name
from lgi_tools.certificates import key_files, profiles
from lgi_tools.certificates.key_files import KeyType, PrivateKey
from lgi_tools.certificates.profiles import Kind, Validity

AUTHORITY_DAYS = 3650
LEAF_DAYS = 730
CERTIFICATE, KEY, REVOCATIONS = "ca.crt", "ca.key", "ca.crl"


@dataclass(frozen=True)
class Issued:
    """The files of one new certificate; users have a PKCS12 file too when a password was given."""

    certificate: Path
    key: Path
    pkcs12: Path | None = None


class Authority:
    """Signs certificates and keeps them, with their keys, in its directory."""

    def __init__(self, directory: Path, certificate: x509.Certificate, key: PrivateKey) -> None:
        """Made by `create` and `open`."""
        self.directory = directory
        self.certificate = certificate
        self._key = key

    @classmethod
    def create(
        cls,
        directory: Path,
        name: str = "LGI CA",
        key_type: KeyType = KeyType.EC,
        days: int = AUTHORITY_DAYS,
        validity: Validity | None = None,
    ) -> "Authority":
        """A new CA with an empty revocation list; a new directory is its owner's only.

        Raises FileExistsError when there is a CA already, which is never replaced.
        """
        text = str(common_name.compose(name, None, None))
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _refuse_existing("a CA is made once: use another directory", directory / KEY, directory / CERTIFICATE)
        key = key_files.make_key(key_type)
        certificate = profiles.sign_authority(key, text, validity or Validity.of_days(days))
        key_files.write_file(directory / KEY, key_files.key_pem(key), key_files.SECRET)
        key_files.write_file(directory / CERTIFICATE, _pem(certificate), key_files.PUBLIC)
        made = cls(directory, certificate, key)
        made._write_revocations()
        return made

    @classmethod
    def open(cls, directory: Path) -> "Authority":
        """The CA of a directory. Raises FileNotFoundError, or ValueError when key and certificate differ."""
        if not (directory / CERTIFICATE).exists():
            raise FileNotFoundError(f"there is no CA in {directory}: make one with 'init'")
        certificate = read_certificate(directory / CERTIFICATE)
        key = key_files.read_key(directory / KEY)
        if certificate.public_key() != key.public_key():
            raise ValueError(f"{directory / KEY} is not the key of {directory / CERTIFICATE}")
        return cls(directory, certificate, key)

    @property
    def ca_file(self) -> Path:
        """The CA's certificate, for everybody who is to trust it."""
        return self.directory / CERTIFICATE

    @property
    def crl_file(self) -> Path:
        """The CA's list of revoked certificates."""
        return self.directory / REVOCATIONS

    def issue_server(
        self,
        host: str,
        alternatives: tuple[str, ...] = (),
        *,
        key_type: KeyType = KeyType.EC,
        days: int = LEAF_DAYS,
        validity: Validity | None = None,
        force: bool = False,
    ) -> Issued:
        """A certificate with which a server answers under a host name or address, and under alternatives."""
        names = tuple(profiles.host_name(each) for each in dict.fromkeys((host, *alternatives)))
        name = common_name.compose(host, None, None)
        return self._issue(name, Kind.SERVER, key_type, validity or Validity.of_days(days), force, names)

    def issue_resource(
        self,
        name: str,
        projects: tuple[str, ...] | None = None,
        *,
        key_type: KeyType = KeyType.EC,
        days: int = LEAF_DAYS,
        validity: Validity | None = None,
        force: bool = False,
    ) -> Issued:
        """A certificate for a resource daemon, or for a project server when it calls its peers."""
        composed = common_name.compose(name, None, projects or None)
        return self._issue(composed, Kind.RESOURCE, key_type, validity or Validity.of_days(days), force)

    def issue_user(
        self,
        name: str,
        groups: tuple[str, ...] | None = None,
        projects: tuple[str, ...] | None = None,
        *,
        password: str | None = None,
        key_type: KeyType = KeyType.EC,
        days: int = LEAF_DAYS,
        validity: Validity | None = None,
        force: bool = False,
    ) -> Issued:
        """A user's certificate; a password makes a PKCS12 file for browsers too."""
        composed = common_name.compose(name, groups or None, projects or None)
        valid = validity or Validity.of_days(days)
        return self._issue(composed, Kind.USER, key_type, valid, force, password=password)

    def revoke(self, name: str) -> Path:
        """Put the certificate of an entity on the revocation list for good; its file.

        Raises FileNotFoundError when there is none, ValueError when it is revoked already.
        """
        file = self.directory / f"{file_stem(name)}.crt"
        serial = read_certificate(file).serial_number
        listed = tuple(read_revocations(self.crl_file))
        if any(each.serial_number == serial for each in listed):
            raise ValueError(f"{file} is revoked already")
        self._write_revocations((*listed, profiles.revoked(serial, datetime.now(UTC))))
        return file

    def _issue(
        self,
        name: common_name.CommonName,
        kind: Kind,
        key_type: KeyType,
        validity: Validity,
        force: bool,
        hosts: tuple[x509.GeneralName, ...] = (),
        password: str | None = None,
    ) -> Issued:
        stem = file_stem(name.name)
        certificate_file, key_file = self.directory / f"{stem}.crt", self.directory / f"{stem}.key"
        pkcs12_file = None if password is None else self.directory / f"{stem}.p12"
        if not force:
            _refuse_existing("say --force to replace it", key_file, certificate_file, pkcs12_file)
        key = key_files.make_key(key_type)
        certificate = profiles.sign_leaf(
            self.certificate,
            self._key,
            key.public_key(),
            profiles.subject(str(name), kind),
            validity.until(self.certificate.not_valid_after_utc),
            hosts,
        )
        key_files.write_file(key_file, key_files.key_pem(key), key_files.SECRET, replace=force)
        key_files.write_file(certificate_file, _pem(certificate), key_files.PUBLIC, replace=force)
        if pkcs12_file is not None and password is not None:
            bundle = self._bundle(str(name), key, certificate, password)
            key_files.write_file(pkcs12_file, bundle, key_files.SECRET, replace=force)
        return Issued(certificate_file, key_file, pkcs12_file)

    def _bundle(self, name: str, key: PrivateKey, certificate: x509.Certificate, password: str) -> bytes:
        """Key, certificate and CA in one file, encrypted as browsers and openssl 1.1 and newer can read."""
        return pkcs12.serialize_key_and_certificates(
            name.encode(),
            key,
            certificate,
            [self.certificate],
            serialization.BestAvailableEncryption(password.encode()),
        )

    def _write_revocations(self, revoked: tuple[x509.RevokedCertificate, ...] = ()) -> None:
        made = profiles.sign_revocations(self.certificate, self._key, revoked, datetime.now(UTC))
        pem = made.public_bytes(serialization.Encoding.PEM)
        key_files.write_file(self.crl_file, pem, key_files.PUBLIC, replace=True)


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


def file_stem(name: str) -> str:
    """The file name of an entity, without suffix: as it is where that is safe, ``%XX`` for the rest.

    Two names never share a file. Raises ValueError for the name of the CA's own files.
    """
    if name.lower() == "ca":
        raise ValueError(f"{name!r} is the name of the CA's own files: choose another")
    stem = quote(name, safe="@+")
    if stem[0] in ".-":
        stem = f"%{ord(stem[0]):02X}{stem[1:]}"
    return stem


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _refuse_existing(advice: str, *paths: Path | None) -> None:
    for path in paths:
        if path is not None and path.exists():
            raise FileExistsError(f"{path} is there already: {advice}")
