"""The configuration of an object store of S3 that has the repositories."""

import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lgi_server.config.setting import setting

if TYPE_CHECKING:
    from lgi_protocol.s3_signature import S3Credentials

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_PREFIX = re.compile(r"([A-Za-z0-9_-][A-Za-z0-9._-]{0,63}/){0,4}", re.ASCII)
_REGION = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|[0-9A-Fa-f:]+", re.ASCII)
_KEYS = ("aws_access_key_id", "aws_secret_access_key")
_VISIBLE = re.compile(r"[\x21-\x7e]{1,256}")
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def store_url(text: str) -> str:
    """Return the address of a store: a scheme, a host, and a port if it is not the scheme's."""
    parts = urlsplit(text.rstrip("/"))
    if parts.scheme not in {"https", "http"} or parts.path or parts.query or parts.fragment:
        raise ValueError("write the address of the store as https://s3.example.org, without the bucket")
    if "@" in parts.netloc or not _HOST.fullmatch(parts.hostname or "") or parts.port == 0:
        raise ValueError("write the address of the store as https://s3.example.org, without the bucket")
    return text.rstrip("/")


def bucket(text: str) -> str:
    """Return the name of a bucket."""
    if not _BUCKET.fullmatch(text):
        raise ValueError("write the name of a bucket: 3 to 63 small letters, digits, '.' and '-'")
    return text


def prefix(text: str) -> str:
    """Return what the keys of all objects begin with, empty or with a slash at its end."""
    found = f"{text.strip('/')}/" if text.strip("/") else ""
    if not _PREFIX.fullmatch(found):
        raise ValueError("write a prefix such as lgi/jobs, of letters, digits, '.', '_' and '-'")
    return found


def region(text: str) -> str:
    """Return the name of a region."""
    if not _REGION.fullmatch(text):
        raise ValueError("write the region of the bucket, as us-east-1")
    return text


@dataclass(frozen=True)
class ObjectStore:
    """The store of the repositories: its address, the bucket, and the file with the keys of an account."""

    url: str = setting(store_url, name="object_store_url")
    bucket: str = setting(bucket, name="object_store_bucket")
    credentials: Path = setting(Path, name="object_store_credentials", is_file=True)
    prefix: str = setting(prefix, name="object_store_prefix", default="")
    region: str = setting(region, name="object_store_region", default="us-east-1")
    ca_certificate: Path | None = setting(Path, name="object_store_ca", is_file=True, default=None)


def read_credentials(store: ObjectStore) -> "S3Credentials":
    """Return the keys in the file of credentials, whose form is that of ~/.aws/credentials.

    Raises ValueError, without a word of the file, or OSError.
    """
    # For servers with such a store only.
    import configparser

    from lgi_protocol.s3_signature import S3Credentials

    with store.credentials.open(encoding="utf-8") as opened:
        if stat.S_IMODE(store.credentials.stat().st_mode) & _OTHERS:
            raise ValueError(f"others than its owner can read it: chmod 600 {store.credentials}")
        text = opened.read(65536)
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(text)
        access, secret = (parser.get("default", name) for name in _KEYS)
    except (configparser.Error, UnicodeDecodeError):
        raise ValueError(f"write the section [default] with {' and '.join(_KEYS)} into it") from None
    if not _VISIBLE.fullmatch(access) or not _VISIBLE.fullmatch(secret):
        raise ValueError("a key in it is empty, too long, or has blanks or characters that are not ASCII")
    return S3Credentials(access, secret, store.region)
