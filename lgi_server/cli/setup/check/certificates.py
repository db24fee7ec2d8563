"""Checks of a server's certificates and keys: dates, names, modes, the authority, the revocation list."""

import ipaddress
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import NameOID

from lgi_protocol import expiry
from lgi_protocol.x509_errors import unreadable_as_value_error
from lgi_server.auth.crl import Revocation
from lgi_server.cli.setup.check.finding import Finding, error, warning
from lgi_server.config.model import Config

_READERS = stat.S_IRWXG | stat.S_IRWXO


def check(config: Config) -> Iterator[Finding]:
    """Yield what is wrong with the certificates of a configuration."""
    now = datetime.now(UTC)
    yield from _dates(config.ca_certificate, "LGI_certificates renew ca; everybody needs the new ca.crt", now)
    pairs = [(config.peer_certificate, config.peer_key)]
    if not config.front_end_header:
        pairs.append((config.server_certificate, config.server_key))
    for certificate, key in pairs:
        if certificate and key:
            yield from _pair(config, certificate, key, now)
    if config.server_certificate and not config.front_end_header:
        yield from _host(config, config.server_certificate)
    if config.jobs_certificate and config.jobs_certificate.exists():
        yield from _dates(config.jobs_certificate, "remove it and its key, and restart the server", now)
    yield from _revocation_list(config, now)


def _pair(config: Config, certificate: Path, key: Path, now: datetime) -> Iterator[Finding]:
    """Check a certificate and its key."""
    try:
        found, ca = _read(certificate), _read(config.ca_certificate)
        with unreadable_as_value_error():
            private = load_pem_private_key(key.read_bytes(), password=None)
    except (OSError, ValueError) as why:
        yield error(f"{certificate} with {key}: {why}", "make both again with LGI_certificates ... --force")
        return
    name = _name(found)
    yield from _dates(certificate, f"LGI_certificates renew {name}", now)
    if private.public_key() != found.public_key():
        yield error(f"{key} is not the key of {certificate}", f"LGI_certificates renew {name} --new-key")
    if not _is_signed(found, ca):
        yield error(
            f"{certificate} was not signed by {config.ca_certificate}",
            "correct ca_certificate",
        )
    if mode := stat.S_IMODE(key.stat().st_mode) & _READERS:
        level = error if mode & stat.S_IRWXO else warning
        yield level(f"{key} can be read by others than its owner", f"chmod 600 {key}")


@unreadable_as_value_error()
def _read(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def _name(certificate: x509.Certificate) -> str:
    """Return the name of a certificate's owner, as LGI_certificates takes it."""
    (attribute, *_) = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(attribute.value).partition(";")[0].strip()


def _is_signed(certificate: x509.Certificate, ca: x509.Certificate) -> bool:
    try:
        with unreadable_as_value_error():
            certificate.verify_directly_issued_by(ca)
    except (InvalidSignature, ValueError):
        return False
    return True


def _dates(path: Path, remedy: str, now: datetime) -> Iterator[Finding]:
    try:
        begin, end = expiry.validity(path)
    except (OSError, ValueError) as why:
        yield error(f"{path}: {why}", "write the path of a certificate into the configuration")
        return
    if now < begin:
        yield error(f"{path} {expiry.not_yet_valid(begin)}", "set the clock of this machine")
    elif end < now:
        yield error(f"{path} {expiry.describe(end, now)}", remedy)
    elif end - now < expiry.WARNING:
        yield warning(f"{path} {expiry.describe(end, now)}", remedy)


def _host(config: Config, path: Path) -> Iterator[Finding]:
    """Check that clients, which compare it with the URL, accept the name in a certificate."""
    host = urlsplit(config.url).hostname or ""
    try:
        names = host_names(_read(path))
    except (OSError, ValueError):
        # `_pair` has reported it.
        return
    if not any(_fits(host, name) for name in names):
        first = names[0] if names else host
        yield error(
            f"{path} is for {', '.join(names) or 'no host'}, and the url for {host}: clients refuse it",
            f"LGI_certificates server {first} --also {host} --force",
        )


def host_names(certificate: x509.Certificate) -> list[str]:
    """Return the host names and addresses that a server's certificate is for."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    addresses = [str(one) for one in found.get_values_for_type(x509.IPAddress)]
    return [*found.get_values_for_type(x509.DNSName), *addresses]


def _fits(host: str, name: str) -> bool:
    try:
        return ipaddress.ip_address(host) == ipaddress.ip_address(name)
    except ValueError:
        domain = host.partition(".")[2].lower()
        return name.lower() in {host.lower(), f"*.{domain}"}


def _revocation_list(config: Config, now: datetime) -> Iterator[Finding]:
    if config.crl is None:
        beside = config.ca_certificate.with_name("ca.crl")
        if beside.exists():
            yield warning("revoked certificates are accepted", f"write crl = {beside} into [certificates]")
        return
    try:
        revoked = Revocation(config.crl, config.ca_certificate)
        due = x509.load_pem_x509_crl(config.crl.read_bytes()).next_update_utc
    except (OSError, ValueError) as why:
        yield error(f"{config.crl}: {why}", "LGI_certificates crl writes it again")
        return
    if due is not None and due < now:
        yield warning(f"{config.crl} should have been replaced on {due:%Y-%m-%d}", "LGI_certificates crl")
    for path in (config.server_certificate, config.peer_certificate):
        if path and _read(path).serial_number in revoked.serials:
            name = _name(_read(path))
            yield error(f"{path} is revoked", f"make another one: LGI_certificates ... {name} --force")
