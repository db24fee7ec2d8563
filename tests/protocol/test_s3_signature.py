"""Signatures of S3: the examples that Amazon has published, and presigned URLs."""

from datetime import UTC, datetime

import pytest

from lgi_protocol import s3_signature
from lgi_protocol.s3_signature import S3Credentials, S3Request

CREDENTIALS = S3Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
NOW = datetime(2013, 5, 24, tzinfo=UTC)
HOST = "examplebucket.s3.amazonaws.com"
EXAMPLES = {
    "an object": (
        S3Request("GET", HOST, "/test.txt", headers={"Range": "bytes=0-9"}),
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    ),
    "a new object": (
        S3Request(
            "PUT",
            HOST,
            s3_signature.encode("/test$file.text"),
            headers={"Date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"},
            digest="44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
        ),
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
    ),
    "the life cycle of a bucket": (
        S3Request("GET", HOST, "/", {"lifecycle": ""}),
        "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
    ),
    "a list": (
        S3Request("GET", HOST, "/", {"prefix": "J", "max-keys": "2"}),
        "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
    ),
}


@pytest.mark.parametrize(("request_", "signature"), EXAMPLES.values(), ids=EXAMPLES.keys())
def test_the_published_examples_have_the_published_signatures(request_: S3Request, signature: str) -> None:
    """As "Authenticating Requests: Using the Authorization Header" has them."""
    authorization = s3_signature.headers(request_, CREDENTIALS, NOW)["authorization"]

    assert authorization.endswith(f"Signature={signature}")


def test_the_published_presigned_url_has_its_signature() -> None:
    """As "Authenticating Requests: Using Query Parameters" has it."""
    query = s3_signature.presigned_query(S3Request("GET", HOST, "/test.txt"), CREDENTIALS, NOW, 86400)

    assert query.endswith("&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404")


@pytest.mark.parametrize("seconds", [0, -1, 7 * 86400 + 1])
def test_a_presigned_url_lasts_seven_days_at_most(seconds: int) -> None:
    """Stores refuse a longer one: the error names the limit."""
    with pytest.raises(ValueError, match="from 1 to 604800 seconds"):
        s3_signature.presigned_query(S3Request("GET", HOST, "/x"), CREDENTIALS, NOW, seconds)


def test_the_secret_key_is_not_shown() -> None:
    """A log, or the message of an exception, may have the value of any object."""
    assert CREDENTIALS.secret_key not in repr(CREDENTIALS)
