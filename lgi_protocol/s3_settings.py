"""What is written of an object store in settings: its address, bucket, prefix, region and keys."""

import os
import re
import stat
import sys
from pathlib import Path
from urllib.parse import urlsplit

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


def read_credentials(file: Path, region_name: str) -> S3Credentials:
    """Return the keys in a file of credentials, whose form is that of ~/.aws/credentials.

    Raises ValueError, without a word of the file, or OSError.
    """
    # For programs with such a store only.
    import configparser

    with file.open(encoding="utf-8") as opened:
        if sys.platform != "win32" and stat.S_IMODE(os.fstat(opened.fileno()).st_mode) & _OTHERS:
            raise ValueError(f"others than its owner can read it: chmod 600 {file}")
        text = opened.read(65536)
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(text)
        access, secret = (parser.get("default", name) for name in _KEYS)
    except (configparser.Error, UnicodeDecodeError):
        raise ValueError(f"write the section [default] with {' and '.join(_KEYS)} into it") from None
    return credentials(access, secret, region_name)


def credentials(access: str, secret: str, region_name: str) -> S3Credentials:
    """Return the keys of an account. Raises ValueError, without a word of them."""
    if not _VISIBLE.fullmatch(access) or not _VISIBLE.fullmatch(secret):
        raise ValueError("a key in it is empty, too long, or has blanks or characters that are not ASCII")
    return S3Credentials(access, secret, region_name)
