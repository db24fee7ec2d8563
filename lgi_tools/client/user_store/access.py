"""The user's own keys of a store: from the environment, or a file as that of Amazon's tools."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from lgi_protocol import s3_settings
from lgi_protocol.s3_signature import S3Credentials
from lgi_tools.client.settings import own_directory

if TYPE_CHECKING:
    from lgi_protocol.s3_bucket import S3Bucket

# In ~/.LGI; then that of Amazon's tools.
FILE = "s3_credentials"


def server() -> str:
    """Return the address of the user's store. Raises ValueError when none is known."""
    found = _variable("SERVER")
    if not found:
        raise ValueError("no object store is known: set LGI_S3_SERVER, as https://s3.example.org")
    return s3_settings.store_url(found)


def credentials() -> S3Credentials:
    """Return the user's keys. Raises ValueError, without a word of them, and OSError."""
    region = s3_settings.region(os.environ.get("LGI_S3_REGION", "").strip() or "us-east-1")
    access, secret = _variable("ACCESS"), _variable("SECRET")
    if access and secret:
        return s3_settings.credentials(access, secret, region)
    if access or secret:
        raise ValueError("only one of LGI_S3_ACCESS and LGI_S3_SECRET is set: set both")
    for file in _files():
        if file.is_file():
            try:
                return s3_settings.read_credentials(file, region)
            except ValueError as error:
                raise ValueError(f"{file}: {error}") from None
    raise ValueError(
        f"no keys of the object store are known: set LGI_S3_ACCESS and LGI_S3_SECRET, or write ~/.LGI/{FILE}"
    )


def bucket(name: str) -> "S3Bucket":
    """Return a bucket of the user's store, for requests with the user's keys. Raises ValueError, OSError."""
    from lgi_protocol.s3_bucket import S3Bucket
    from lgi_protocol.s3_requests import S3Place, S3Requests

    return S3Bucket(S3Requests(S3Place(server(), name), credentials()))


def _variable(name: str) -> str:
    """Return a variable, also under the name that scripts of Leruli Queue give it."""
    found = os.environ.get(f"LGI_S3_{name}") or os.environ.get(f"LERULI_S3_{name}") or ""
    return found.strip()


def _files() -> tuple[Path, Path]:
    own = own_directory()
    return own / FILE, own.parent / ".aws" / "credentials"
