"""The page about the user's certificate."""

import hashlib
from datetime import UTC, datetime, timedelta

from cryptography import x509

from lgi_server.basic_interface.registry import Answer, PageContext, Template

WARNED = timedelta(days=30)


def certificate(visit: PageContext) -> Answer:
    """Return the page with name, groups, projects and validity of the certificate."""
    who = visit.visitor.who
    shown = x509.load_der_x509_certificate(who.der)
    left = who.not_after - datetime.fromtimestamp(visit.now, UTC)
    return Template(
        "basic_interface/certificate.html",
        {
            "name": who.name,
            "issuer": shown.issuer.rfc4514_string(),
            "begins": int(shown.not_valid_before_utc.timestamp()),
            "ends": int(who.not_after.timestamp()),
            "days": left.days,
            "ends_soon": left < WARNED,
            "serial": f"{who.serial:X}",
            "fingerprint": hashlib.sha256(who.der).hexdigest(),
        },
    )
