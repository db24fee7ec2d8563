"""What all certificates that LGI makes have in common, whoever signs them."""

from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

# A little in the past, so that a machine whose clock is behind accepts a certificate made just now.
CLOCK_SKEW = timedelta(hours=1)
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def builder(
    name: x509.Name, issuer: x509.Name, key: PublicKey, issuer_key: PrivateKey, begin: datetime, end: datetime
) -> x509.CertificateBuilder:
    """A certificate's names, keys, times and serial number; its use is added to it."""
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
    """What a certificate's key may be used for: data, other keys, certificates, revocation lists."""
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
