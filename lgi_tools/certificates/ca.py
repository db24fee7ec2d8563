"""A project's certificate authority: a directory with its key, its certificate and those it has signed."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from lgi_protocol import common_name
from lgi_protocol.certificate_files import file_stem
from lgi_tools.certificates import archive, keys, pkcs12, profiles, revocation_list
from lgi_tools.certificates.archive import read_certificate
from lgi_tools.certificates.entity import Issued, refuse_existing
from lgi_tools.certificates.keys import KeyType
from lgi_tools.certificates.pkcs12 import Bundle
from lgi_tools.certificates.profiles import Kind, Validity
from lgi_tools.certificates.subject import Subject

if TYPE_CHECKING:
    # Slow to load: functions that need them import them.
    from cryptography import x509

    from lgi_protocol.x509_builder import PrivateKey, PublicKey

AUTHORITY_DAYS = 3650
LEAF_DAYS = 730
CERTIFICATE, KEY, REVOCATIONS = "ca.crt", "ca.key", "ca.crl"


class Authority:
    """Signs certificates and keeps them, with their keys, in its directory."""

    def __init__(self, directory: Path, certificate: "x509.Certificate", key: "PrivateKey") -> None:
        """Use `create` or `open` instead."""
        self.directory, self.certificate, self._key = directory, certificate, key

    @classmethod
    def create(
        cls,
        directory: Path,
        name: str = "LGI CA",
        key_type: KeyType = KeyType.EC,
        days: int = AUTHORITY_DAYS,
        validity: Validity | None = None,
    ) -> "Authority":
        """Create a CA with an empty revocation list; a new directory gets mode 0700.

        Raises FileExistsError when the directory has a CA already, which is never replaced.
        """
        text = str(common_name.compose(name, None, None))
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        refuse_existing(
            "a CA is never replaced: use another directory", directory / KEY, directory / CERTIFICATE
        )
        key = keys.create(directory / KEY, key_type)
        certificate = profiles.sign_authority(key, text, validity or Validity.of_days(days))
        archive.write_certificate(directory / CERTIFICATE, certificate)
        revocation_list.write(directory / REVOCATIONS, certificate, key, ())
        return cls(directory, certificate, key)

    @classmethod
    def open(cls, directory: Path) -> "Authority":
        """Open the CA of a directory. Raises FileNotFoundError, or ValueError for a wrong key."""
        if not (directory / CERTIFICATE).exists():
            raise FileNotFoundError(f"there is no CA in {directory}: create one with 'init'")
        certificate = read_certificate(directory / CERTIFICATE)
        key = keys.read_key(directory / KEY)
        if certificate.public_key() != key.public_key():
            raise ValueError(f"{directory / KEY} is not the key of {directory / CERTIFICATE}")
        return cls(directory, certificate, key)

    @property
    def ca_file(self) -> Path:
        """The CA's certificate file, for everyone who should trust it."""
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
        """Issue a certificate for a server with a host name or IP address and alternative names."""
        subject = Subject(Kind.SERVER, host, alternatives=alternatives)
        return self._issue(subject, key_type, validity or Validity.of_days(days), force=force)

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
        """Issue a certificate for a resource daemon, or for a project server that calls others."""
        subject = Subject(Kind.RESOURCE, name, projects=projects or ())
        return self._issue(subject, key_type, validity or Validity.of_days(days), force=force)

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
        """Issue a certificate for a user; with a password also as a PKCS12 file for browsers."""
        subject = Subject(Kind.USER, name, groups or (), projects or ())
        valid = validity or Validity.of_days(days)
        return self._issue(subject, key_type, valid, force=force, password=password)

    def sign(self, key: "PublicKey", subject: Subject, validity: Validity, force: bool = False) -> Path:
        """Issue a certificate for a key that was generated elsewhere. Returns its file."""
        hosts, name = subject.hosts, subject.common_name.name
        file, key_file = self._file(name), self._file(name, "key")
        with self._lock():
            if not force:
                refuse_existing("use --force to replace it", file)
            if key_file.exists() and keys.read_key(key_file).public_key() != key:
                raise FileExistsError(f"{key_file} exists and is another key: remove it first")
            self._certify(file, key, subject.x509_name, validity, hosts)
        return file

    def _lock(self) -> AbstractContextManager[None]:
        """Keep other processes out of the directory; loaded by those who change it."""
        from lgi_tools.client import file_lock

        return file_lock.directory_lock(self.directory)

    def renew(self, name: str, validity: Validity, new_key: KeyType | None = None) -> Path:
        """Issue the certificate of an entity again with a new validity, and with a new key on request.

        Returns its file. Raises FileNotFoundError when there is none, ValueError when it is revoked or was
        signed by another CA.
        """
        from lgi_protocol.x509_builder import PublicKey

        file, key_file = self._file(name), self._file(name, "key")
        with self._lock():
            old = read_certificate(file)
            self.check_signed(old, file)
            key = old.public_key()
            if not isinstance(key, PublicKey):
                raise ValueError(f"{file} is for a key that is neither EC nor RSA")
            if new_key:
                if not key_file.exists():
                    raise FileNotFoundError(
                        f"{key_file} does not exist: create the new key where it is used, with 'csr'"
                    )
                key = keys.create(key_file, new_key, replace=True).public_key()
            self._certify(file, key, old.subject, validity, profiles.hosts_of(old))
        return file

    def renew_authority(self, validity: Validity) -> Path:
        """Renew the CA's own certificate with the same key and name: signed certificates stay valid."""
        with self._lock():
            self.certificate = profiles.renew_authority(self._key, self.certificate, validity)
            archive.write_certificate(self.ca_file, self.certificate)
            self._write_revocations(revocation_list.read(self.crl_file))
        return self.ca_file

    def revoke(self, name: str) -> Path:
        """Revoke all certificates that were issued to an entity. Returns the file of the latest one.

        Raises FileNotFoundError when there is none, ValueError when all are revoked already.
        """
        file, now = self._file(name), datetime.now(UTC)
        with self._lock():
            listed = revocation_list.read(self.crl_file)
            known = revocation_list.serials(self.crl_file)
            issued = dict.fromkeys(each.serial_number for each in archive.all_versions(file))
            new = [profiles.revoked(serial, now) for serial in issued if serial not in known]
            if not new:
                raise ValueError(f"{file} is already revoked")
            self._write_revocations((*listed, *new))
        return file

    def sign_revocations(self) -> "x509.CertificateRevocationList":
        """Sign the unchanged list of revoked certificates again. Returns the list."""
        with self._lock():
            self._write_revocations(revocation_list.read(self.crl_file))
        return revocation_list.read(self.crl_file)

    def export(self, name: str, password: str, force: bool = False, compatible: bool = False) -> Path:
        """Write the PKCS12 file of an entity with a key file; ``compatible`` with systems before 2023."""
        file = self._file(name, "p12")
        if not force:
            refuse_existing("use --force to replace it", file)
        certificate, key = read_certificate(self._file(name)), keys.read_key(self._file(name, "key"))
        packed = pkcs12.pack(name, Bundle(key, certificate, self.certificate), password, compatible)
        keys.write_file(file, packed, keys.SECRET, replace=force)
        return file

    def _file(self, name: str, suffix: str = "crt") -> Path:
        return self.directory / f"{file_stem(name)}.{suffix}"

    def check_signed(self, certificate: "x509.Certificate", file: Path) -> None:
        """Raise ValueError, naming ``file``, unless this CA has signed a certificate and not revoked it."""
        if not profiles.is_signed_by(certificate, self.certificate):
            raise ValueError(f"{file} was not signed by this CA")
        if certificate.serial_number in revocation_list.serials(self.crl_file):
            raise ValueError(f"{file} is revoked: issue a new one with --force")

    def _issue(
        self,
        subject: Subject,
        key_type: KeyType,
        validity: Validity,
        *,
        force: bool,
        password: str | None = None,
    ) -> Issued:
        hosts, name = subject.hosts, subject.common_name
        file, key_file = self._file(name.name), self._file(name.name, "key")
        pkcs12_file = None if password is None else self._file(name.name, "p12")
        with self._lock():
            if not force:
                refuse_existing("use --force to replace it", key_file, file, pkcs12_file)
            key = keys.create(key_file, key_type, replace=force)
            certificate = self._certify(file, key.public_key(), subject.x509_name, validity, hosts)
            if pkcs12_file is not None and password is not None:
                packed = pkcs12.pack(str(name), Bundle(key, certificate, self.certificate), password)
                keys.write_file(pkcs12_file, packed, keys.SECRET, replace=force)
        return Issued(file, key_file, pkcs12_file)

    def _certify(
        self,
        file: Path,
        key: "PublicKey",
        subject: "x509.Name",
        validity: Validity,
        hosts: "tuple[x509.GeneralName, ...]",
    ) -> "x509.Certificate":
        """Sign a certificate and store it; a replaced certificate is archived."""
        until = validity.until(self.certificate.not_valid_after_utc)
        made = profiles.sign_leaf(self.certificate, self._key, key, name=subject, validity=until, hosts=hosts)
        archive.write_certificate(file, made)
        return made

    def _write_revocations(self, entries: "Iterable[x509.RevokedCertificate]") -> None:
        revocation_list.write(self.crl_file, self.certificate, self._key, entries)
