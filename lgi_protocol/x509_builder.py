"""Fields common to all certificates that LGI issues."""

from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

# Certificates start this much in the past, so that machines whose clock is slow accept new ones.
CLOCK_SKEW = timedelta(hours=1)
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def builder(
    name: x509.Name,
    issuer: x509.Name,
    key: PublicKey,
    issuer_key: PrivateKey,
    *,
    begin: datetime,
    end: datetime,
) -> x509.CertificateBuilder:
    """Return a builder with names, keys, validity and serial number; the caller adds the usage."""
    identifier = x509.SubjectKeyIdentifier.from_public_key(key)
    issuer_identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(identifier, critical=False)
        .add_extension(issuer_identifier, critical=False)
    )


def key_usage(
    signs: bool = False, enciphers: bool = False, issues: bool = False, revokes: bool = False
) -> x509.KeyUsage:
    """Return the key usage: signs data, enciphers keys, issues certificates, revokes (signs CRLs)."""
    return x509.KeyUsage(
        digital_signature=signs,
        content_commitment=False,
        key_encipherment=enciphers,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=issues,
        crl_sign=revokes,
        encipher_only=False,
        decipher_only=False,
    )
