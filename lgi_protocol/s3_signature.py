"""Signatures of requests to object stores of S3: AWS Signature Version 4.

A signature is made with the secret key, of method, path, query, headers and the digest of the body.
A presigned URL has it in its query: it allows one request without a key, until it expires.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from urllib.parse import quote

from lgi_protocol.value_object import value_object

ALGORITHM = "AWS4-HMAC-SHA256"
# In the place of a digest: the body is not signed.
UNSIGNED = "UNSIGNED-PAYLOAD"
EMPTY = hashlib.sha256(b"").hexdigest()
# The longest life of a presigned URL, in seconds.
LONGEST = 7 * 86400


@value_object
class S3Credentials:
    """The keys of an account of a store, and the region that its signatures name."""

    access_key: str
    secret_key: str = field(repr=False)
    region: str = "us-east-1"


@value_object
class S3Request:
    """A request to sign: ``path`` is encoded, ``digest`` is the SHA-256 of the body in hexadecimal."""

    method: str
    host: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    digest: str = EMPTY


def encode(key: str) -> str:
    """Return the key of an object as a path of a URL has it."""
    return quote(key, safe="/", errors="surrogateescape")


def query_text(query: Mapping[str, str]) -> str:
    """Return a query in the order and encoding that signatures have."""
    pairs = sorted((quote(name, safe=""), quote(value, safe="")) for name, value in query.items())
    return "&".join(f"{name}={value}" for name, value in pairs)


def headers(request: S3Request, credentials: S3Credentials, now: datetime) -> dict[str, str]:
    """Return the headers of a signed request; ``now`` is in UTC."""
    stamp = _stamp(now)
    own = {name.lower(): value for name, value in request.headers.items()}
    signed = {**own, "host": request.host, "x-amz-content-sha256": request.digest, "x-amz-date": stamp}
    names = ";".join(sorted(signed))
    scope = _scope(stamp, credentials)
    signature = _signature(_canonical(request, signed, request.query), stamp, credentials)
    authorization = (
        f"{ALGORITHM} Credential={credentials.access_key}/{scope}, "
        f"SignedHeaders={names}, Signature={signature}"
    )
    return {**signed, "authorization": authorization}


def presigned_query(request: S3Request, credentials: S3Credentials, now: datetime, seconds: int) -> str:
    """Return the query with which anybody may make a request for this number of seconds, LONGEST at most.

    Its headers have to be sent with it. ValueError for another number of seconds.
    """
    if not 1 <= seconds <= LONGEST:
        raise ValueError(f"a presigned URL lasts from 1 to {LONGEST} seconds, not {seconds}")
    stamp = _stamp(now)
    signed = {**{name.lower(): value for name, value in request.headers.items()}, "host": request.host}
    query = {
        **request.query,
        "X-Amz-Algorithm": ALGORITHM,
        "X-Amz-Credential": f"{credentials.access_key}/{_scope(stamp, credentials)}",
        "X-Amz-Date": stamp,
        "X-Amz-Expires": str(seconds),
        "X-Amz-SignedHeaders": ";".join(sorted(signed)),
    }
    unsigned = S3Request(request.method, request.host, request.path, query, {}, UNSIGNED)
    signature = _signature(_canonical(unsigned, signed, query), stamp, credentials)
    return f"{query_text(query)}&X-Amz-Signature={signature}"


def _stamp(now: datetime) -> str:
    return now.strftime("%Y%m%dT%H%M%SZ")


def _scope(stamp: str, credentials: S3Credentials) -> str:
    return f"{stamp[:8]}/{credentials.region}/s3/aws4_request"


def _canonical(request: S3Request, signed: Mapping[str, str], query: Mapping[str, str]) -> str:
    """Return the text of a request that is signed."""
    lines = "".join(f"{name}:{' '.join(signed[name].split())}\n" for name in sorted(signed))
    names = ";".join(sorted(signed))
    return "\n".join((request.method, request.path, query_text(query), lines, names, request.digest))


def _signature(canonical: str, stamp: str, credentials: S3Credentials) -> str:
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    key = f"AWS4{credentials.secret_key}".encode()
    for part in (stamp[:8], credentials.region, "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    text = "\n".join((ALGORITHM, stamp, _scope(stamp, credentials), digest))
    return hmac.digest(key, text.encode(), "sha256").hex()
